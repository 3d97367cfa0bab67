"""Who may read a fictitious record, and what its holder decided: every rule of access is met somewhere."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import Any

import sqlalchemy as sa

from dmp.domain import AT_OPENING, EmergencyConsent
from dmp.store import tables

from .words import FAMILY_NAMES, GIVEN_NAMES

OPENED_BEFORE, KEPT_CLOSED = timedelta(days=4_000), timedelta(days=3_653)
# Of a hundred records: closed; opposed to consultation; masked by default; with the usual reader blocked.
CLOSED, OPPOSED, MASKED_BY_DEFAULT, BLOCKED = 2, 1, 2, 3
# Of a hundred records, those that authorise the usual structure, the usual professional, or did once.
BY_STRUCTURE, BY_NAME, ONCE = 55, 25, 5
# Of a hundred persons, those whose identity is qualifiée in the usual structure.
QUALIFIED = 90
# Of a hundred records: with a médecin traitant; refusing an emergency mode; opening masked documents in one.
REFERRED, REFUSES, OPENS_MASKED = 60, 5, 20

Row = tuple[sa.Table, dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Usual:
    """The professional (PS_IdNat) and the structure (Struct_IdNat) that most records let read."""

    professional: str
    structure: str


@dataclass(frozen=True, slots=True)
class Someone:
    """A fictitious professional, under numbers given to nobody (RPPS and FINESS beginning with 99)."""

    professional: str
    family_name: str
    given_name: str
    structure: str


def happens(draw: Random, percent: float) -> bool:
    """So many times in a hundred."""
    return draw.random() * 100 < percent


def someone(draw: Random) -> Someone:
    """Any one of ten thousand."""
    number = draw.randrange(10_000)
    return Someone(
        f"8999{number:08d}",
        FAMILY_NAMES[number % len(FAMILY_NAMES)],
        GIVEN_NAMES[number // 7 % len(GIVEN_NAMES)],
        f"199{number % 700:07d}",
    )


def relations(draw: Random, person: str, usual: Usual, now: datetime) -> list[Row]:
    """The record itself and everything around it but documents, in the order that foreign keys ask for."""
    opened = now - OPENED_BEFORE + timedelta(hours=draw.randrange(8_000))
    rows = [_record(draw, person, opened, now), *_consents(draw, person)]
    rows += _authorisations(draw, person, usual, opened, now)
    if happens(draw, BLOCKED):
        rows.append(_block(draw, person, usual.professional, opened))
    if happens(draw, REFERRED):
        rows.append(_referring(draw, person, opened))
    if happens(draw, QUALIFIED):
        rows.append(_qualified(draw, person, usual.structure, now))
    return rows


def uuid(draw: Random, at: datetime) -> str:
    """A UUIDv7 of that moment."""
    stamp = int(at.timestamp() * 1000) << 80 | draw.getrandbits(80)
    versioned = stamp & ~(0xF << 76) | 0x7 << 76
    value = f"{versioned & ~(0x3 << 62) | 0x2 << 62:032x}"
    return f"{value[:8]}-{value[8:12]}-{value[12:16]}-{value[16:20]}-{value[20:]}"


def _record(draw: Random, person: str, opened: datetime, now: datetime) -> Row:
    row: dict[str, Any] = {
        "person_id": person,
        "opened_at": opened,
        "last_received_at": now,
        "state": "open",
        "closed_at": None,
        "close_reason": "",
        "destroy_at": None,
    }
    if happens(draw, CLOSED):
        closed = now - timedelta(days=draw.randrange(1, 3_000))
        row |= {
            "state": "closed",
            "closed_at": closed,
            "close_reason": "patient_request",
            "destroy_at": closed + KEPT_CLOSED,
        }
    row["consultation_allowed"] = not happens(draw, OPPOSED)
    row["masked_by_default"] = happens(draw, MASKED_BY_DEFAULT)
    return tables.RECORD, row


def _consents(draw: Random, person: str) -> list[Row]:
    said = dict(AT_OPENING)
    for purpose in (EmergencyConsent.ETREAT, EmergencyConsent.BTG):
        said[purpose] = not happens(draw, REFUSES)
    said[EmergencyConsent.MASKED] = happens(draw, OPENS_MASKED)
    return [
        (
            tables.EMERGENCY_CONSENT,
            {"person_id": person, "purpose": purpose.value, "permitted": permitted},
        )
        for purpose, permitted in said.items()
    ]


def _authorisations(draw: Random, person: str, usual: Usual, opened: datetime, now: datetime) -> list[Row]:
    """Of the usual structure, of the usual professional, once or never; and of one stranger."""
    rows, kind = [], draw.random() * 100
    if kind < BY_STRUCTURE:
        rows.append(_authorisation(draw, person, usual.structure, "structure", opened))
    elif kind < BY_STRUCTURE + BY_NAME:
        until = now + timedelta(days=3_650) if draw.randrange(3) == 0 else None
        rows.append(_authorisation(draw, person, usual.professional, "professional", opened, until=until))
    elif kind < BY_STRUCTURE + BY_NAME + ONCE:
        ended = opened + timedelta(days=90)
        rows.append(_authorisation(draw, person, usual.professional, "professional", opened, ended_at=ended))
    if kind < BY_STRUCTURE + BY_NAME:
        known = {"person_id": person, "professional": usual.professional, "first_read_at": opened}
        rows.append((tables.KNOWN_READER, known))
    stranger = someone(draw).professional
    # The draw meets the usual one too, once in ten thousand: authorised twice, they would be refused.
    if stranger != usual.professional:
        rows.append(_authorisation(draw, person, stranger, "professional", opened))
    return rows


def _authorisation(
    draw: Random, person: str, grantee: str, kind: str, since: datetime, **more: datetime | None
) -> Row:
    row = {
        "authorisation_id": uuid(draw, since),
        "person_id": person,
        "grantee": grantee,
        "kind": kind,
        "since": since,
        "until": None,
        "granted_by": person,
        "ended_at": None,
    }
    return tables.AUTHORISATION, row | more


def _block(draw: Random, person: str, professional: str, since: datetime) -> Row:
    row = {
        "block_id": uuid(draw, since),
        "person_id": person,
        "professional": professional,
        "since": since,
    }
    return tables.BLOCK, row


def _referring(draw: Random, person: str, since: datetime) -> Row:
    row = {
        "care_role_id": uuid(draw, since),
        "person_id": person,
        "professional": someone(draw).professional,
        "role": "medecin_traitant",
        "since": since,
    }
    return tables.CARE_ROLE, row


def _qualified(draw: Random, person: str, structure: str, now: datetime) -> Row:
    row = {
        "identity_id": uuid(draw, now),
        "domain": structure,
        "person_id": person,
        "version": 1,
        "qualified": True,
    }
    return tables.QUALIFIED_IDENTITY, row
