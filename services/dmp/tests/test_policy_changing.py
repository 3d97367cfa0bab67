"""Who may change the metadata of a document: each change, for each reader, in each mode."""

from dataclasses import replace

import pytest

from chassis.caller import Caller, Purpose
from chassis.testing import NOW, callers, emergency
from dmp import policy
from dmp.domain.changes import Change
from dmp.domain.records import CareRole, EmergencyConsent, PersonId, Record, RecordState, Relation

from .policy_given import MASK, PATIENT, REPRESENTATIVES, paper, secret

PERSON = PersonId(callers.citizen.person_id)
OPEN = Relation(Record(PERSON, NOW), consents=frozenset(EmergencyConsent))
AUTHORISED = replace(OPEN, authorised=True)
BLOCKED = replace(AUTHORISED, blocked=True)
MT = replace(OPEN, roles=frozenset({CareRole.MEDECIN_TRAITANT}))
CLOSED = replace(MT, record=Record(PERSON, NOW, RecordState.CLOSED))
AUTHOR, READER = callers.doctor, callers.other_doctor
COLLEAGUE = replace(READER, organisation=AUTHOR.organisation)
PARENT = replace(callers.guardian, represents=frozenset({PERSON.value}))
DELEGATE = replace(callers.guardian, represents=frozenset[str](), assists=frozenset({PERSON.value}))
REGULATION = replace(READER, purpose=Purpose.REGULATION, roles=frozenset({"regulation"}))
OTHER_MACHINE = replace(callers.machine, organisation="1759999999")

C = Change
ORDER = [
    C.MASK,
    C.UNMASK,
    C.SHOW_TO_PATIENT,
    C.SHOW_TO_REPRESENTATIVES,
    C.HIDE_FROM_REPRESENTATIVES,
    C.ARCHIVE,
    C.UNARCHIVE,
    C.DELETE,
]
CELLS: list[tuple[str, Caller, Relation, str]] = [
    # who, then in ORDER: mask, unmask, show to the patient, to representatives, hide from them, archive,
    # unarchive, delete; of a plain document that the doctor deposited for her structure
    ("holder", callers.citizen, OPEN, "yy--y---"),
    ("legal representative", PARENT, OPEN, "yy------"),
    ("delegate", DELEGATE, OPEN, "--------"),
    ("another citizen", callers.other_citizen, OPEN, "--------"),
    ("author, not authorised", AUTHOR, OPEN, "yyyy-yyy"),
    ("author, in secret", secret(AUTHOR), OPEN, "yyyy-yyy"),
    ("author, glass broken", emergency(AUTHOR), OPEN, "--------"),
    ("author, blocked", AUTHOR, BLOCKED, "--------"),
    ("author, record closed", AUTHOR, CLOSED, "--------"),
    ("colleague of the author's structure, not authorised", COLLEAGUE, OPEN, "--yy-yyy"),
    ("médecin traitant", READER, MT, "yyyy-yy-"),
    ("administrator", READER, replace(OPEN, roles=frozenset({CareRole.ADMINISTRATOR})), "yyyy-yy-"),
    ("professional, authorised", READER, AUTHORISED, "yyyy-yy-"),
    ("professional, authorised, in secret", secret(READER), AUTHORISED, "yyyy-yy-"),
    ("professional, not authorised", READER, OPEN, "--------"),
    ("professional, glass broken", emergency(READER), AUTHORISED, "--------"),
    ("regulation", REGULATION, AUTHORISED, "--------"),
    ("professional, blocked", READER, BLOCKED, "--------"),
    ("staff of the author's structure", callers.staff, OPEN, "--yy-yyy"),
    ("machine of the author's structure", callers.machine, OPEN, "--yy-yyy"),
    ("machine of another structure", OTHER_MACHINE, OPEN, "--------"),
    ("auditor", callers.auditor, OPEN, "--------"),
]


@pytest.mark.parametrize(("name", "caller", "relation", "cells"), CELLS, ids=[c[0] for c in CELLS])
def test_each_change_of_each_reader(name: str, caller: Caller, relation: Relation, cells: str) -> None:
    decisions = [policy.may_change(caller, paper(PERSON), relation, change, True) for change in ORDER]
    assert "".join("y" if d.permitted else "-" for d in decisions) == cells
    for decision in decisions:
        assert decision.rules
        assert decision.permitted is (decision.hint == "")


def test_matrix_keeps_a_professional_from_changing_what_it_keeps_from_them() -> None:
    for change in ORDER:
        decision = policy.may_change(READER, paper(PERSON), AUTHORISED, change, habilitated=False)
        assert (decision.permitted, decision.rules) == (False, ("matrix.10.11488-4",))


def test_masked_document_is_shown_again_by_those_who_see_it() -> None:
    masked = paper(PERSON, "N", MASK)
    unmasks = {
        "holder": policy.may_change(callers.citizen, masked, OPEN, C.UNMASK, True).permitted,
        "author": policy.may_change(AUTHOR, masked, OPEN, C.UNMASK, True).permitted,
        "médecin traitant": policy.may_change(READER, masked, MT, C.UNMASK, True).permitted,
        "authorised": policy.may_change(READER, masked, AUTHORISED, C.UNMASK, True).permitted,
    }
    assert unmasks == {"holder": True, "author": True, "médecin traitant": True, "authorised": False}


def test_holder_changes_nothing_of_what_is_hidden_from_them() -> None:
    for change in ORDER:
        waiting = policy.may_change(callers.citizen, paper(PERSON, "N", PATIENT), OPEN, change, True)
        assert (waiting.permitted, waiting.rules) == (False, ("R1111-53",))
        kept = policy.may_change(PARENT, paper(PERSON, "N", REPRESENTATIVES), OPEN, change, True)
        assert (kept.permitted, kept.rules) == (False, ("R1111-50",))


def test_holder_deletes_own_deposits_only() -> None:
    own = paper(PERSON, submitted_by=callers.citizen.public_subject, submitted_for="")
    assert policy.may_change(callers.citizen, own, OPEN, C.DELETE, True).rules == ("dmp.author", "L1111-19")
    assert not policy.may_change(PARENT, own, OPEN, C.DELETE, True).permitted
    assert not policy.may_change(AUTHOR, own, AUTHORISED, C.DELETE, True).permitted
