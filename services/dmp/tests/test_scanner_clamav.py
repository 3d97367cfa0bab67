"""The scanner against a real clamd with one signature of its own (`make test-clamav`)."""

import asyncio
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from dmp.clients.scanner import Scanner
from dmp.domain import Scan
from dmp.domain.content.errors import ContentInfected

CLAMD = shutil.which("clamd", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
pytestmark = pytest.mark.skipif(CLAMD is None, reason="clamd is not installed: apt install clamav-daemon")
# The test file of EICAR, in two halves so that a scanner of this repository leaves it alone.
EICAR = rb"X5O!P%@AP[4\PZX54(P^)7CC)7}$" + rb"EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
STARTS_WITHIN = 30.0


@pytest.fixture
async def address(tmp_path: Path) -> AsyncIterator[str]:
    """A clamd of this test, on a socket of its own, that knows one signature."""
    socket, signatures = tmp_path / "clamd.ctl", tmp_path / "signatures"
    signatures.mkdir()
    (signatures / "test.ndb").write_text(f"Test.Eicar:0:*:{EICAR.hex()}\n")
    settings = tmp_path / "clamd.conf"
    folders = f"DatabaseDirectory {signatures}\nTemporaryDirectory {tmp_path}"
    settings.write_text(f"Foreground yes\nLocalSocket {socket}\n{folders}\n")
    clamd = await asyncio.create_subprocess_exec(
        str(CLAMD), "--config-file", str(settings), stdout=asyncio.subprocess.DEVNULL
    )
    try:
        async with asyncio.timeout(STARTS_WITHIN):
            while not socket.exists():
                assert clamd.returncode is None, "clamd ended by itself"
                await asyncio.sleep(0.05)
        yield f"unix:{socket}"
    finally:
        if clamd.returncode is None:
            clamd.terminate()
        await clamd.wait()


async def test_clamd_finds_what_it_knows_and_nothing_else(address: str) -> None:
    scanner = Scanner(address, required=True)
    assert await scanner.scan(b"Texte fictif. " * 100_000) is Scan.CLEAN
    with pytest.raises(ContentInfected) as refused:
        await scanner.scan(EICAR, "documents[0].content")
    assert "Test.Eicar" in refused.value.hint
