"""Ports: the documented ones, the free ones, and the sentence for one that is taken."""

import os
import socket
import threading

import pytest

from socle_local.failures import PlatformFailedError
from socle_local.manifest import Service
from socle_local.ports import OFFSET, Ports, asked_offset, check_free, is_taken

DMP = Service("dmp", "dmp", 15052, True)


def test_the_usual_ports_move_together() -> None:
    assert Ports.usual([DMP]).by_name == {"postgres": 15432, "nats": 14222, "issuer": 8081, "dmp": 15052}
    assert Ports.usual([DMP], 100).address("dmp") == "127.0.0.1:15152"
    assert Ports.usual([DMP], 100, observed=True).address("observe") == "127.0.0.1:8182"


def test_free_ports_are_all_different() -> None:
    ports = Ports.free([DMP]).by_name
    assert ports.keys() == {"postgres", "nats", "issuer", "dmp"}
    assert len(set(ports.values())) == 4
    assert not any(is_taken(port) for port in ports.values())


def test_a_taken_port_is_told_with_its_holder_and_what_to_do() -> None:
    with socket.create_server(("127.0.0.1", 0)) as held:
        port = held.getsockname()[1]
        with pytest.raises(PlatformFailedError) as failure:
            check_free(Ports({"nats": port}))
    sentence = str(failure.value)
    assert f"Port {port}, needed by nats, is taken by " in sentence
    assert f"(process {os.getpid()})" in sentence
    assert f"{OFFSET}=100" in sentence
    assert "\n" not in sentence


def test_a_port_taken_on_every_address_is_taken() -> None:
    with socket.create_server(("", 0)) as held:
        assert is_taken(held.getsockname()[1])


def test_a_port_lent_to_an_outgoing_connection_is_waited_for() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        client = socket.create_connection(server.getsockname())
        lent = client.getsockname()[1]
        answering, _ = server.accept()
        assert is_taken(lent)
        threading.Timer(0.5, answering.close).start()
        threading.Timer(0.7, client.close).start()
        said: list[str] = []
        check_free(Ports({"nats": lent}), said.append)
    assert said == [f"Port {lent}, needed by nats, is lent to a connection: waiting for its return."]
    assert not is_taken(lent)


@pytest.mark.parametrize("text", ["abc", "1.5", "99999", "-9000"])
def test_an_offset_that_is_no_offset_is_refused(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv(OFFSET, text)
    with pytest.raises(PlatformFailedError, match=OFFSET):
        asked_offset()


@pytest.mark.parametrize(("text", "offset"), [("", 0), ("0", 0), ("100", 100), ("-10", -10)])
def test_the_offset_comes_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, text: str, offset: int
) -> None:
    monkeypatch.setenv(OFFSET, text)
    assert asked_offset() == offset
