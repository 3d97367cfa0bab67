"""Volumes as the kubelet lays them out, and the sandbox that writes them, on real folders and sockets."""

import json
import os
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.containers import sandbox
from tests.containers.plan import pods
from tests.containers.seen import Seen
from tests.containers.unit.given import manifests
from tests.containers.volumes import Volume

OWN_GROUP = os.getgid()


def planned() -> dict[str, Volume]:
    return {one.name: one for one in pods(manifests())[0].volumes}


def test_a_secret_is_readable_by_the_group_of_the_pod_and_nobody_else() -> None:
    tls = planned()["tls"]
    (file,) = tls.files or ()
    assert (file.path, file.content, oct(file.mode)) == ("inner/tls.key", b"secret", oct(0o440))
    assert (tls.group, oct(tls.mode)) == (65532, oct(0o2755))


def test_memory_and_claims_are_told_apart() -> None:
    made = planned()
    assert (made["tmp"].memory, oct(made["tmp"].mode), made["tmp"].files) == (16 * 2**20, oct(0o2777), None)
    assert (made["data"].claim, oct(made["data"].mode), made["data"].memory) == (
        "data-web-0",
        oct(0o2775),
        None,
    )


def test_no_content_of_a_secret_shows_in_a_message() -> None:
    assert "secret" not in repr(planned()["tls"]).replace("Secret", "")


def layout(root: Path, content: str) -> dict[str, Any]:
    """One volume with one file, as the sandbox is told of it."""
    files = [{"path": "inner/a", "mode": 0o440, "content": content}]
    return {"path": str(root), "mode": 0o750, "group": OWN_GROUP, "files": files}


@pytest.fixture
def watch() -> sandbox.Watch:
    if not sys.platform.startswith("linux"):
        pytest.skip("inotify and /proc are of Linux, where the sandboxes run")
    return sandbox.Watch()


def test_files_are_swapped_in_by_one_rename_and_readings_are_seen(
    tmp_path: Path, watch: sandbox.Watch
) -> None:
    sandbox.write(layout(tmp_path, "b25l"), watch)
    first = (tmp_path / "..data").readlink()
    assert (tmp_path / "inner" / "a").read_text() == "one"
    sandbox.write(layout(tmp_path, "dHdv"), watch)
    assert (tmp_path / "inner" / "a").read_text() == "two"
    assert (tmp_path / "..data").readlink() != first
    assert not (tmp_path / first).exists()
    assert oct((tmp_path / "inner" / "a").stat().st_mode & 0o7777) == oct(0o440)
    assert [path.relative_to(tmp_path).parts[1:] for path in watch.read()] == [("inner", "a")] * 2


def test_a_file_that_nobody_reads_is_not_told(tmp_path: Path, watch: sandbox.Watch) -> None:
    sandbox.write(layout(tmp_path, "b25l"), watch)
    (tmp_path / "inner" / "a").stat()
    assert list(watch.read()) == []


def test_connections_of_the_kernel_are_read_from_both_ends() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        with socket.create_connection(("127.0.0.1", port)) as client, server.accept()[0]:
            seen = set(sandbox.connections(Path("/proc/net/tcp").read_text()))
            own = client.getsockname()[1]
    assert ("open", "127.0.0.1", own, "127.0.0.1", port) in seen
    assert ("listens", "127.0.0.1", port, "0.0.0.0", 0) in seen  # noqa: S104


def test_an_address_in_two_families_is_one_address() -> None:
    assert sandbox.end("0100007F:1F90") == ("127.0.0.1", 8080)
    assert sandbox.end("0000000000000000FFFF00000100007F:1F90") == ("127.0.0.1", 8080)


def test_the_sandbox_runs_alone_and_writes_again_when_told(tmp_path: Path) -> None:
    """As it runs in a container: its text handed to a Python, a plan beside it, SIGHUP for the next one."""
    plan, volume = tmp_path / "plan.json", tmp_path / "volume"
    volume.mkdir()
    plan.write_text(json.dumps([layout(volume, "b25l")]))
    script = Path(sandbox.__file__).read_text().replace(str(sandbox.PLAN), str(plan))
    process = subprocess.Popen([sys.executable, "-u", "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout
    try:
        seen = Seen()
        hear_until_written(process.stdout, seen, 1)
        plan.write_text(json.dumps([layout(volume, "dHdv")]))
        process.send_signal(1)
        hear_until_written(process.stdout, seen, 2)
        assert (volume / "inner" / "a").read_text() == "two"
    finally:
        process.terminate()
        process.communicate()
    assert process.returncode == 0


def hear_until_written(output: Any, seen: Seen, times: int) -> None:
    limit = time.monotonic() + 10
    while seen.written < times:
        assert time.monotonic() < limit
        seen.hear(output.readline())


def test_what_is_seen_is_told_by_volume_whatever_the_folder_of_the_swap() -> None:
    seen = Seen()
    seen.hear('{"read": "/volumes/tls/..123/tls.key"}')
    seen.hear('{"socket": ["listens", "0.0.0.0", 8080, "0.0.0.0", 0]}')
    seen.hear('{"socket": ["listens", "127.0.0.11", 4000, "0.0.0.0", 0]}')
    assert (seen.files(), seen.listening) == ({"tls/tls.key"}, {8080})
