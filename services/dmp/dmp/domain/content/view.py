"""A document as a page that a person reads: no script, nothing loaded from elsewhere, French first."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from dmp.domain.documents import Author, Coding, Entry
from dmp.domain.terminology import CLASSES

from . import bounds, cda, sniffing
from .bounds import Element
from .cda import Header, Party
from .errors import NothingEnclosed
from .moments import Span
from .narrative import V3, Pictures, data_uri, html_of

HERE = Path(__file__).parent
PAGES = Environment(
    loader=FileSystemLoader(HERE),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
STYLE = (HERE / "page.css").read_text()
# Kept with the page: saved to a disk, it still runs nothing and loads nothing.
POLICY = (
    "default-src 'none'; img-src data:; "
    f"style-src 'sha256-{base64.b64encode(sha256(STYLE.encode()).digest()).decode()}'"
)
NAMES_OF_TYPES = {
    sniffing.PDF: "PDF",
    sniffing.JPEG: "JPEG",
    sniffing.TIFF: "TIFF",
    sniffing.RTF: "RTF",
    sniffing.TEXT: "texte",
}
SEXES = {"M": "Masculin / Male", "F": "Féminin / Female"}
LEVELS = {"N": "Normal", "R": "Restreint / Restricted", "V": "Très restreint / Very restricted"}
DEEPEST_HEADING = 6
# Bytes of a picture shown in the page rather than behind a button.
LARGEST_PICTURE = 5 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the summary: French label, English label, what is said."""

    french: str
    english: str
    values: Sequence[str]


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with its level (2 to 6) and its narrative."""

    level: int
    title: str
    body: Markup


@dataclass(frozen=True, slots=True)
class File:
    """What is not a page by itself: shown as text or picture, or left to a button."""

    name: str
    text: str = ""
    picture: str = ""


def page(entry: Entry, content: bytes) -> bytes:
    """An HTML page, UTF-8: the header and narrative of a CDA, or the file that it is or encloses."""
    if entry.mime_type != sniffing.CDA:
        return _written(entry, _of_metadata(entry), [], _file(entry.mime_type, content))
    root = bounds.tree(content)
    file = cda.enclosed(root, "content")
    shown = _file(file.mime_type, file.content) if file else None
    return _written(entry, _of_header(cda.read(root)), list(_sections(root)), shown)


def enclosed(entry: Entry, content: bytes) -> tuple[str, bytes]:
    """The MIME type and bytes of the file: that of a level 1 CDA, or the document itself when it is no CDA.

    Raises NothingEnclosed for a structured document.
    """
    if entry.mime_type != sniffing.CDA:
        return entry.mime_type, content
    file = cda.enclosed(bounds.tree(content), "content")
    if file is None:
        raise NothingEnclosed(field="enclosed", hint="Ask for the page, or retrieve the document as it is.")
    return file.mime_type, file.content


def _written(entry: Entry, lines: Sequence[Line], sections: Sequence[Section], file: File | None) -> bytes:
    template = PAGES.get_template("page.html.j2")
    html = template.render(
        title=entry.title,
        lines=[line for line in lines if any(line.values)],
        sections=sections,
        file=file,
        style=Markup(STYLE),  # noqa: S704 (our own file)
        policy=Markup(POLICY),  # noqa: S704 (made of constants)
    )
    return html.encode()


def _file(mime_type: str, content: bytes) -> File:
    name = NAMES_OF_TYPES.get(mime_type, mime_type)
    if mime_type == sniffing.TEXT:
        return File(name, text=content.decode("utf-8", "replace"))
    if mime_type == sniffing.JPEG and len(content) <= LARGEST_PICTURE:
        return File(name, picture=data_uri(mime_type, content))
    return File(name)


def _sections(root: Element) -> Iterator[Section]:
    pictures = Pictures.of(root)
    for one in root.findall("v:component/v:structuredBody/v:component/v:section", V3):
        yield from _section(one, 2, pictures)


def _section(section: Element, level: int, pictures: Pictures) -> Iterator[Section]:
    title, text = section.find("v:title", V3), section.find("v:text", V3)
    yield Section(
        level,
        " ".join("".join(str(part) for part in title.itertext()).split()) if title is not None else "",
        html_of(text, pictures) if text is not None else Markup(""),
    )
    for inner in section.findall("v:component/v:section", V3):
        yield from _section(inner, min(level + 1, DEEPEST_HEADING), pictures)


def _of_header(header: Header) -> list[Line]:
    patient = header.patient
    names = [patient.birth_name, " ".join(patient.first_names)]
    used = [patient.used_name, patient.used_first_name]
    return [
        Line("Patient", "Patient", [" ".join(filter(None, names))]),
        Line("Nom et prénom utilisés", "Names in use", [" ".join(filter(None, used))]),
        Line("Sexe", "Sex", [SEXES.get(patient.sex, "")]),
        Line("Date de naissance", "Born on", [_day(patient.birth_date)]),
        Line("Matricule INS", "INS", [patient.ins.matricule if patient.ins else ""]),
        Line("Type de document", "Document type", [header.code.label or header.code.code]),
        Line("Créé le", "Created on", [_moment(header.created)]),
        Line("Acte", "Act", _each_once(_period(act.start, act.end) for act in header.acts)),
        Line("Auteur", "Author", _each_once(map(_party, header.authors))),
        Line("Responsable", "Legal authenticator", [_party(header.authenticator)]),
        Line("Conservé par", "Custodian", [_party(header.custodian)]),
        Line("Confidentialité", "Confidentiality", [LEVELS.get(header.confidentiality, "")]),
        Line("Version", "Version", [header.version]),
    ]


def _of_metadata(entry: Entry) -> list[Line]:
    started, ended = entry.service_start, entry.service_end
    acts = [f"{started:%d/%m/%Y}" + (f" – {ended:%d/%m/%Y}" if ended else "")]
    return [
        Line("Type de document", "Document type", [entry.type.display or _class(entry.category)]),
        Line("Créé le", "Created on", [f"{entry.created_at:%d/%m/%Y}"]),
        Line("Acte", "Act", acts),
        Line("Auteur", "Author", [_author(author) for author in entry.authors]),
        Line("Description", "Description", [entry.description]),
    ]


def _class(category: Coding) -> str:
    return CLASSES.get(category.code, category.code)


def _party(party: Party | None) -> str:
    if party is None:
        return ""
    person = " ".join(filter(None, (party.given_name, party.family_name)))
    return ", ".join(
        filter(None, (person, party.specialty.label if party.specialty else "", party.organisation_name))
    )


def _author(author: Author) -> str:
    person = " ".join(filter(None, (author.given_name, author.family_name)))
    return ", ".join(filter(None, (person, author.organisation_name)))


def _each_once(said: Iterable[str]) -> list[str]:
    """An examination of three regions is three acts of one period."""
    return list(dict.fromkeys(said))


def _day(text: str) -> str:
    """YYYY-MM-DD, as the French write it; what is not known stays out."""
    return "/".join(reversed(text.split("-"))) if text else ""


def _moment(span: Span | None) -> str:
    """As the producer wrote it, in the local time of the act: whoever reads it was there, not in UTC."""
    if span is None:
        return ""
    clock = span.text[8:12]
    return _day(span.date_text) + (
        f" {clock[:2]}:{clock[2:]}" if len(clock) == 4 and clock.isdecimal() else ""
    )


def _period(start: Span | None, end: Span | None) -> str:
    return " – ".join(filter(None, (_moment(start), _moment(end))))
