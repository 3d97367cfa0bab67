"""What acts of a pharmacist would do: the medicines read, the law and the safety checks asked. Writes
nothing."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chassis.db import ReadTx, Tx
from chassis.errors import InvalidInput, Violation
from eprescription.domain import acting
from eprescription.domain.acting import Bases, Recorder, Scales, Weighed
from eprescription.domain.codes import fault_of_cip13
from eprescription.domain.content import Line, LineKind
from eprescription.domain.dispensing import Act, InterventionKind, LineStatus
from eprescription.domain.findings import Finding, Severity
from eprescription.domain.ids import LineId
from eprescription.domain.ordering import ordered
from eprescription.domain.products import Medicine, Pack
from eprescription.domain.rules import delivering, prescribing, rights
from eprescription.domain.rules.parameters import Parameters
from eprescription.domain.safety import SafetyItem
from eprescription.domain.visits import Visit
from eprescription.store import lines

from . import products, safety


class AdditionalLineWrong(InvalidInput):
    """What the prescriber added by hand is sent with an ADDITIONAL_LINE act, and with no other."""

    where = "acts"
    remedy = (
        "Send `additional` without `line_id` for an added line, and `line_id` without `additional` otherwise."
    )


@dataclass(frozen=True, slots=True)
class Placed:
    """The visit with the lines that acts add, the acts that name them, and what the rules say of these
    lines."""

    visit: Visit
    acts: tuple[Act, ...]
    added: tuple[LineStatus, ...] = ()
    findings: tuple[Finding, ...] = ()


@dataclass(frozen=True, slots=True)
class Weighing:
    """Acts weighed, the visit with the lines they add, and all that is said of them."""

    visit: Visit
    weighed: tuple[Weighed, ...]
    findings: tuple[Finding, ...]
    # Rows that are not stored yet.
    added: tuple[LineStatus, ...] = ()

    @property
    def acts(self) -> list[Act]:
        return [one.act for one in self.weighed]


async def bases(tx: ReadTx, visit: Visit, acts: Sequence[Act]) -> Bases:
    """The medicines of the lines and of what is given. A product withdrawn since the signature is still
    known."""
    return Bases(await products.of_lines(tx, [line for _, line in visit.written()]), await _given(tx, acts))


async def _given(tx: ReadTx, acts: Sequence[Act]) -> dict[str, tuple[Medicine, Pack]]:
    """A pack that the base does not know is taken at its label: the base must not stop a treatment (B.2). A
    wrong digit is a slip of the keyboard in any case."""
    faults = [
        Violation(f"acts[{at}].cip13", fault)
        for at, act in enumerate(acts)
        if act.cip13 and (fault := fault_of_cip13(act.cip13))
    ]
    if faults:
        raise products.UnknownProduct(violations=faults)
    known = await products.given(tx, ["" if act.product_label else act.cip13 for act in acts])
    return known | await products.of_packs(tx, (act.cip13 for act in acts if act.product_label))


async def scales_of(tx: ReadTx, placed: Placed, recorder: Recorder, parameters: Parameters) -> Scales:
    return Scales(placed.visit, await bases(tx, placed.visit, placed.acts), parameters, recorder)


async def weigh(tx: Tx, scales: Scales, placed: Placed) -> Weighing:
    """Each act counted and judged by the law; then what is given, by the safety checks."""
    weighed = acting.weigh(scales, placed.acts)
    said = [*placed.findings, *(finding for one in weighed for finding in one.findings)]
    said += await _overlaps(tx, scales, weighed)
    items = _items(weighed)
    if items:
        prescription = scales.visit.prescription
        said += await safety.findings_for(
            tx, prescription.person, items, scales.recorder.on, beside=prescription.id
        )
    found = tuple(dict.fromkeys((*said, *_unchecked(weighed))))
    return Weighing(scales.visit, tuple(weighed), found, placed.added)


async def _overlaps(tx: Tx, scales: Scales, weighed: Sequence[Weighed]) -> list[Finding]:
    """V11, of what other prescriptions delivered: asked for narcotics alone."""
    narcotics = [one for one in weighed if one.delivers and one.before.narcotic]
    if not narcotics:
        return []
    on, prescribed = scales.recorder.on, scales.bases.prescribed
    running = await lines.list_running(tx, scales.visit.prescription.person, on)
    return [
        finding
        for one in narcotics
        for finding in delivering.overlap(one.line, one.before, prescribed.get(one.act.line_id), running, on)
    ]


def _items(weighed: Iterable[Weighed]) -> list[SafetyItem]:
    """Once for each product of a line, in however many packs and acts."""
    found: dict[tuple[str, str], SafetyItem] = {}
    for one in weighed:
        if one.delivers and one.line.kind is LineKind.MEDICINE:
            label = one.act.product_label or (one.medicine.label if one.medicine else one.line.product.label)
            key = (one.act.line_id, one.medicine.cis if one.medicine else label)
            substances = () if one.medicine else one.line.product.substances
            found[key] = SafetyItem(one.act.line_id, label, one.medicine, substances)
    return list(found.values())


def _unchecked(weighed: Iterable[Weighed]) -> list[Finding]:
    return [
        Finding(
            "P1",
            Severity.WARNING,
            "Produit délivré absent de la base : ni règle ni interaction n'a pu être vérifiée.",
            "Vérifier le code, ou poursuivre en connaissance de cause.",
            line_id=one.act.line_id,
            about=one.act.cip13 or "unchecked",
        )
        for one in weighed
        if one.delivers and one.medicine is None and one.line.kind is LineKind.MEDICINE
    ]


async def placed(tx: ReadTx, visit: Visit, acts: Sequence[Act], parameters: Parameters) -> Placed:
    """Additional lines given their place in the prescription.

    What the prescriber added by hand obeys the same rules as what was signed (V7: no narcotic without its
    form).
    """
    _require_form(acts)
    added = [(at, act.additional) for at, act in enumerate(acts) if act.additional is not None]
    if not added:
        return Placed(visit, tuple(acts))
    fresh = [replace(line, line_id=LineId.new().value) for _, line in added]
    resolved = await _resolved(tx, fresh, [at for at, _ in added])
    rows = _rows(visit, resolved, parameters)
    named = list(acts)
    for (at, _), row in zip(added, rows, strict=True):
        named[at] = replace(acts[at], line_id=row.line_id.value, additional=row.additional)
    return Placed(visit.with_lines(rows), tuple(named), tuple(rows), _said(visit, resolved, parameters))


def _rows(visit: Visit, resolved: products.Resolved, parameters: Parameters) -> list[LineStatus]:
    prescription = visit.prescription
    first = max(status.rank for status in visit.lines) + 1
    return [
        ordered(
            prescription.id,
            prescription.person,
            rank,
            line,
            resolved.medicines.get(line.line_id),
            prescription.signed.written_on,
            parameters,
            discharge_on=prescription.signed.content.planned_discharge_on,
            additional=True,
        )
        for rank, line in enumerate(resolved.lines, first)
    ]


def _said(visit: Visit, resolved: products.Resolved, parameters: Parameters) -> tuple[Finding, ...]:
    signed = visit.prescription.signed
    content = replace(signed.content, lines=resolved.lines)
    law = prescribing.check(replace(signed, content=content), resolved.medicines, (), parameters)
    by_right = [
        finding
        for line in resolved.lines
        for finding in rights.may_prescribe(
            signed.prescriber, line, resolved.medicines.get(line.line_id), parameters
        )
    ]
    return (*law, *by_right, *resolved.findings)


def _require_form(acts: Sequence[Act]) -> None:
    wrong = [
        Violation(
            f"acts[{at}].additional", "An added line has `additional` and no `line_id`, others the reverse."
        )
        for at, act in enumerate(acts)
        if (act.kind is InterventionKind.ADDITIONAL_LINE) != (act.additional is not None)
        or bool(act.line_id) == (act.additional is not None)
    ]
    if wrong:
        raise AdditionalLineWrong(violations=wrong)


async def _resolved(tx: ReadTx, written: Sequence[Line], at: Sequence[int]) -> products.Resolved:
    try:
        return await products.resolve(tx, written)
    except products.UnknownProduct as error:
        raise products.UnknownProduct(violations=_renamed(error.violations, at)) from None


def _renamed(violations: Sequence[Violation], at: Sequence[int]) -> list[Violation]:
    """The path of the message that was sent, for that of the content it was read as."""
    paths = {f"content.lines[{rank}]": f"acts[{place}].additional" for rank, place in enumerate(at)}
    found = []
    for one in violations:
        path = next((path for path in paths if one.field.startswith(f"{path}.")), "")
        found.append(Violation(one.field.replace(path, paths[path], 1) if path else one.field, one.problem))
    return found
