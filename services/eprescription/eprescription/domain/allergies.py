"""Known allergies of a person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from .content import Substance
from .ids import AllergyId, PersonId


@dataclass(frozen=True, slots=True)
class Allergy:
    id: AllergyId
    person: PersonId
    # The name is folded: a substance, a class of the thesaurus, or what the base does not know (latex).
    substance: Substance
    note: str
    recorded_at: datetime
    # PS_IdNat, or `person:<id>`.
    recorded_by: str
