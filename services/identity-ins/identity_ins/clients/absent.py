"""The téléservice of a platform that has none yet."""

from __future__ import annotations

from collections.abc import Sequence

from identity_ins.domain.insi import CardRead, InsFourni, Recherche, Resultat


class AbsentTeleservice:
    """Can never be reached. Real persons must not be answered by a simulation: it would find nobody, and a
    structure would take that for the word of INSi."""

    async def rechercher_ins_avec_traits_identite(self, recherche: Recherche) -> Resultat:
        raise _unreachable()

    async def rechercher_ins_avec_carte_vitale(self, carte: CardRead) -> Resultat:
        raise _unreachable()

    async def verifier_ins_avec_traits_identite(self, fourni: InsFourni) -> bool:
        raise _unreachable()

    async def verifier_lot(self, lignes: Sequence[InsFourni]) -> Sequence[bool]:
        raise _unreachable()


def _unreachable() -> ConnectionError:
    return ConnectionError("this platform has no access to INSi")
