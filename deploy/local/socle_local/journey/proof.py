"""The journal as a file that the patient verifies without the platform."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from socle_local.manifest import ROOT
from socle_local.personas import EMERGENCY_DOCTOR, OTHER_DOCTOR

from .actors import UnexpectedAnswerError

if TYPE_CHECKING:
    from .story import Story

# Seconds between two downloads, and how many of them.
PAUSE, TRIES = 0.5, 30
VERIFIER = ROOT / "tools" / "verify-journal"


async def download(story: Story) -> str:
    """One file: each line, its place in the tree, the signed head. A line enters the tree within seconds."""
    wanted = {line["id"] for line in story.journal}
    for _ in range(TRIES):
        reply = await story["patient"].send("GET", f"/v1/dmp/{story.person_id}/journal/export")
        file = reply.expect(200).json()
        if wanted <= {one["line"]["id"] for one in file["lines"] if "line" in one}:
            story.journal_file = reply.content
            return f"{len(file['lines'])} lines under a head of {file['head']['tree_size']}"
        await asyncio.sleep(PAUSE)
    raise UnexpectedAnswerError("Lines of this run are not in the tree of the journal yet.")


async def verify(story: Story) -> str:
    """A process that asks nobody: the file is all it has."""
    code, told = await _verified(story.journal_file)
    if code != 0:
        raise UnexpectedAnswerError(f"The journal does not verify: {told}")
    return told.splitlines()[-1].split(maxsplit=1)[1]


async def tamper(story: Story) -> str:
    """The other doctor's number becomes that of the emergency doctor, in one line."""
    other, emergency = OTHER_DOCTOR.id_nat.encode(), EMERGENCY_DOCTOR.id_nat.encode()
    code, told = await _verified(story.journal_file.replace(other, emergency, 1))
    if code != 1:
        raise UnexpectedAnswerError("A journal that was altered verifies.")
    return next(line for line in told.splitlines() if line.startswith("FAULT")).split(maxsplit=1)[1]


async def _verified(journal: bytes) -> tuple[int, str]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "journal.json"
        file.write_bytes(journal)
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            VERIFIER, file, stdout=pipe, stderr=asyncio.subprocess.STDOUT
        )
        told, _ = await process.communicate()
    return process.returncode or 0, told.decode().strip().replace(str(file), "journal.json")
