"""What a pharmacist says to have done, from the messages of the contract; every fault of a message at
once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from google.protobuf.timestamp_pb2 import Timestamp

from chassis.errors import InvalidInput, Violation
from eprescription.domain.dispensing import Act, Agreement, InterventionKind, NotDelivered
from eprescription.domain.progress import DELIVERING
from eprescription.usecases.claims import ReleaseReason
from socle.eprescription.v1 import dispensing_pb2 as pb
from socle.eprescription.v1 import eprescription_pb2 as common

from . import read

KINDS: Mapping[int, InterventionKind] = {
    common.InterventionKind.Value(f"INTERVENTION_KIND_{kind.name}"): kind
    for kind in InterventionKind
    if kind is not InterventionKind.UNDONE
}
NOT_DELIVERED: Mapping[int, NotDelivered] = {
    pb.NotDeliveredReason.Value(f"NOT_DELIVERED_REASON_{reason.name}"): reason for reason in NotDelivered
}
RELEASES: Mapping[int, ReleaseReason] = {
    pb.ReleaseReason.Value(f"RELEASE_REASON_{reason.name}"): reason for reason in ReleaseReason
}
# A slip of the keyboard, and no treatment.
MOST_DAYS = 366


class ActWrong(InvalidInput):
    """An act does not say what was done."""

    remedy = "Correct what each violation names; the contract says what each kind of act needs."


def acts(given: Sequence[pb.Act]) -> tuple[Act, ...]:
    """Raises ActWrong with one violation a fault, `acts[i].<field>`."""
    faults = [fault for at, one in enumerate(given) for fault in _faults(one, f"acts[{at}]")]
    faults += _same_boxes(given)
    if faults:
        raise ActWrong(violations=faults)
    return tuple(_act(one, f"acts[{at}]") for at, one in enumerate(given))


def _same_boxes(given: Sequence[pb.Act]) -> Iterator[Violation]:
    """The code of a box scanned twice is one box."""
    seen: set[tuple[str, str]] = set()
    for at, one in enumerate(given):
        box = (one.cip13, one.serial)
        if one.serial and box in seen:
            yield Violation(f"acts[{at}].serial", "This box is in the request already.")
        seen.add(box)


def _faults(given: pb.Act, at: str) -> Iterator[Violation]:
    kind = KINDS.get(given.kind)
    if kind is None:
        yield Violation(f"{at}.kind", "This kind is not recorded: UNDONE is UndoInterventionRequest.")
        return
    if given.days_covered > MOST_DAYS:
        yield Violation(f"{at}.days_covered", f"A delivery covers {MOST_DAYS} days at most.")
    if kind in DELIVERING:
        yield from _delivery_faults(given, at)
    elif not given.not_delivered:
        yield Violation(f"{at}.not_delivered", "NOT_DELIVERED needs its reason.")
    elif given.packs or given.units:
        yield Violation(f"{at}.packs", "Nothing is delivered by NOT_DELIVERED.")


def _delivery_faults(given: pb.Act, at: str) -> Iterator[Violation]:
    if given.not_delivered:
        yield Violation(f"{at}.not_delivered", "Only NOT_DELIVERED has such a reason.")
    amounts = [text for text in (given.packs, given.units) if text]
    if not amounts:
        yield Violation(f"{at}.packs", "A delivery says how much: packs, or units.")
    for name in ("packs", "units"):
        text = getattr(given, name)
        if text and Decimal(text) <= 0:
            yield Violation(f"{at}.{name}", "A delivery is above 0.")


def _act(given: pb.Act, at: str) -> Act:
    additional = read.line(given.additional, f"{at}.additional") if given.HasField("additional") else None
    return Act(
        kind=KINDS[given.kind],
        line_id=given.line_id,
        cip13=given.cip13,
        product_label=given.product_label,
        packs=read.number(given.packs),
        units=read.number(given.units),
        lot=given.lot,
        expires=read.day(given.expires),
        days_covered=given.days_covered,
        not_delivered=NOT_DELIVERED.get(given.not_delivered),
        reason=given.reason,
        agreement=_agreement(given.agreement) if given.HasField("agreement") else None,
        additional=additional,
        mte_by_pharmacist=given.mte_by_pharmacist,
        checks=tuple(given.checks),
        note=given.note,
        serial=given.serial,
    )


def _agreement(given: common.PrescriberAgreement) -> Agreement:
    when = moment(given.obtained_at) if given.HasField("obtained_at") else None
    return Agreement(given.obtained, when, given.means)


def moment(given: Timestamp) -> datetime:
    """The contract's checks let only a moment that exists through."""
    return given.ToDatetime(tzinfo=UTC)
