"""The CDA R2 document of a signed prescription: eP-MED-DM 2024.01 of the CI-SIS."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal

from eprescription.domain.content import Content, Line, LineKind
from eprescription.domain.paper import words
from eprescription.domain.prescriptions import Prescription

from . import codes, heading, narrative
from .build import Child, Element, code, completed, day, el, part_id, reference, serialised, stamp, templates
from .errors import NothingToTell
from .heading import Heading, Kind
from .narrative import Row
from .patient import Patient
from .write_line import Place, administration, device

KIND = Kind(
    codes.PRESCRIPTION_TYPE,
    (codes.PHARM_PRE, codes.PCC_DOCUMENT, codes.PRESCRIPTION),
    "Prescription de médicaments et/ou de dispositifs médicaux",
)
# Of a section: code, label, title, templates.
Known = tuple[str, str, str, tuple[str, ...]]
BARCODE: Known = (
    codes.SECTION_BARCODE,
    "Numéro de code à barres unique",
    "Code 2D de la prescription",
    ("1.2.250.1.213.1.1.2.223",),
)
MEDICINES: Known = (
    codes.SECTION_MEDICINES,
    "Prescriptions",
    "Prescription de médicaments",
    ("1.3.6.1.4.1.19376.1.9.1.2.1", "1.2.250.1.213.1.1.2.171"),
)
DEVICES: Known = (
    codes.SECTION_DEVICES,
    "Dispositifs médicaux",
    "Prescription de dispositifs médicaux",
    ("1.2.250.1.213.1.1.2.222",),
)
COMMENT: Known = (
    codes.SECTION_COMMENT,
    "Commentaire",
    "Commentaire",
    ("2.16.840.1.113883.10.12.201", "1.3.6.1.4.1.19376.1.4.1.2.16", "1.2.250.1.213.1.1.2.73"),
)
VITAL_SIGNS: Known = (
    codes.SECTION_VITAL_SIGNS,
    "Signes vitaux",
    "Signes vitaux",
    (
        "2.16.840.1.113883.10.20.1.16",
        "1.3.6.1.4.1.19376.1.5.3.1.3.25",
        "1.3.6.1.4.1.19376.1.5.3.1.1.5.3.2",
        "1.2.250.1.213.1.1.2.75",
    ),
)
PREGNANCY: Known = (
    codes.SECTION_PREGNANCY,
    "Historique des grossesses",
    "Historique des grossesses",
    ("1.3.6.1.4.1.19376.1.5.3.1.1.5.3.4", "1.2.250.1.213.1.1.2.77"),
)
COPY: Known = (codes.SECTION_COPY, "Copie du document", "Copie du document", ("1.2.250.1.213.1.1.2.243",))


@dataclass(frozen=True, slots=True)
class Copy:
    """What is enclosed: the paper as it is handed over, and the image of its two-dimensional code."""

    pdf: bytes
    # PNG.
    qr: bytes


def write(of: Prescription, patient: Patient, copy: Copy) -> bytes:
    """The document; the same prescription gives the same bytes. Raises NothingToTell for a draft."""
    if of.signed_at is None or of.written_on is None:
        raise NothingToTell
    head = heading_of(of, patient, of.signed_at)
    root = el("ClinicalDocument", *heading.of_document(head), *_parties(of, of.signed_at))
    root.append(el("component", el("structuredBody", *_sections(of, copy, of.signed_at, of.written_on))))
    return serialised(root)


def heading_of(of: Prescription, patient: Patient, at: datetime) -> Heading:
    """What the header says, which the metadata of a deposit must say as well."""
    level = "R" if of.signed.content.restricted else "N"
    return Heading(KIND, of.id.value, at, patient, of.signed.prescriber, level)


def sector_of(of: Prescription) -> str:
    """Kind of the place of care; a token that does not say it is that of a practice, or of a hospital."""
    content, sector = of.signed.content, of.signed.prescriber.sector
    if content.hospital and sector not in codes.HOSPITALS:
        return "SA01"
    return sector or codes.OFFICE


def _parties(of: Prescription, at: datetime) -> Iterator[Element]:
    prescriber, content, sector = of.signed.prescriber, of.signed.content, sector_of(of)
    yield heading.author(prescriber, at)
    yield heading.custodian(prescriber.organisation)
    yield heading.authenticator(prescriber, at, sector)
    if content.replaced_prescriber:
        yield _replaced(content.replaced_prescriber)
    if content.named_pharmacy:
        yield _executor(content.named_pharmacy)
    yield _main_act(of, at, sector)
    for field, (value, label) in codes.FLAGS.items():
        if getattr(content, field):
            yield _act(code(codes.TA_ASIP, value, label), classCode="INFO")
    discharge = content.planned_discharge_on
    # The end of the encounter: a discharge that is planned for later, else the end of the consultation.
    yield heading.encounter(prescriber.organisation, sector, day(discharge) if discharge else stamp(at))


def _replaced(professional: str) -> Element:
    entity = el(
        "associatedEntity",
        el("id", root=codes.PROFESSIONALS, extension=professional),
        el("code", nullFlavor="UNK"),
        classCode="PROV",
    )
    function = code("1.2.250.1.213.1.1.4.2.280", "CORRE", "Correspondant", tag="functionCode")
    return el("participant", function, el("time", nullFlavor="UNK"), entity, typeCode="CON")


def _executor(pharmacy: str) -> Element:
    entity = el(
        "associatedEntity",
        el("id", nullFlavor="UNK"),
        el("code", nullFlavor="UNK"),
        heading.structure(pharmacy, "scopingOrganization"),
        classCode="PROV",
    )
    return el("participant", el("time", nullFlavor="UNK"), entity, typeCode="PRF")


def _main_act(of: Prescription, at: datetime, sector: str) -> Element:
    until = el("high", value=day(of.expires_on)) if of.expires_on else el("high", nullFlavor="UNK")
    return _act(
        el("id", root=codes.NUMBERS, extension=of.number),
        code(codes.LOINC, *codes.PRESCRIPTION_TYPE),
        el("effectiveTime", el("low", value=stamp(at)), until),
        el("performer", heading.entity(of.signed.prescriber, sector), typeCode="PRF"),
        classCode="ACT",
    )


def _act(*children: Child, classCode: str) -> Element:  # noqa: N803 (the attribute's name)
    return el("documentationOf", el("serviceEvent", *children, classCode=classCode))


def _sections(of: Prescription, copy: Copy, at: datetime, written_on: date) -> Iterator[Element]:
    content, document = of.signed.content, of.id.value
    yield _media(document, BARCODE, "image/png", copy.qr, "Code2dPDF")
    medicines = [line for line in content.lines if line.kind is not LineKind.DEVICE]
    devices = [line for line in content.lines if line.kind is LineKind.DEVICE]
    for known, lines in ((MEDICINES, medicines), (DEVICES, devices)):
        if lines:
            yield _lines(document, known, lines, at, written_on)
    if rows := list(_comments(content)):
        yield section(document, COMMENT, narrative.table(rows))
    if content.weight_grams or content.height_millimetres:
        yield _vital_signs(document, content, written_on)
    if content.pregnant:
        yield _pregnancy(document, written_on)
    yield _copy(document, copy.pdf)


def section(document: str, known: Known, text: Element, *entries: Child) -> Element:
    """A section with its narrative and its entries."""
    value, label, title, roots = known
    return el(
        "component",
        el(
            "section",
            *templates(*roots),
            el("id", root=part_id(document, f"section-{value}")),
            code(codes.LOINC, value, label),
            el("title", title),
            el("text", text),
            *(el("entry", entry) for entry in entries),
        ),
    )


def _lines(document: str, known: Known, lines: Sequence[Line], at: datetime, written_on: date) -> Element:
    rows: list[Row] = []
    entries: list[Element] = []
    for rank, line in enumerate(lines, 1):
        base = narrative.prefix(line, rank)
        rows += narrative.rows_of(line, base)
        place = Place(document, base, written_on, at)
        entries.append((device if line.kind is LineKind.DEVICE else administration)(line, place))
    return section(document, known, narrative.table(rows), *entries)


def _media(document: str, known: Known, kind: str, content: bytes, id: str) -> Element:
    image = el(
        "observationMedia",
        *templates("2.16.840.1.113883.10.12.304", "1.2.250.1.213.1.1.3.103"),
        el("value", base64.b64encode(content).decode(), mediaType=kind, representation="B64"),
        classCode="OBS",
        moodCode="EVN",
        ID=id,
    )
    return section(document, known, el("renderMultiMedia", referencedObject=id), image)


def _comments(content: Content) -> Iterator[Row]:
    if content.comment:
        yield Row("Commentaire", content.comment, codes.COMMENT_ID)
    if content.initial_reference:
        yield Row("Prescription initiale", content.initial_reference, codes.INITIAL_ID)
    if content.initial_written_on:
        written = content.initial_written_on.isoformat()
        yield Row("Date de la prescription initiale", written, codes.INITIAL_DAY_ID)
    if content.initial_by_hospital:
        yield Row("Prescription initiale hospitalière", narrative.YES, codes.INITIAL_HOSPITAL_ID)


def _vital_signs(document: str, content: Content, on: date) -> Element:
    weight, height = Decimal(content.weight_grams) / 1000, Decimal(content.height_millimetres) / 10
    measured = [
        (codes.WEIGHT, weight, "kg", "poids"),
        (codes.HEIGHT, height, "cm", "taille"),
    ]
    known = [(named, value, unit, id) for named, value, unit, id in measured if value]
    rows = [Row(named[1], f"{words.number(value)} {unit}", id) for named, value, unit, id in known]
    organizer = el(
        "organizer",
        *templates(
            "2.16.840.1.113883.10.20.1.32",
            "2.16.840.1.113883.10.20.1.35",
            "1.3.6.1.4.1.19376.1.5.3.1.4.13.1",
            "1.2.250.1.213.1.1.3.49",
        ),
        el("id", root=part_id(document, "signes-vitaux")),
        code(codes.LOINC, "85353-1", "Signes vitaux"),
        completed(),
        el("effectiveTime", value=day(on)),
        *(_sign(document, sign, on) for sign in known),
        classCode="CLUSTER",
        moodCode="EVN",
    )
    return section(document, VITAL_SIGNS, narrative.table(rows), organizer)


def _sign(document: str, sign: tuple[tuple[str, str], Decimal, str, str], on: date) -> Element:
    (value, label), measured, unit, id = sign
    observation = el(
        "observation",
        *templates(
            "2.16.840.1.113883.10.20.1.31",
            "1.3.6.1.4.1.19376.1.5.3.1.4.13",
            "1.3.6.1.4.1.19376.1.5.3.1.4.13.2",
            "1.2.250.1.213.1.1.3.50",
        ),
        el("id", root=part_id(document, id)),
        code(codes.LOINC, value, label),
        reference(id),
        completed(),
        el("effectiveTime", value=day(on)),
        el("value", type_="PQ", value=f"{measured.normalize():f}", unit=unit),
        classCode="OBS",
        moodCode="EVN",
    )
    return el("component", observation, typeCode="COMP")


def _pregnancy(document: str, on: date) -> Element:
    observation = el(
        "observation",
        *templates(
            "1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.3.6.1.4.1.19376.1.5.3.1.4.13.5", "1.2.250.1.213.1.1.3.53"
        ),
        el("id", root=part_id(document, "grossesse")),
        code(codes.LOINC, "11449-6", "Statut de grossesse"),
        reference("grossesse-001"),
        completed(),
        el("effectiveTime", value=day(on)),
        code(codes.SNOMED, codes.PREGNANT, "grossesse en cours", tag="value", type_="CE"),
        classCode="OBS",
        moodCode="EVN",
    )
    rows = [Row("Statut", "Enceinte", "grossesse-001")]
    return section(document, PREGNANCY, narrative.table(rows), observation)


def _copy(document: str, pdf: bytes) -> Element:
    """FR-Document-PDF-copie: what the patient holds in hand, for whoever reads the record."""
    kind = el(
        "observation",
        *templates(*codes.STATEMENT, f"{codes.STATEMENT[1]}.18"),
        el("id", root=part_id(document, "type-copie")),
        code(codes.LOINC, "69764-9", "Type de document"),
        completed(),
        el("effectiveTime", nullFlavor="NA"),
        code(codes.LOINC, codes.SECTION_COPY, "Copie du document", tag="value", type_="CD"),
        classCode="OBS",
        moodCode="EVN",
    )
    file = el("value", base64.b64encode(pdf).decode(), mediaType="application/pdf", representation="B64")
    media = el("observationMedia", file, classCode="OBS", moodCode="EVN", ID="doc-1")
    organizer = el(
        "organizer",
        *templates("1.2.250.1.213.1.1.3.18"),
        el("id", root=part_id(document, "copie")),
        code(codes.LOINC, "55107-7", "Document attaché"),
        completed(),
        el("component", kind),
        el("component", media),
        classCode="CLUSTER",
        moodCode="EVN",
    )
    return section(document, COPY, el("renderMultiMedia", referencedObject="doc-1"), organizer)
