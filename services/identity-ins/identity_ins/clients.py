"""The INSi téléservice, behind one small class: the real one takes its place without touching a use case."""

from __future__ import annotations

from collections.abc import Sequence

from chassis.db import Database

from . import domain, store
from .domain import Answer, AnswerCode, Search


class Insi:
    """INSi simulated on the reference registry of this platform.

    It leaves no trace of its own: whoever asks traces the intent, and the answer before it leaves.
    """

    def __init__(self, db: Database) -> None:
        self.db = db

    async def search(self, search: Search) -> Answer:
        """The answer to one question."""
        async with self.db.read() as tx:
            return domain.answer(search, await store.list_namesakes(tx, search))

    async def search_each(self, searches: Sequence[Search]) -> Answer:
        """The first single person found by the questions in order, else the answer that says most."""
        best = Answer(AnswerCode.NOBODY)
        for search in searches:
            best = domain.better(best, await self.search(search))
            if best.code is AnswerCode.FOUND:
                break
        return best
