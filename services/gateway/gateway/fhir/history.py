"""The history of a Patient: each version as the change left it, newest first."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from chassis.errors import NotFound
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import instants
from .patient import write_identity
from .search import Query
from .searchset import links_of

Json = dict[str, Any]
# The largest version that the contract can hold.
LARGEST = 2**32 - 1


class NoSuchVersion(NotFound):
    """This resource has no such version."""


def read_version(text: str) -> int:
    """A version id; raises NoSuchVersion for what never was one of ours."""
    if not (text.isascii() and text.isdigit() and len(text) <= 10 and 1 <= int(text) <= LARGEST):
        raise NoSuchVersion(field="versionId", hint="See _history for the versions that there are.")
    return int(text)


def write_history(
    base: str, patient_id: str, query: Query, changes: Iterable[pb.IdentityChange], place: str
) -> Json:
    """A page of the history; `place` is where the next one begins, empty on the last."""
    links = links_of(base, f"Patient/{patient_id}/_history", query, place)
    bundle: Json = {"resourceType": "Bundle", "type": "history", "link": links}
    if entries := [_entry(base, change) for change in changes]:
        bundle["entry"] = entries
    return bundle


def _entry(base: str, change: pb.IdentityChange) -> Json:
    patient = write_version(change)
    created = change.version == 1
    address = "Patient" if created else f"Patient/{patient['id']}"
    return {
        "fullUrl": f"{base}/Patient/{patient['id']}",
        "resource": patient,
        "request": {"method": "POST" if created else "PUT", "url": address},
        "response": {
            "status": "201 Created" if created else "200 OK",
            "etag": f'W/"{change.version}"',
            "lastModified": instants.text(change.changed_at),
        },
    }


def write_version(change: pb.IdentityChange) -> Json:
    """The Patient as one change left it."""
    patient = write_identity(change.identity)
    moment = instants.text(change.changed_at)
    patient["meta"] |= {"versionId": str(change.version), "lastUpdated": moment}
    return patient
