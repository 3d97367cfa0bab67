"""What the INSi téléservice offers, in its own words: the place of the real one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from identity_ins.domain.insi import CardRead, InsFourni, Recherche, Resultat


class Fault(Exception):
    """A SOAP fault of the téléservice: a sub-code (siram_40) and the code of its detail (insi_102)."""

    def __init__(self, sub_code: str, code: str) -> None:
        self.sub_code, self.code = sub_code, code
        super().__init__(f"{sub_code}: {code}")


class Teleservice(Protocol):
    """Raises Fault, or OSError when it cannot be reached; whoever asks sets the time limit."""

    async def rechercher_ins_avec_traits_identite(self, recherche: Recherche) -> Resultat:
        """One search by traits, with one first name."""
        ...

    async def rechercher_ins_avec_carte_vitale(self, carte: CardRead) -> Resultat:
        """One search by the content of a card."""
        ...

    async def verifier_ins_avec_traits_identite(self, fourni: InsFourni) -> bool:
        """OK or KO."""
        ...

    async def verifier_lot(self, lignes: Sequence[InsFourni]) -> Sequence[bool]:
        """OK or KO for each line, in order."""
        ...
