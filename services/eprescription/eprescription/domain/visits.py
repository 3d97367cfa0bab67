"""A visit to a pharmacy: one prescription, the hold on it, its lines, and what was done about them so far.
Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from .content import Line
from .dispensing import Claim, Intervention, InterventionKind, LineStatus
from .errors import LineNotFound
from .ids import ClaimId, DispensingId, InterventionId, LineId, PersonId, PrescriptionId
from .prescriptions import Prescription


@dataclass(frozen=True, slots=True)
class ClosedVisit:
    """The row of a visit that ended with a receipt."""

    id: DispensingId
    prescription_id: PrescriptionId
    person: PersonId
    claim_id: ClaimId
    # Struct_IdNat and PS_IdNat.
    pharmacy: str
    pharmacist: str
    closed_at: datetime
    # Compact JWS of the platform.
    receipt: str


@dataclass(frozen=True, slots=True)
class Visit:
    """What a use case reads once the row of the prescription is locked; `claim` is the hold that runs, if
    any."""

    prescription: Prescription
    lines: tuple[LineStatus, ...]
    # Oldest first.
    interventions: tuple[Intervention, ...] = ()
    claim: Claim | None = None
    # Version of the medicines base when it was read; no part of the visit.
    last_import: str = field(default="", compare=False)

    def status(self, line_id: LineId | str) -> LineStatus:
        """Raises LineNotFound for a line of another prescription."""
        found = next((line for line in self.lines if line.line_id.value == str(line_id)), None)
        if found is None:
            raise LineNotFound
        return found

    def line(self, status: LineStatus) -> Line:
        """What was prescribed: signed, or added by hand on the paper."""
        found = status.additional or self.prescription.signed.content.line(status.line_id.value)
        if found is None:
            # A row of `line` that no signature covers: `signatures.verified` refuses it before it is served.
            raise LineNotFound
        return found

    def written(self) -> Iterator[tuple[LineStatus, Line]]:
        """Every line: how far it is, and what was prescribed."""
        return ((status, self.line(status)) for status in self.lines)

    def past(self, line_id: LineId) -> tuple[Intervention, ...]:
        """What stands of what was done about a line, oldest first: nothing undone, nothing that undoes."""
        return tuple(one for one in standing(self.interventions) if one.line_id == line_id)

    def of_claim(self, claim_id: ClaimId) -> tuple[Intervention, ...]:
        """What stands of what was done under one hold."""
        return tuple(one for one in standing(self.interventions) if one.claim_id == claim_id)

    def with_lines(self, changed: Sequence[LineStatus]) -> Visit:
        """The same with these lines as they now are; a line that was not there comes last."""
        now = {line.line_id: line for line in self.lines} | {line.line_id: line for line in changed}
        return replace(self, lines=tuple(now.values()))

    def with_interventions(self, more: Sequence[Intervention]) -> Visit:
        return replace(self, interventions=tied((*self.interventions, *more)))


def tied(interventions: Sequence[Intervention]) -> tuple[Intervention, ...]:
    """Each with the one that undid it: rows only tell what a row undoes."""
    by: dict[InterventionId, InterventionId] = {one.undoes: one.id for one in interventions if one.undoes}
    return tuple(replace(one, undone_by=by[one.id]) if one.id in by else one for one in interventions)


def standing(interventions: Sequence[Intervention]) -> list[Intervention]:
    """Those that nothing undid and that undo nothing, of a list that `tied` made."""
    return [one for one in interventions if not one.undone_by and one.kind is not InterventionKind.UNDONE]
