"""What is asked of the gateway: whole HTTP requests, each written before the clock starts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from random import Random
from typing import Any
from urllib.parse import quote

from socle_local.journey import Deposit, Patient, bundle, consultation_report
from socle_local.journey.documents import unique_oid

CREATE, READ, UPDATE, DELETE = "create", "read", "update", "delete"
# Of a hundred requests of the mix.
MIX = {CREATE: 10, READ: 60, UPDATE: 25, DELETE: 5}
# Of a hundred reads of the mix: searches, metadata of one document, bytes of one.
SEARCHED, LOOKED_AT = 50, 25
FHIR, PATCHED = "application/fhir+json", "application/json-patch+json"
ARCHIVE = [{"op": "replace", "path": "/extension/0/valueBoolean", "value": True}]
WITHDRAW = [{"op": "replace", "path": "/status", "value": "entered-in-error"}]


@dataclass(frozen=True, slots=True)
class Material:
    """Who and what a turn of the mix is about; of `own` each document is changed once."""

    patients: Sequence[Patient]
    fed: Sequence[Patient]
    readable: Sequence[str]
    own: Sequence[str]


class Asking:
    """The requests of one doctor."""

    def __init__(self, token: str) -> None:
        self._token = token

    def search(self, patient: Patient) -> bytes:
        """ITI-67: the current documents of a record, twenty at most."""
        who = quote(patient.ins_token, safe="")
        return self._get(f"/fhir/DocumentReference?patient.identifier={who}&status=current&_count=20")

    def look_at(self, document: str) -> bytes:
        """The metadata of one document."""
        return self._get(f"/fhir/DocumentReference/{document}")

    def retrieve(self, document: str) -> bytes:
        """ITI-68: the bytes of one document."""
        return self._get(f"/fhir/Binary/{document}", "*/*")

    def archive(self, document: str) -> bytes:
        """ITI-57 as a JSON Patch: the document is put away."""
        return self._sent("PATCH", f"/fhir/DocumentReference/{document}", ARCHIVE, PATCHED)

    def delete(self, document: str) -> bytes:
        """The same: its author withdraws it."""
        return self._sent("PATCH", f"/fhir/DocumentReference/{document}", WITHDRAW, PATCHED)

    def deposits(self, patients: Sequence[Patient], count: int) -> list[bytes]:
        """ITI-65: so many lots of one CDA document of four kilobytes, no two alike."""
        now = datetime.now(UTC).replace(microsecond=0)
        patterns = [(one, consultation_report(one, now)) for one in patients[:count]]
        made = []
        for number in range(count):
            patient, pattern = patterns[number % len(patterns)]
            oid, old = unique_oid(), pattern.unique_id.removeprefix("urn:oid:")
            content = pattern.content.replace(old.encode(), oid.encode())
            document = replace(pattern, unique_id=f"urn:oid:{oid}", content=content)
            made.append(self._sent("POST", "/fhir", bundle(Deposit(patient, [document])), FHIR))
        return made

    def mix(self, material: Material, count: int, seed: int) -> list[tuple[str, bytes]]:
        """So many requests in the proportions of MIX, each with its kind."""
        draw = Random(seed)
        kinds = draw.choices(list(MIX), list(MIX.values()), k=count)
        made: dict[str, Iterator[bytes]] = {
            CREATE: iter(self.deposits(material.fed, kinds.count(CREATE))),
            READ: (self._read(material, draw) for _ in kinds),
        }
        fresh = iter(material.own)
        made[UPDATE] = (self.archive(next(fresh)) for _ in kinds)
        made[DELETE] = (self.delete(next(fresh)) for _ in kinds)
        return [(kind, next(made[kind])) for kind in kinds]

    def _read(self, material: Material, draw: Random) -> bytes:
        drawn = draw.random() * 100
        if drawn < SEARCHED:
            return self.search(draw.choice(material.patients))
        if drawn < SEARCHED + LOOKED_AT:
            return self.look_at(draw.choice(material.readable))
        return self.retrieve(draw.choice(material.readable))

    def _get(self, path: str, accept: str = FHIR) -> bytes:
        return "\r\n".join([*self._head("GET", path, accept), "", ""]).encode()

    def _sent(self, method: str, path: str, body: Any, kind: str) -> bytes:
        content = json.dumps(body).encode()
        more = [f"content-type: {kind}", f"content-length: {len(content)}"]
        return "\r\n".join([*self._head(method, path, FHIR), *more, "", ""]).encode() + content

    def _head(self, method: str, path: str, accept: str) -> list[str]:
        bearer = f"authorization: Bearer {self._token}"
        return [f"{method} {path} HTTP/1.1", "host: 127.0.0.1", bearer, f"accept: {accept}"]


def changed_by(count: int) -> int:
    """How many documents a turn of so many requests may change: more than it will, by any draw."""
    return round(count * (MIX[UPDATE] + MIX[DELETE]) / 100 * 1.2) + 50
