"""The transaction-response: one entry for each entry of the request, in the same order."""

from __future__ import annotations

import re
from typing import Any

from socle.dmp.v1 import dmp_pb2

from .document import changed_at
from .faults import Notice
from .outcome import warnings
from .transaction import Made, Submission

Json = dict[str, Any]
ENTRY = re.compile(r"Bundle\.entry\[(\d+)\]")


def write_answer(submission: Submission, response: dmp_pb2.SubmitDocumentsResponse) -> Json:
    """What was stored, and what was left aside: in the outcome of the entry that it is about."""
    notices: dict[int, list[Notice]] = {}
    for notice in submission.notices:
        if found := ENTRY.match(notice.at):
            notices.setdefault(int(found[1]), []).append(notice)
    entries = [_write(made, submission, response) for made in submission.order]
    for index, entry in enumerate(entries):
        if index in notices:
            entry["outcome"] = warnings(notices[index])
    return {
        "resourceType": "Bundle",
        "type": "transaction-response",
        "entry": [{"response": entry} for entry in entries],
    }


def _write(made: Made, submission: Submission, response: dmp_pb2.SubmitDocumentsResponse) -> Json:
    match made.kind:
        case "List":
            return _created(f"List/{response.lot_id}", response.entries[0], version=1)
        case "Folder":
            return _created(f"List/{response.folder_ids[made.index]}", response.entries[0], version=1)
        case "Patch":
            return _patched(submission, made.index, response)
    entry = response.entries[made.index]
    return _created(f"{made.kind}/{entry.document_id}", entry, entry.version or 1)


def _created(location: str, entry: dmp_pb2.DocumentEntry, version: int) -> Json:
    created: Json = {"status": "201 Created", "location": location, "etag": f'W/"{version}"'}
    if moment := changed_at(entry):
        created["lastModified"] = moment
    return created


def _patched(submission: Submission, index: int, response: dmp_pb2.SubmitDocumentsResponse) -> Json:
    """The replaced document as it now is; a lot that was stored before says nothing new of it."""
    target = submission.targets[index]
    patched: Json = {"status": "200 OK"}
    for entry in response.replaced:
        if entry.document_id == target.document_id or entry.unique_id == target.unique_id:
            patched["location"] = f"DocumentReference/{entry.document_id}"
            patched["etag"] = f'W/"{entry.version or 1}"'
            if moment := changed_at(entry):
                patched["lastModified"] = moment
    return patched
