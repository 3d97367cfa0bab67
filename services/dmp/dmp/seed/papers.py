"""The twenty documents of a fictitious record: types, years, flags, authors, lots and what became of them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha1, sha256
from itertools import accumulate
from random import Random

from dmp.domain.documents import (
    Author,
    Codes,
    Coding,
    Confidentiality,
    Entry,
    Link,
    LinkKind,
    Status,
    in_order,
)
from dmp.domain.terminology import CLASS_SYSTEM, CLASSES, class_of

from .contents import PDF, TEXT, content_of
from .people import Usual, happens, someone, uuid
from .words import STRUCTURE_NAMES, TYPES

DOCUMENTS = 20
# Days over which they came; the last one may be so recent that its announcement is still to be made.
SPREAD_DAYS, RECENT_DAYS = 3_600, 10
# Of a hundred documents: flags, levels, what became of them, whose they are.
MASKED, FROM_REPRESENTATIVES, RESTRICTED, VERY_RESTRICTED = 5, 3, 10, 4
REPLACED, ARCHIVED, DELETED, BY_USUAL, AS_PDF = 5, 3, 1, 20, 60
# Of a hundred records, those whose last document waits for its announcement.
WAITING = 20
# Most documents of one lot.
LOT_MOST = 3
TYPE_SHARES = list(accumulate(share for *_, share in TYPES))
KINDS = [
    (Coding(code, system, label), Coding(class_, CLASS_SYSTEM, CLASSES[class_]))
    for code, system, label, _ in TYPES
    if (class_ := class_of(code))
]
IHE_FORMATS = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"
FORMATS = {
    PDF: Coding("urn:ihe:iti:xds-sd:pdf:2008", IHE_FORMATS),
    TEXT: Coding("urn:ihe:iti:xds-sd:text:2008", IHE_FORMATS),
}
NOS = "https://mos.esante.gouv.fr/NOS"
SECTORS = f"{NOS}/TRE_R02-SecteurActivite/FHIR/TRE-R02-SecteurActivite"
FRAMES = f"{NOS}/TRE_A01-CadreExercice/FHIR/TRE-A01-CadreExercice"
PROFESSIONS = f"{NOS}/TRE_G15-ProfessionSante/FHIR/TRE-G15-ProfessionSante"
FACILITIES = [Coding(code, SECTORS) for code in ("SA01", "SA07", "SA25", "SA33")]
SETTINGS = [Coding(code, FRAMES) for code in ("AMBULATOIRE", "ETABLISSEMENT")]
DOCTOR = Coding("10", PROFESSIONS, "Médecin")


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as it now stands."""

    id: str
    entry: Entry
    sha256: bytes
    submitted_at: datetime
    author: Author
    status: Status = Status.CURRENT
    archived: bool = False

    @property
    def version(self) -> int:
        """What became of it since it came was one change of its metadata, or none."""
        return 2 if self.archived or self.status is not Status.CURRENT else 1


def papers(draw: Random, usual: Usual, now: datetime) -> list[list[Paper]]:
    """Twenty documents in the lots they came in, oldest first."""
    authors = [_stranger(draw) for _ in range(4)]
    ours = _author(usual.professional, "BRANDIVAL", "HELOISE", usual.structure)
    lots: list[list[Paper]] = []
    moments = _moments(draw, now)
    while moments:
        count = draw.randint(1, LOT_MOST)
        taken, moments = moments[:count], moments[count:]
        author = ours if happens(draw, BY_USUAL) else draw.choice(authors)
        waits = now - taken[0] < timedelta(days=RECENT_DAYS)
        lots.append([_paper(draw, author, taken[0], waits) for _ in taken])
        if happens(draw, REPLACED * LOT_MOST):
            _replace_last(lots)
    return lots


def _moments(draw: Random, now: datetime) -> list[datetime]:
    """When each came, oldest first."""
    ages = [RECENT_DAYS + draw.random() * SPREAD_DAYS for _ in range(DOCUMENTS)]
    if happens(draw, WAITING):
        ages[0] = draw.random() * RECENT_DAYS
    return [now - timedelta(days=age) for age in sorted(ages, reverse=True)]


def _replace_last(lots: list[list[Paper]]) -> None:
    """The first document of the last lot replaces the first of the lot before."""
    if len(lots) < 2 or lots[-2][0].version > 1:
        return
    old, new = lots[-2][0], lots[-1][0]
    link = Link(LinkKind.REPLACES, old.id, old.entry.unique_id)
    lots[-2][0] = replace(old, status=Status.SUPERSEDED)
    lots[-1][0] = replace(new, entry=replace(new.entry, relations=(link,)))


def _paper(draw: Random, author: Author, came: datetime, waits: bool) -> Paper:
    id = uuid(draw, came)
    mime_type = PDF if happens(draw, AS_PDF) else TEXT
    content = content_of(id, mime_type)
    kind, category = draw.choices(KINDS, cum_weights=TYPE_SHARES)[0]
    made = came - timedelta(hours=draw.random() * 48)
    entry = Entry(
        unique_id=f"urn:uuid:{uuid(draw, made)}",
        category=category,
        type=kind,
        format=FORMATS[mime_type],
        mime_type=mime_type,
        sha1=sha1(content, usedforsecurity=False).digest(),
        size=len(content),
        title=f"{kind.display} du {made:%d/%m/%Y}",
        created_at=made,
        service_start=made,
        authors=(author,),
        authenticator=author,
        confidentiality=_codes(draw, waits),
        facility=draw.choice(FACILITIES),
        practice_setting=draw.choice(SETTINGS),
        language="fr-FR",
    )
    status = Status.DELETED if happens(draw, DELETED) else Status.CURRENT
    return Paper(id, entry, sha256(content).digest(), came, author, status, happens(draw, ARCHIVED))


def _codes(draw: Random, waits: bool) -> Codes:
    level = draw.random() * 100
    codes = {Confidentiality.NORMAL}
    if level < VERY_RESTRICTED:
        codes = {Confidentiality.VERY_RESTRICTED}
    elif level < VERY_RESTRICTED + RESTRICTED:
        codes = {Confidentiality.RESTRICTED}
    if waits:
        codes.add(Confidentiality.HIDDEN_FROM_PATIENT)
    elif happens(draw, MASKED):
        codes.add(Confidentiality.MASKED)
    if happens(draw, FROM_REPRESENTATIVES):
        codes.add(Confidentiality.HIDDEN_FROM_REPRESENTATIVES)
    return in_order(codes)


def _stranger(draw: Random) -> Author:
    one = someone(draw)
    return _author(one.professional, one.family_name, one.given_name, one.structure)


def _author(professional: str, family_name: str, given_name: str, structure: str) -> Author:
    name = STRUCTURE_NAMES[int(structure[-3:]) % len(STRUCTURE_NAMES)]
    return Author(professional, family_name, given_name, structure, name, DOCTOR)
