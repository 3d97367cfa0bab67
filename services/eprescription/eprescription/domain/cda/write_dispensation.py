"""The CDA R2 document of a closed visit to a pharmacy: eDISP-MED 2024.01 of the CI-SIS.

The national document is made and signed by the Dossier Pharmaceutique of the Order of pharmacists. This
platform is not it and does not sign in its name: the pharmacist who closed the visit is the author and
answers for it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from eprescription.domain.content import CountUnit, Line, Prescriber
from eprescription.domain.dispensing import Intervention, InterventionKind
from eprescription.domain.paper import words
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.visits import ClosedVisit

from . import codes, heading, narrative
from .build import Child, Element, code, completed, day, el, reference, serialised, stamp, templates
from .errors import NothingToTell
from .heading import Heading, Kind
from .narrative import Row
from .patient import Patient
from .write_line import GENERIC, note
from .write_prescription import Known, section

KIND = Kind(
    codes.DISPENSATION_TYPE,
    (codes.PCC_DOCUMENT, codes.PHARM_DIS, codes.DISPENSATION),
    "Dispensation médicamenteuse",
)
DELIVERED: Known = (
    codes.SECTION_DELIVERED,
    "Médicaments délivrés",
    "Médicaments délivrés",
    ("1.3.6.1.4.1.19376.1.9.1.2.3", "2.16.840.1.113883.10.20.1.8", "1.2.250.1.213.1.1.2.236"),
)
# TRE_G15.
PHARMACIST = "21"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A closed visit and what stands of what was done in it."""

    closed: ClosedVisit
    prescription: Prescription
    # By the id of the line, those added by hand on the paper included.
    lines: Mapping[str, Line]
    interventions: Sequence[Intervention]

    @property
    def delivered(self) -> list[Intervention]:
        """Those that put something into the hands of the patient."""
        return [one for one in self.interventions if one.kind is not InterventionKind.NOT_DELIVERED]

    @property
    def pharmacist(self) -> Prescriber:
        """Known here by the identifiers of the token that closed the visit."""
        closed = self.closed
        return Prescriber(
            closed.pharmacist, "", PHARMACIST, organisation=closed.pharmacy, sector=codes.PHARMACY
        )


def write(of: Delivery, patient: Patient) -> bytes:
    """The document; the same visit gives the same bytes. Raises NothingToTell when nothing was delivered."""
    if not of.delivered:
        raise NothingToTell
    root = el("ClinicalDocument", *heading.of_document(heading_of(of, patient)), *_parties(of))
    root.append(el("component", el("structuredBody", _section(of))))
    return serialised(root)


def heading_of(of: Delivery, patient: Patient) -> Heading:
    """What the header says, which the metadata of a deposit must say as well."""
    level = "R" if of.prescription.restricted else "N"
    return Heading(KIND, of.closed.id.value, of.closed.closed_at, patient, of.pharmacist, level)


def _parties(of: Delivery) -> Iterator[Element]:
    pharmacist, at = of.pharmacist, of.closed.closed_at
    yield heading.author(pharmacist, at)
    yield heading.custodian(pharmacist.organisation)
    yield heading.authenticator(pharmacist, at, codes.PHARMACY)
    yield _prescriber(of.prescription)
    yield el("inFulfillmentOf", el("order", _prescription_id(of.prescription)))
    act = el(
        "serviceEvent",
        el("id", root=of.closed.id.value.upper()),
        code(codes.LOINC, *codes.DISPENSATION_TYPE),
        el("effectiveTime", el("low", value=day(min(one.delivered_on for one in of.delivered)))),
        el("performer", heading.entity(pharmacist, codes.PHARMACY), typeCode="PRF"),
    )
    yield el("documentationOf", act)
    yield heading.encounter(pharmacist.organisation, codes.PHARMACY, stamp(at))


def _prescription_id(of: Prescription) -> Element:
    """The document of the prescription: an exceptional renewal goes on from that of its parent."""
    return el("id", root=(of.parent_id or of.id).value.upper())


def _prescriber(of: Prescription) -> Element:
    who = of.signed.prescriber
    written = el("low", value=day(of.written_on)) if of.written_on else None
    entity = el(
        "associatedEntity",
        el("id", root=codes.PROFESSIONALS, extension=who.id),
        heading.speciality(who),
        heading.person(who.name, "associatedPerson"),
        heading.structure(who.organisation, "scopingOrganization"),
        classCode="PROV",
    )
    return el("participant", el("time", written, type_="IVL_TS"), entity, typeCode="REF")


def _section(of: Delivery) -> Element:
    rows: list[Row] = []
    entries: list[Child] = []
    for rank, one in enumerate(of.delivered, 1):
        line, base = of.lines.get(one.line_id.value), f"med-{rank:03}"
        rows += _rows(one, line, base)
        entries.append(_supply(of, one, line, base))
    return section(of.closed.id.value, DELIVERED, narrative.table(rows), *entries)


def _rows(one: Intervention, line: Line | None, base: str) -> Iterator[Row]:
    yield Row("Médicament délivré", _label(one, line), f"{base}-delivre")
    if line is not None:
        prescribed = line.product.label or line.product.dci
        yield Row("Prescrit", prescribed, f"{base}-item-prescription")
    yield Row("Délivré le", words.day(one.delivered_on))
    yield Row("Quantité délivrée", _amount(one))
    if one.days_covered:
        yield Row("Durée couverte", narrative.days(one.days_covered))
    if one.kind is InterventionKind.SUBSTITUTED:
        yield Row("Substitution", "Substitution par un produit générique", f"{base}-substitution")
    if line is not None and line.patient_note:
        yield Row("Instruction au patient", line.patient_note, f"{base}-instruction-patient")
    if notes := _notes(one):
        yield Row("Notes du dispensateur", notes, f"{base}-notes-dispensateur")


def _notes(one: Intervention) -> str:
    """What was changed and why, then what the pharmacist adds."""
    changed = one.details.reason if one.kind is InterventionKind.CHANGED else ""
    agreed = ""
    if changed and one.details.agreement and one.details.agreement.obtained:
        agreed = "Accord du prescripteur obtenu."
    return "\n".join(part for part in (changed, agreed, one.details.note) if part)


def _label(one: Intervention, line: Line | None) -> str:
    return one.label or (line.product.label or line.product.dci if line is not None else "")


def _amount(one: Intervention) -> str:
    if one.packs:
        return words.counted(one.packs, "boîte", "boîtes")
    return words.counted(one.counted, "unité", "unités")


def _supply(of: Delivery, one: Intervention, line: Line | None, base: str) -> Element:
    """One product delivered, pointing to the line it was delivered for."""
    in_packs = bool(one.packs)
    unit = codes.BOX if in_packs else "{dose}"
    if (
        line is not None
        and line.quantity is not None
        and line.quantity.unit is CountUnit.DAY
        and not in_packs
    ):
        unit = "d"
    counted = one.packs if in_packs else one.counted
    return el(
        "supply",
        *templates(
            "2.16.840.1.113883.10.20.1.34",
            "1.3.6.1.4.1.19376.1.5.3.1.4.7.3",
            "1.3.6.1.4.1.19376.1.9.1.3.4",
            "1.2.250.1.213.1.1.3.204",
        ),
        el("id", root=one.id.value.upper()),
        reference(f"{base}-delivre"),
        el("effectiveTime", value=day(one.delivered_on)),
        el("quantity", value=f"{counted.normalize():f}", unit=unit),
        el("product", _product(one, line, base)),
        _item(of, one, base),
        note("PINSTRUCT", f"{base}-instruction-patient") if line is not None and line.patient_note else None,
        note("FINSTRUCT", f"{base}-notes-dispensateur", "1.2.250.1.213.1.1.3.207") if _notes(one) else None,
        _substituted(one, base),
        classCode="SPLY",
        moodCode="EVN",
    )


def _product(one: Intervention, line: Line | None, base: str) -> Element:
    label, told = _label(one, line), el("originalText", el("reference", value=f"#{base}-delivre"))
    if one.cis:
        pack = code(codes.CIP, one.cip13, label, tag="translation") if one.cip13 else None
        known = code(codes.CIS, one.cis, label, told, pack)
    elif one.cip13:
        known = code(codes.CIP, one.cip13, label, told)
    else:
        known = el("code", told, nullFlavor="NA")
    expires = one.details.expires
    material = el(
        "manufacturedMaterial",
        *templates("1.3.6.1.4.1.19376.1.9.1.3.1"),
        known,
        el("name", label) if label else el("name", nullFlavor="NA"),
        el("lotNumberText", one.details.lot) if one.details.lot else None,
        el("pharm:expirationTime", value=day(expires)) if expires else None,
        classCode="MMAT",
        determinerCode="KIND",
    )
    roots = templates(
        "2.16.840.1.113883.10.20.1.53", "1.3.6.1.4.1.19376.1.5.3.1.4.7.2", "1.2.250.1.213.1.1.3.43"
    )
    return el("manufacturedProduct", *roots, material, classCode="MANU")


def _item(of: Delivery, one: Intervention, base: str) -> Element:
    """The line of the prescription, by the id it has in its document."""
    material = el("manufacturedMaterial", el("name", nullFlavor="NA"), nullFlavor="NA")
    known = el(
        "code",
        el("originalText", el("reference", value=f"#{base}-item-prescription"))
        if one.line_id.value in of.lines
        else None,
        code="PREItem",
        displayName="Prescription Item",
        codeSystem="1.3.6.1.4.1.19376.1.9.2.2",
        codeSystemName="IHE Pharmacy Item Type List",
    )
    signed_at = of.prescription.signed_at or of.closed.closed_at
    item = el(
        "substanceAdministration",
        *templates("1.3.6.1.4.1.19376.1.9.1.3.11", "1.2.250.1.213.1.1.3.90"),
        el("id", root=one.line_id.value.upper()),
        known,
        el("consumable", el("manufacturedProduct", material)),
        heading.author(of.prescription.signed.prescriber, signed_at),
        el("reference", el("externalDocument", _prescription_id(of.prescription)), typeCode="XCRPT"),
        classCode="SBADM",
        moodCode="INT",
    )
    return el("entryRelationship", item, typeCode="REFR", inversionInd="false")


def _substituted(one: Intervention, base: str) -> Element | None:
    if one.kind is not InterventionKind.SUBSTITUTED:
        return None
    told = el("originalText", el("reference", value=f"#{base}-substitution"))
    act = el(
        "act",
        *templates("1.3.6.1.4.1.19376.1.9.1.3.9.2", "1.2.250.1.213.1.1.3.206"),
        code(codes.SUBSTITUTION, "G", GENERIC, told),
        completed(),
        classCode="ACT",
        moodCode="EVN",
    )
    return el("entryRelationship", act, typeCode="COMP")
