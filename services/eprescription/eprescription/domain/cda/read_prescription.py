"""A CDA prescription (eP-MED-DM 2022.01 to 2024.01) as the content of a draft.

A draft is new: it gets lines and a number of its own, and is signed again by whoever keeps it. What the
document says and a draft does not keep is named; what cannot be read without guessing is refused.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal

from chassis.errors import Violation
from eprescription.domain.content import Content, Line, LineKind

from . import bounds, codes, read_line
from .build import V3, Element
from .errors import LineNotReadable, ModelUnknown, NotAPrescription, NothingPrescribed
from .reader import Narrative, Reader
from .values import day_of, decimal_of, inner, text_at

N = {"v": V3}
SECTION = "v:component/v:structuredBody/v:component/v:section"
# What is not of a draft, and how a professional is told so.
NOT_KEPT = {
    "v:recordTarget": "patient (le brouillon est ouvert pour une personne du registre)",
    "v:author": "auteur (le brouillon est à qui le signe)",
    "v:informant": "personnes à prévenir ou de confiance",
    "v:legalAuthenticator": "responsable du document",
}
READ = frozenset(
    {
        codes.SECTION_MEDICINES,
        codes.SECTION_DEVICES,
        codes.SECTION_COMMENT,
        codes.SECTION_VITAL_SIGNS,
        codes.SECTION_PREGNANCY,
    }
)
GRAMS = {"kg": Decimal(1000), "g": Decimal(1)}
MILLIMETRES = {"m": Decimal(1000), "cm": Decimal(10), "mm": Decimal(1)}


@dataclass(frozen=True, slots=True, repr=False)
class ReadPrescription:
    """What was read; never printed, it tells what a patient takes."""

    content: Content
    # Of the document; empty when it gives none.
    number: str
    left_out: tuple[str, ...]
    # Of the lines in the document, in the order of the content, whose own are new.
    line_ids: tuple[str, ...] = ()


@dataclass(slots=True)
class _Reading:
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    line_ids: list[str] = field(default_factory=list)


def read(cda: bytes) -> ReadPrescription:
    """Raises DocumentNotReadable, NotAPrescription, ModelUnknown, NothingPrescribed, LineNotReadable."""
    root = bounds.tree(cda)
    _check(root)
    reading = _Reading()
    lines = tuple(_lines(root, reading))
    if reading.faults:
        told = [Violation("cda", fault) for fault in reading.faults]
        raise LineNotReadable(violations=told)
    if not lines:
        raise NothingPrescribed
    content = _content(root, lines)
    left_out = [*_header_left_out(root), *reading.left_out, *_sections_left_out(root)]
    number = next((one.get("extension", "") for one in root.findall(ACT_ID, N) if _is_number(one)), "")
    return ReadPrescription(content, number, tuple(dict.fromkeys(left_out)), tuple(reading.line_ids))


ACT_ID = "v:documentationOf/v:serviceEvent/v:id"


def _is_number(one: Element) -> bool:
    return one.get("root") == codes.NUMBERS


def _check(root: Element) -> None:
    kind = text_at(root, "v:code", "code")
    if kind != codes.PRESCRIPTION_TYPE[0]:
        raise NotAPrescription
    found = [one for one in root.findall("v:templateId", N) if one.get("root") == codes.PRESCRIPTION]
    versions = {one.get("extension", "") for one in found}
    if not versions & codes.VERSIONS_READ:
        known = ", ".join(sorted(codes.VERSIONS_READ))
        raise ModelUnknown(hint=f"templateId {codes.PRESCRIPTION} must have one of the versions {known}.")


# Of a section of lines: the element of its entries, how it is read, how a place is told.
LINES = {
    codes.SECTION_MEDICINES: ("v:substanceAdministration", read_line.medicine, "médicament"),
    codes.SECTION_DEVICES: ("v:supply", read_line.device, "dispositif"),
}


def _lines(root: Element, reading: _Reading) -> Iterator[Line]:
    for section in root.findall(SECTION, N):
        path, read_one, name = LINES.get(text_at(section, "v:code", "code"), ("", None, ""))
        narrative = Narrative.of(section)
        for rank, entry in enumerate(section.findall("v:entry", N) if read_one else (), 1):
            where, inside = f"{name} {rank}", entry.find(path, N)
            if inside is None or read_one is None:
                reading.faults.append(f"{where}: this entry is none of a prescribed product")
                continue
            reader = Reader(inside, narrative, where)
            line = read_one(reader)
            reading.line_ids.append(text_at(inside, "v:id", "root").lower())
            reading.left_out += reader.left_out
            reading.faults += [*reader.faults, *_faults(line, where)]
            yield line


def _faults(line: Line, where: str) -> Iterator[str]:
    """A line that does not say what, or how it is taken, is no line of a draft."""
    product = line.product
    if not (product.label or product.dci or product.cis or product.cip13 or line.ingredients):
        yield f"{where}: it names no product"
    posology = line.posology
    if line.kind is not LineKind.DEVICE and not (posology.text or posology.doses):
        yield f"{where}: it has no posology, neither structured nor in words"


def _content(root: Element, lines: tuple[Line, ...]) -> Content:
    sections = {text_at(one, "v:code", "code"): one for one in root.findall(SECTION, N)}
    said = {text_at(one, "v:code", "code") for one in root.findall("v:documentationOf/v:serviceEvent", N)}
    comments = Narrative.of(sections[codes.SECTION_COMMENT]) if codes.SECTION_COMMENT in sections else None
    facility = text_at(root, f"{ENCOUNTER}/v:location/v:healthCareFacility/v:code", "code")
    return Content(
        lines=lines,
        hospital=facility in codes.HOSPITALS,
        replaced_prescriber=_replaced(root),
        named_pharmacy=_executor(root),
        planned_discharge_on=_discharge(root),
        weight_grams=_measured(sections, codes.WEIGHT[0], GRAMS),
        height_millimetres=_measured(sections, codes.HEIGHT[0], MILLIMETRES),
        pregnant=_pregnant(sections),
        restricted=text_at(root, "v:confidentialityCode", "code") in ("R", "V"),
        initial_reference=comments.get(codes.INITIAL_ID) if comments else "",
        initial_written_on=day_of(comments.get(codes.INITIAL_DAY_ID).replace("-", "")) if comments else None,
        initial_by_hospital=bool(comments and comments.get(codes.INITIAL_HOSPITAL_ID)),
        comment=_comment(sections, comments),
        **{name: known[0] in said for name, known in codes.FLAGS.items()},
    )


ENCOUNTER = "v:componentOf/v:encompassingEncounter"


def _comment(sections: dict[str, Element], comments: Narrative | None) -> str:
    """Ours is under its id; any other is the whole narrative."""
    if comments is None:
        return ""
    ours = {codes.COMMENT_ID, codes.INITIAL_ID, codes.INITIAL_DAY_ID, codes.INITIAL_HOSPITAL_ID}
    if ours & comments.texts.keys():
        return comments.get(codes.COMMENT_ID)
    return inner(sections[codes.SECTION_COMMENT].find("v:text", N))


def _replaced(root: Element) -> str:
    """A locum stands in for them: function 353, or correspondent in the examples."""
    for one in root.findall("v:participant", N):
        function = text_at(one, "v:functionCode", "code")
        if (one.get("typeCode"), function) in (("REF", "353"), ("CON", "CORRE")):
            return _id(one.find("v:associatedEntity", N), codes.PROFESSIONALS)
    return ""


def _executor(root: Element) -> str:
    for one in root.findall("v:participant", N):
        if one.get("typeCode") == "PRF":
            return _id(one.find("v:associatedEntity/v:scopingOrganization", N), codes.STRUCTURES)
    return ""


def _id(one: Element | None, root: str) -> str:
    found = one.findall("v:id", N) if one is not None else []
    return next((e.get("extension", "") for e in found if e.get("root") == root), "")


def _discharge(root: Element) -> date | None:
    """An encounter that ends on a later day than the document is one whose end is planned."""
    written = day_of(text_at(root, "v:effectiveTime", "value"))
    ended = day_of(text_at(root, f"{ENCOUNTER}/v:effectiveTime/v:high", "value"))
    return ended if written and ended and ended > written else None


def _measured(sections: dict[str, Element], code: str, units: dict[str, Decimal]) -> int:
    section = sections.get(codes.SECTION_VITAL_SIGNS)
    for one in section.iterfind(".//v:observation", N) if section is not None else ():
        value = decimal_of(one, "v:value")
        unit = text_at(one, "v:value", "unit")
        if text_at(one, "v:code", "code") == code and value is not None and unit in units:
            return int(value * units[unit])
    return 0


def _pregnant(sections: dict[str, Element]) -> bool:
    section = sections.get(codes.SECTION_PREGNANCY)
    values = section.iterfind(".//v:observation/v:value", N) if section is not None else ()
    return any(one.get("code") == codes.PREGNANT for one in values)


def _header_left_out(root: Element) -> Iterator[str]:
    for path, sentence in NOT_KEPT.items():
        if root.find(path, N) is not None:
            yield sentence
    if text_at(root, "v:documentationOf/v:serviceEvent/v:effectiveTime/v:high", "value"):
        yield "fin de validité (elle résulte de la loi)"
    wanted = root.find("v:participant[@typeCode='PRF']/v:time/v:high", N)
    if wanted is not None:
        yield "date d'exécution souhaitée"


def _sections_left_out(root: Element) -> Iterator[str]:
    for section in root.findall(SECTION, N):
        code = text_at(section, "v:code", "code")
        if code not in READ:
            yield f"section {code} ({text_at(section, 'v:code', 'displayName')})"
