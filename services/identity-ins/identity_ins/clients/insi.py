"""INSi as the service uses it: house values in, house values out, every call measured for the journal."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from itertools import chain
from typing import TypeVar

from chassis.db import Database
from identity_ins import domain
from identity_ins.domain import (
    Answer,
    AnswerCode,
    CardRead,
    Ins,
    InsiCall,
    InsiCallId,
    InsiUnavailable,
    LotVerdict,
    Operation,
    Person,
    PersonId,
    Search,
    Traits,
    Verdict,
)
from identity_ins.domain.insi import (
    Individu,
    InsFourni,
    Resultat,
    fourni_of,
    id_of,
    question_of,
    recherche_of,
    says_the_same,
)
from identity_ins.store import registry

from .learning import learn
from .teleservice import Fault, Teleservice

T = TypeVar("T")
TIMEOUT, UNREACHABLE = "timeout", "unreachable"
# Seconds that a caller should wait after a fault: those of the field study cleared by themselves.
RETRY_AFTER = 5.0


class Insi:
    """The téléservice, and the registry that gives the persons it tells of their opaque ids.

    It writes no journal: the calls come with each answer (or with InsiUnavailable), and whoever asks records
    them in the transaction that uses the answer.
    """

    def __init__(self, db: Database, teleservice: Teleservice, timeout: float = 5.0) -> None:
        """`timeout` in seconds, for each call."""
        self.db, self.teleservice, self.timeout = db, teleservice, timeout

    async def search(self, search: Search) -> Answer:
        """The answer to one question; raises InsiUnavailable."""
        recherche = recherche_of(search)
        resultat, call = await self._ask(
            Operation.SEARCH_BY_TRAITS,
            question_of(recherche),
            self.teleservice.rechercher_ins_avec_traits_identite(recherche),
            _code_of,
        )
        return await self._answer(resultat, call)

    async def search_each(self, searches: Sequence[Search]) -> Answer:
        """The first single person found by the questions in order, else the answer that says most."""
        best = Answer(AnswerCode.NOBODY)
        for search in searches:
            try:
                best = domain.better(best, await self.search(search))
            except InsiUnavailable as fault:
                fault.calls = (*best.calls, *fault.calls)
                raise
            if best.code is AnswerCode.FOUND:
                break
        return best

    async def search_by_card(self, card: CardRead) -> Answer:
        """The answer to the content of a card; raises InsiUnavailable."""
        resultat, call = await self._ask(
            Operation.SEARCH_BY_CARD,
            question_of(card),
            self.teleservice.rechercher_ins_avec_carte_vitale(card),
            _code_of,
        )
        return await self._answer(resultat, call)

    async def verify(self, ins: Ins, traits: Traits) -> Verdict:
        """Whether a number is the current one of whoever has these five traits; raises InsiUnavailable."""
        return await self.verify_fourni(fourni_of(ins, traits))

    async def verify_fourni(self, fourni: InsFourni) -> Verdict:
        """The same of a question that came in the words of the téléservice."""
        confirmed, call = await self._ask(
            Operation.VERIFY,
            question_of(fourni),
            self.teleservice.verifier_ins_avec_traits_identite(fourni),
            lambda confirmed: "OK" if confirmed else "KO",
        )
        person = await self._confirmed(fourni) if confirmed else None
        return Verdict(confirmed, person, (call,))

    async def verify_lot(self, lines: Sequence[InsFourni]) -> LotVerdict:
        """Whom each line is confirmed to be; raises InsiUnavailable, and then no line is answered."""
        confirmed, call = await self._ask(
            Operation.VERIFY_LOT,
            tuple(chain.from_iterable(map(question_of, lines))),
            self.teleservice.verifier_lot(lines),
            lambda confirmed: "OK",
            lines=len(lines),
        )
        right = [line for line, is_right in zip(lines, confirmed, strict=True) if is_right]
        async with self.db.read() as tx:
            known = await registry.list_person_ids(tx, [line.ins for line in right])
        ids = iter([id or (await self._confirmed(line)).id for id, line in zip(known, right, strict=True)])
        persons: tuple[PersonId | None, ...] = tuple(
            next(ids) if is_right else None for is_right in confirmed
        )
        return LotVerdict(persons, (call,))

    async def _ask(
        self,
        operation: Operation,
        question: Sequence[str],
        asked: Awaitable[T],
        code_of: Callable[[T], str],
        lines: int = 1,
    ) -> tuple[T, InsiCall]:
        id, start = InsiCallId.new(), time.monotonic()

        def call(code: str) -> InsiCall:
            took = round((time.monotonic() - start) * 1000)
            return InsiCall(id, operation, domain.input_hash(id, question), code, took, lines)

        try:
            async with asyncio.timeout(self.timeout):
                answered = await asked
        except (Fault, TimeoutError, OSError) as error:
            raise _unavailable(call(_fault_code(error))) from None
        return answered, call(code_of(answered))

    async def _answer(self, resultat: Resultat, call: InsiCall) -> Answer:
        person = await self._person(resultat.individu) if resultat.individu else None
        return Answer(resultat.code_cr, person, (call,))

    async def _person(self, individu: Individu) -> Person:
        async with self.db.read() as tx:
            person = await registry.find_person(tx, individu.ins_actif.ins)
        if person and says_the_same(individu, person):
            return person
        return await learn(self.db, individu)

    async def _confirmed(self, fourni: InsFourni) -> Person:
        """A verification tells no history: whom it confirms is known by the number, or new."""
        async with self.db.read() as tx:
            person = await registry.find_person(tx, fourni.ins)
        return person or await learn(self.db, Individu(id_of(fourni.ins), (), fourni.tiq))


def _code_of(resultat: Resultat) -> str:
    return resultat.code_cr.value


def _fault_code(error: Fault | TimeoutError | OSError) -> str:
    if isinstance(error, Fault):
        return error.code
    return TIMEOUT if isinstance(error, TimeoutError) else UNREACHABLE


def _unavailable(call: InsiCall) -> InsiUnavailable:
    hint = f"The téléservice said {call.code}: ask again in a while, or go on without the INS."
    fault = InsiUnavailable(retry_after=RETRY_AFTER, hint=hint)
    fault.calls = (call,)
    return fault
