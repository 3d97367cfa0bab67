"""Who read or changed a prescription, for the person and the auditor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from chassis import audit
from chassis.audit import Wanted
from chassis.caller import Caller, require
from chassis.db import Tx
from chassis.page import PageRequest
from eprescription.domain.errors import PrescriptionNotFound
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.policy import prescriptions as policy
from eprescription.store import prescriptions as store

from .prescriptions import not_there
from .traces import trace


async def list_journal(
    tx: Tx, caller: Caller, prescription_id: PrescriptionId, page: PageRequest, now: datetime
) -> tuple[PersonId, Sequence[audit.Entry], str]:
    """Whose journal it is, a page of its lines about this prescription, newest first, and the next token.

    This reading is a line of its own, from the next one on.
    """
    prescription = await store.find_prescription(tx, prescription_id)
    if prescription is None:
        raise not_there(prescription_id.value)
    decision = require(
        policy.may_read_journal(caller, prescription),
        subject=prescription.person.value,
        object_id=prescription.id.value,
        unseen=PrescriptionNotFound,
    )
    wanted = Wanted(object_id=prescription.id.value)
    entries, more = await audit.list_entries(tx, prescription.person.value, page, wanted)
    trace(tx, caller, "prescription.read_journal", prescription, decision, now)
    return prescription.person, [_about(entry, prescription.id) for entry in entries], more


def _about(entry: audit.Entry, prescription_id: PrescriptionId) -> audit.Entry:
    """A search showed others too: this reader may not know of them."""
    hits = tuple(hit for hit in entry.hits if hit.object_id == prescription_id.value)
    return replace(entry, hits=hits)
