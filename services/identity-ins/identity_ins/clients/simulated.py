"""The téléservice simulated on the reference registry: the same answer to the same question, for ever."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from chassis.db import Database
from identity_ins import domain
from identity_ins.domain import Answer
from identity_ins.domain.insi import (
    CardRead,
    InsFourni,
    Recherche,
    Resultat,
    confirms,
    individu_of,
    search_of,
    tiq_of,
)
from identity_ins.store import registry

from .teleservice import Fault

# The fault seen in the field: "technical failure of the trait search", fatal.
TECHNICAL_FAILURE = ("siram_40", "insi_102")


class SimulatedTeleservice:
    """Answers from the registry after `latency_ms`; every `fault_every`-th call fails (0: none)."""

    def __init__(self, db: Database, latency_ms: int = 0, fault_every: int = 0) -> None:
        self.db = db
        self.latency = latency_ms / 1000
        self.fault_every = fault_every
        self._calls = 0

    async def rechercher_ins_avec_traits_identite(self, recherche: Recherche) -> Resultat:
        await self._behave()
        search = search_of(recherche)
        async with self.db.read() as tx:
            return _resultat(domain.answer(search, await registry.list_namesakes(tx, search)))

    async def rechercher_ins_avec_carte_vitale(self, carte: CardRead) -> Resultat:
        await self._behave()
        async with self.db.read() as tx:
            found = await registry.list_on_card(
                tx, carte.num_assure, carte.date_naissance, carte.rang_gemellaire
            )
        return _resultat(domain.answer_with(found))

    async def verifier_ins_avec_traits_identite(self, fourni: InsFourni) -> bool:
        await self._behave()
        return (await self._verified([fourni]))[0]

    async def verifier_lot(self, lignes: Sequence[InsFourni]) -> Sequence[bool]:
        await self._behave()
        return await self._verified(lignes)

    async def _verified(self, lines: Sequence[InsFourni]) -> list[bool]:
        async with self.db.read() as tx:
            holders = await registry.list_holders(tx, [line.ins for line in lines])
        return [
            holder is not None and confirms(line, tiq_of(holder))
            for line, holder in zip(lines, holders, strict=True)
        ]

    async def _behave(self) -> None:
        """As slow and as faulty as it is set to be."""
        self._calls += 1
        faulty = self.fault_every > 0 and self._calls % self.fault_every == 0
        if self.latency:
            await asyncio.sleep(self.latency)
        if faulty:
            raise Fault(*TECHNICAL_FAILURE)


def _resultat(answer: Answer) -> Resultat:
    individu = individu_of(answer.person) if answer.person else None
    return Resultat(answer.code, answer.label, individu)
