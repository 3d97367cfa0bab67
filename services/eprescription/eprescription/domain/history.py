"""The dispensing history of a person (dossier pharmaceutique, L.1111-23 of the Code de la santé publique)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from .dispensing import InterventionKind
from .ids import InterventionId, LineId, PrescriptionId


@dataclass(frozen=True, slots=True)
class Opposition:
    """What a person decided; nobody decides for them by default."""

    # No professional reads the history.
    history_opposed: bool = False
    # Prescribers do not see what became of their prescriptions.
    execution_hidden: bool = False


@dataclass(frozen=True, slots=True)
class Given:
    """One delivery, as the history tells it."""

    intervention_id: InterventionId
    # None for whoever may see the history but not the prescription.
    prescription_id: PrescriptionId | None
    line_id: LineId
    delivered_on: date
    # Struct_IdNat.
    pharmacy: str
    cip13: str
    cis: str
    label: str
    packs: Decimal
    days_covered: int
    kind: InterventionKind
