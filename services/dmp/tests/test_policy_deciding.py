"""Who opens, feeds, closes, consents, authorises, blocks, asks for explanations."""

from dataclasses import replace

import pytest

from chassis.caller import Caller, CallerKind, Decision, Purpose
from chassis.testing import NOW, callers, emergency
from dmp import policy
from dmp.domain.documents import Confidentiality
from dmp.domain.records import (
    CareRole,
    CloseReason,
    Consents,
    EmergencyConsent,
    Grant,
    GranteeKind,
    PersonId,
    Record,
    RecordState,
    Relation,
)

from .policy_given import secret

PERSON, WARD = PersonId(callers.citizen.person_id), PersonId(callers.other_citizen.person_id)
RECORD = Record(PERSON, NOW)
OPEN = Relation(RECORD)
BLOCKED = replace(OPEN, blocked=True)
MT = replace(OPEN, roles=frozenset({CareRole.MEDECIN_TRAITANT}))
SEPARATE = replace(callers.guardian, represents=frozenset[str]())
DELEGATE = replace(SEPARATE, assists=frozenset({PERSON.value}))
PARENT = replace(callers.guardian, represents=frozenset({PERSON.value}))
C = Confidentiality
PLAIN, WAITING, KEPT = (
    (C.NORMAL,),
    (C.NORMAL, C.HIDDEN_FROM_PATIENT),
    (C.NORMAL, C.HIDDEN_FROM_REPRESENTATIVES),
)


def regulation(caller: Caller) -> Caller:
    return replace(caller, purpose=Purpose.REGULATION, roles=frozenset({"regulation"}))


def explains_itself(decision: Decision) -> Decision:
    """Every decision names its rules, every refusal what would change it."""
    assert decision.rules
    assert decision.permitted is (decision.hint == "")
    return decision


# -- opening and feeding


@pytest.mark.parametrize("caller", [callers.doctor, callers.staff, callers.machine])
@pytest.mark.parametrize("qualified", [True, False])
def test_structure_opens_with_a_qualified_identity_only(caller: Caller, qualified: bool) -> None:
    assert explains_itself(policy.may_open(caller, PERSON, qualified)).permitted is qualified


@pytest.mark.parametrize(
    ("caller", "person", "expected"),
    [
        (callers.citizen, PERSON, True),
        (callers.guardian, WARD, True),
        (callers.other_citizen, PERSON, False),
        (DELEGATE, PERSON, False),
    ],
)
def test_citizen_opens_and_feeds_for_oneself_or_for_whom_one_represents(
    caller: Caller, person: PersonId, expected: bool
) -> None:
    record = Record(person, NOW)
    assert explains_itself(policy.may_open(caller, person, False)).permitted is expected
    assert explains_itself(policy.may_feed(caller, person, record, [PLAIN], False)).permitted is expected


OPPOSED = replace(RECORD, feeding_allowed=False)
CLOSED = replace(RECORD, state=RecordState.CLOSED)
SECRETLY, NOT_FOR_CITIZENS = secret(callers.doctor), "dmp.secret_for_professionals"
QUALIFIED = ("R1111-47", "dmp.identity_qualified")
Codes = list[tuple[Confidentiality, ...]]
FEEDING: list[tuple[str, Caller, Record | None, Codes, bool, bool, tuple[str, ...]]] = [
    # who, the record, the codes of each document, identity qualified; then: permitted, rules
    ("professional", callers.doctor, RECORD, [PLAIN], True, True, QUALIFIED),
    ("machine", callers.machine, RECORD, [WAITING], True, True, QUALIFIED),
    ("not qualified", callers.doctor, RECORD, [PLAIN], False, False, ("dmp.identity_qualified",)),
    ("not qualified, no record", callers.doctor, None, [PLAIN], False, False, ("dmp.identity_qualified",)),
    ("no record", callers.doctor, None, [PLAIN], True, False, ("dmp.no_record",)),
    ("closed", callers.doctor, CLOSED, [PLAIN], True, False, ("dmp.record_closed",)),
    ("closed, by the holder", callers.citizen, CLOSED, [PLAIN], False, False, ("dmp.record_closed",)),
    ("opposed", callers.doctor, OPPOSED, [PLAIN], True, False, ("R1111-47", "consent.feeding")),
    ("opposed, by the holder", callers.citizen, OPPOSED, [PLAIN], False, True, ("L1111-19",)),
    ("hides from oneself", callers.citizen, RECORD, [PLAIN, WAITING], False, False, ("R1111-53",)),
    ("holder keeps it", callers.citizen, RECORD, [KEPT], False, True, ("L1111-19",)),
    ("hides it from the other parent", PARENT, RECORD, [PLAIN, KEPT], False, False, ("R1111-50",)),
    ("secret", SECRETLY, RECORD, [KEPT, KEPT], True, True, ("R1111-47", "R1111-50", QUALIFIED[1])),
    ("secret, one plain", SECRETLY, RECORD, [KEPT, PLAIN], True, False, ("R1111-50", "dmp.secret_deposit")),
    ("secret, holder", secret(callers.citizen), RECORD, [KEPT], False, False, (NOT_FOR_CITIZENS,)),
    ("glass broken", emergency(callers.doctor), RECORD, [PLAIN], True, True, QUALIFIED),
]


@pytest.mark.parametrize(
    ("name", "caller", "record", "codes", "qualified", "permitted", "rules"),
    FEEDING,
    ids=[f[0] for f in FEEDING],
)
def test_who_may_feed(
    name: str,
    caller: Caller,
    record: Record | None,
    codes: list[tuple[Confidentiality, ...]],
    qualified: bool,
    permitted: bool,
    rules: tuple[str, ...],
) -> None:
    decision = explains_itself(policy.may_feed(caller, PERSON, record, codes, qualified))
    assert (decision.permitted, decision.rules) == (permitted, rules)


# -- the life of the record

WISH, DEATH, FRAUD = CloseReason.PATIENT_REQUEST, CloseReason.DEATH, CloseReason.FRAUD
CLOSING: list[tuple[str, Caller, Relation, bool, str]] = [
    # who, then for: the wish of the holder, a death, a fraud
    ("holder", callers.citizen, OPEN, False, "y--"),
    ("representative", PARENT, OPEN, False, "y--"),
    ("delegate", DELEGATE, OPEN, False, "---"),
    ("another citizen", callers.other_citizen, OPEN, False, "---"),
    ("professional, qualified", callers.doctor, OPEN, True, "yy-"),
    ("staff, qualified", callers.staff, OPEN, True, "yy-"),
    ("professional, not qualified", callers.doctor, OPEN, False, "---"),
    ("professional, blocked", callers.doctor, BLOCKED, True, "---"),
    ("professional, glass broken", emergency(callers.doctor), OPEN, True, "---"),
    ("operator", callers.operator, OPEN, False, "yyy"),
]


@pytest.mark.parametrize(
    ("name", "caller", "relation", "qualified", "cells"), CLOSING, ids=[c[0] for c in CLOSING]
)
def test_who_closes_and_reopens_for_which_reason(
    name: str, caller: Caller, relation: Relation, qualified: bool, cells: str
) -> None:
    closes = [policy.may_close(caller, PERSON, relation, why, qualified) for why in (WISH, DEATH, FRAUD)]
    assert "".join("y" if explains_itself(d).permitted else "-" for d in closes) == cells
    for reason, cell in zip((WISH, DEATH, FRAUD), cells, strict=True):
        closed = replace(relation, record=replace(CLOSED, close_reason=reason))
        decision = explains_itself(policy.may_reopen(caller, PERSON, closed, qualified))
        by_platform = reason is not WISH and caller.kind is not CallerKind.OPERATOR
        assert decision.permitted is (cell == "y" and not by_platform)


# -- authorising and consenting

OTHER = Grant(callers.other_doctor.subject, GranteeKind.PROFESSIONAL)
SELF = Grant(callers.doctor.subject, GranteeKind.PROFESSIONAL)
HOUSE = Grant(callers.doctor.organisation, GranteeKind.STRUCTURE)
HOUSE_AS_PERSON = Grant(callers.doctor.organisation, GranteeKind.PROFESSIONAL)


@pytest.mark.parametrize(
    ("caller", "relation", "asked", "rules", "permitted"),
    [
        (callers.citizen, OPEN, OTHER, ("L1111-19",), True),
        (callers.other_citizen, OPEN, OTHER, ("dmp.holder_only",), False),
        (DELEGATE, OPEN, OTHER, ("dmp.holder_only",), False),
        (callers.doctor, OPEN, SELF, ("R1111-46",), True),
        (secret(callers.doctor), OPEN, SELF, ("R1111-46",), True),
        (callers.doctor, OPEN, HOUSE, ("R1111-46",), True),
        (callers.doctor, OPEN, OTHER, ("dmp.own_structure",), False),
        (callers.doctor, OPEN, HOUSE_AS_PERSON, ("dmp.own_structure",), False),
        (callers.doctor, BLOCKED, SELF, ("dmp.blocked",), False),
        (emergency(callers.doctor), OPEN, SELF, ("dmp.emergency_reads_only",), False),
        (callers.staff, OPEN, HOUSE, ("dmp.holder_only",), False),
    ],
)
def test_who_may_authorise_whom(
    caller: Caller, relation: Relation, asked: Grant, rules: tuple[str, ...], permitted: bool
) -> None:
    decision = explains_itself(policy.may_grant(caller, PERSON, relation, asked))
    assert (decision.permitted, decision.rules) == (permitted, rules)


ORAL = Consents(feeding=True, consultation=False)
SWITCH = Consents(emergency=((EmergencyConsent.BTG, False),))


@pytest.mark.parametrize(
    ("caller", "relation", "asked", "rules", "permitted"),
    [
        (callers.citizen, OPEN, ORAL, ("L1111-19",), True),
        (callers.citizen, OPEN, SWITCH, ("L1111-19",), True),
        (PARENT, OPEN, SWITCH, ("L1111-19", "dmp.representative"), True),
        (DELEGATE, OPEN, ORAL, ("dmp.holder_only",), False),
        (callers.doctor, OPEN, ORAL, ("R1111-46", "R1111-47"), True),
        (callers.doctor, OPEN, SWITCH, ("dmp.holder_only",), False),
        (callers.doctor, BLOCKED, ORAL, ("dmp.blocked",), False),
        (regulation(callers.doctor), OPEN, ORAL, ("dmp.emergency_reads_only",), False),
        (callers.machine, OPEN, ORAL, ("dmp.holder_only",), False),
    ],
)
def test_who_may_change_which_consents(
    caller: Caller, relation: Relation, asked: Consents, rules: tuple[str, ...], permitted: bool
) -> None:
    decision = explains_itself(policy.may_change_consents(caller, PERSON, relation, asked))
    assert (decision.permitted, decision.rules) == (permitted, rules)


@pytest.mark.parametrize(
    ("caller", "relation", "rules", "permitted"),
    [
        (callers.citizen, OPEN, ("L1111-19",), True),
        (callers.other_citizen, OPEN, ("dmp.holder_only",), False),
        (callers.doctor, MT, ("R1111-41", "role.medecin_traitant"), True),
        (callers.doctor, OPEN, ("dmp.holder_only",), False),
        (callers.doctor, replace(OPEN, authorised=True), ("dmp.holder_only",), False),
        (callers.doctor, replace(MT, blocked=True), ("dmp.blocked",), False),
        (emergency(callers.doctor), MT, ("dmp.emergency_reads_only",), False),
        (callers.machine, MT, ("dmp.holder_only",), False),
    ],
)
def test_who_may_block(caller: Caller, relation: Relation, rules: tuple[str, ...], permitted: bool) -> None:
    decision = explains_itself(policy.may_block(caller, PERSON, relation))
    assert (decision.permitted, decision.rules) == (permitted, rules)


# -- holding, the journal, explanations


@pytest.mark.parametrize("caller", callers.every_kind().values(), ids=str)
def test_only_the_holder_manages_and_only_holder_and_auditor_read_the_journal(caller: Caller) -> None:
    holds = caller == callers.citizen
    assert explains_itself(policy.may_hold(caller, PERSON)).permitted is holds
    reads = explains_itself(policy.may_read_journal(caller, PERSON))
    assert reads.permitted is (holds or caller.kind is CallerKind.AUDITOR)


def test_citizen_without_a_matched_account_is_nobodys_holder() -> None:
    assert not policy.may_hold(replace(callers.citizen, person_id=""), PersonId("")).permitted


@pytest.mark.parametrize("caller", [callers.citizen, PARENT])
def test_nobody_decides_in_a_secret_connection_of_their_own(caller: Caller) -> None:
    decision = explains_itself(policy.may_hold(secret(caller), PERSON))
    assert (decision.permitted, decision.rules) == (False, ("dmp.secret_for_professionals",))


def test_delegate_is_told_that_a_delegation_is_for_reading() -> None:
    assert "delegation" in policy.may_hold(DELEGATE, PERSON).hint
    assert not policy.may_read_journal(DELEGATE, PERSON).permitted


@pytest.mark.parametrize(
    ("caller", "reader", "permitted"),
    [
        (callers.citizen, callers.doctor.subject, True),
        (PARENT, callers.doctor.subject, True),
        (DELEGATE, callers.doctor.subject, False),
        (callers.other_citizen, callers.doctor.subject, False),
        (callers.auditor, callers.doctor.subject, True),
        (callers.doctor, "", True),
        (callers.doctor, callers.doctor.subject, True),
        (callers.doctor, callers.nurse.subject, False),
        (callers.staff, callers.doctor.subject, False),
    ],
)
def test_who_may_ask_what_a_reader_would_see(caller: Caller, reader: str, permitted: bool) -> None:
    assert explains_itself(policy.may_explain(caller, PERSON, reader)).permitted is permitted
