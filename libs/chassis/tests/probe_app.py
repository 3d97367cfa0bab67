"""A service of the tests' own, run in a process of its own; its environment chooses what is wrong with it."""

import asyncio
import os
import sys
from typing import Any

import probe_pb2  # type: ignore[import-not-found]

import chassis
from chassis import outbox
from chassis.call import Call
from chassis.db import Database


class Servicer:
    """Emits an event, or waits."""

    service = probe_pb2.DESCRIPTOR.services_by_name[os.environ.get("CONTRACT", "ProbeService")]

    def __init__(self, db: Database) -> None:
        self.db = db

    async def WriteNote(self, request: Any, call: Call) -> Any:
        async with self.db.begin(call) as tx:
            outbox.emit(tx, probe_pb2.NoteWritten(note_id=request.note_id), now=call.now())
            return tx.answer(probe_pb2.WriteNoteResponse(note_id=request.note_id))

    async def ReadNote(self, request: Any, call: Call) -> Any:
        raise AssertionError("no test calls this method")

    async def Wait(self, request: Any, call: Call) -> Any:
        sys.stdout.write("waiting\n")
        sys.stdout.flush()
        await asyncio.sleep(request.seconds)
        return probe_pb2.WaitResponse()

    Anything = Wait


async def fails() -> None:
    """A loop of the service that ends as none should."""
    await asyncio.sleep(0.2)
    raise ZeroDivisionError("DUPONT")


async def build(base: chassis.Base[chassis.Settings]) -> chassis.App:
    return chassis.App(servicers=[Servicer(base.db)], tasks=[fails] if "FAILING" in os.environ else [])


if __name__ == "__main__":
    chassis.run("probe", build, chassis.Settings)
