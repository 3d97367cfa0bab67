"""The configuration of the NATS cluster, read by the real server: it refuses what it does not know."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path

import pytest
import trustme

from socle_local.nats import server_binary
from tools.paths import ROOT

SOURCE = ROOT / "deploy" / "k8s" / "components" / "nats-cluster"


@pytest.fixture
def server(tmp_path: Path) -> Path:
    """The folders of a pod: configuration, passwords (of digits only), certificates."""
    for name in ("config", "passwords", "tls"):
        (tmp_path / name).mkdir()
    leaf = trustme.CA().issue_cert("nats")
    (tmp_path / "tls" / "tls.key").write_bytes(leaf.private_key_pem.bytes())
    (tmp_path / "tls" / "tls.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
    (tmp_path / "tls" / "ca.crt").write_bytes(leaf.cert_chain_pems[0].bytes())
    users = (SOURCE / "users.conf").read_text()
    (tmp_path / "config" / "users.conf").write_text(users)
    variables = re.findall(r"\$(NATS_PASSWORD_\w+)", users)
    (tmp_path / "passwords" / "passwords.conf").write_text("".join(f'{v}: "12345"\n' for v in variables))
    configuration = (SOURCE / "nats.conf").read_text().replace("/run/socle/tls", str(tmp_path / "tls"))
    (tmp_path / "config" / "nats.conf").write_text(configuration)
    return tmp_path / "config" / "nats.conf"


def said(configuration: Path) -> str:
    done = subprocess.run(
        [server_binary(), "-t", "-c", configuration],
        env={**os.environ, "POD_NAME": "nats-0"},
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


def test_configuration_as_mounted_then_the_server_accepts_it(server: Path) -> None:
    assert "is valid" in said(server)


def test_configuration_without_a_password_then_the_server_refuses_it(server: Path) -> None:
    (server.parent.parent / "passwords" / "passwords.conf").write_text("")
    assert "can not be found" in said(server)


def test_configuration_with_an_unknown_word_then_the_server_refuses_it(server: Path) -> None:
    server.write_text(server.read_text().replace("sync_interval", "sync_intervall"))
    assert "is valid" not in said(server)
