"""Who may what, as a table that follows the order of the law and the cells of each reader."""

from dataclasses import replace
from typing import Any

import pytest

from chassis.caller import Caller, CallerKind, Decision
from chassis.testing import NOW, callers, emergency
from dmp import domain, policy
from dmp.domain import (
    Confidentiality,
    Document,
    DocumentId,
    EmergencyConsent,
    Grant,
    GranteeKind,
    LotId,
    PersonId,
    Record,
    Relation,
)

from .dmp_given import PERSON, WARD, centre_15, codes, entry

OPEN = Relation(Record(PERSON, NOW), consents=frozenset({EmergencyConsent.ETREAT, EmergencyConsent.BTG}))
AUTHORISED = replace(OPEN, authorised=True)
MASKED_TOO = replace(OPEN, consents=frozenset(EmergencyConsent))
NO_CONSENT = replace(OPEN, consents=frozenset())
READER = callers.other_doctor


def document(person: PersonId = PERSON, **changes: Any) -> Document:
    return Document(
        DocumentId.new(),
        person,
        LotId.new(),
        entry(**changes),
        NOW,
        callers.doctor.subject,
        "1750000018",
        b"",
    )


def read(
    caller: Caller, relation: Relation, *flags: str, person: PersonId = PERSON, habilitated: bool = True
) -> Decision:
    found = document(person, confidentiality=codes(*(flags or ("N",))))
    return policy.may_read(found, policy.reach(caller, person, relation), habilitated)


# -- the table of readers and flags

MASK, PATIENT, REPRESENTATIVES = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
CELLS = [
    # reader, relation, then: N, masked, hidden from the patient, hidden from representatives
    ("author", callers.doctor, OPEN, "yyyy"),
    ("author, glass broken", emergency(callers.doctor), NO_CONSENT, "yyyy"),
    ("other professional, not authorised", READER, OPEN, "----"),
    ("other professional, authorised", READER, AUTHORISED, "y-yy"),
    ("glass broken", emergency(READER), OPEN, "y-yy"),
    ("glass broken, masked allowed", emergency(READER), MASKED_TOO, "yyyy"),
    ("glass broken, refused by the holder", emergency(READER), NO_CONSENT, "----"),
    ("regulation", centre_15(READER), OPEN, "y-yy"),
    ("regulation, masked allowed", centre_15(READER), MASKED_TOO, "yyyy"),
    ("regulation, refused by the holder", centre_15(READER), NO_CONSENT, "----"),
    ("blocked", READER, replace(AUTHORISED, blocked=True), "----"),
    ("blocked, glass broken", emergency(READER), replace(MASKED_TOO, blocked=True), "----"),
    ("blocked author", callers.doctor, replace(AUTHORISED, blocked=True), "----"),
    ("holder", callers.citizen, OPEN, "yy-y"),
    ("another citizen", callers.other_citizen, OPEN, "----"),
    ("staff", callers.staff, AUTHORISED, "----"),
    ("machine", callers.machine, AUTHORISED, "----"),
]


@pytest.mark.parametrize(("name", "caller", "relation", "cells"), CELLS, ids=[c[0] for c in CELLS])
def test_each_cell_of_the_readers(name: str, caller: Caller, relation: Relation, cells: str) -> None:
    flags = [("N",), ("N", MASK), ("N", PATIENT), ("N", REPRESENTATIVES)]
    found = "".join("y" if read(caller, relation, *f).permitted else "-" for f in flags)
    assert found == cells


def test_representative_sees_masked_but_nothing_hidden_from_either() -> None:
    ward = replace(OPEN, record=Record(WARD, NOW))
    flags = [("N",), ("N", MASK), ("N", PATIENT), ("N", REPRESENTATIVES)]
    found = [read(callers.guardian, ward, *f, person=WARD).permitted for f in flags]
    assert found == [True, True, False, False]


# -- the rules that each decision names

RULES = [
    ("author", callers.doctor, OPEN, ("N", MASK), True, True, ("R1111-49",)),
    ("not authorised", READER, OPEN, ("N",), True, False, ("R1111-46",)),
    ("authorised", READER, AUTHORISED, ("N",), True, True, ("R1111-46", "matrix.10.11488-4")),
    ("matrix", READER, AUTHORISED, ("N",), False, False, ("matrix.10.11488-4",)),
    ("masked", READER, AUTHORISED, ("N", MASK), True, False, ("dmp.masked",)),
    ("blocked", READER, replace(OPEN, blocked=True), ("N",), True, False, ("dmp.blocked",)),
    (
        "glass",
        emergency(READER),
        OPEN,
        ("N",),
        True,
        True,
        ("L1111-17-I", "consent.BTG", "matrix.10.11488-4"),
    ),
    ("glass, masked", emergency(READER), OPEN, ("N", MASK), True, False, ("dmp.masked", "consent.MASKED")),
    ("glass, matrix", emergency(READER), OPEN, ("N",), False, False, ("matrix.10.11488-4",)),
    ("regulation", centre_15(READER), OPEN, ("N",), False, True, ("L1111-17-I", "consent.ETREAT")),
    ("holder", callers.citizen, OPEN, ("N",), False, True, ("L1111-19",)),
    ("holder, announcement", callers.citizen, OPEN, ("N", PATIENT), True, False, ("R1111-53",)),
]


@pytest.mark.parametrize(
    ("name", "caller", "relation", "flags", "habilitated", "permitted", "rules"),
    RULES,
    ids=[r[0] for r in RULES],
)
def test_decision_names_its_rules(
    name: str,
    caller: Caller,
    relation: Relation,
    flags: tuple[str, ...],
    habilitated: bool,
    permitted: bool,
    rules: tuple[str, ...],
) -> None:
    decision = read(caller, relation, *flags, habilitated=habilitated)
    assert (decision.permitted, decision.rules) == (permitted, rules)


def test_regulation_without_the_role_is_refused() -> None:
    impostor = replace(centre_15(READER), roles=frozenset[str]())
    decision = policy.may_consult(impostor, PERSON, OPEN)
    assert (decision.permitted, decision.rules) == (False, ("L1111-17-I", "dmp.regulation_doctor_only"))


def test_token_without_profession_passes_no_cell_of_the_matrix() -> None:
    nameless = replace(READER, profession="")
    assert policy.reach(nameless, PERSON, AUTHORISED).profession == ""
    assert not read(nameless, AUTHORISED, habilitated=False).permitted


def test_nothing_is_read_from_a_record_that_is_not_there() -> None:
    decision = policy.may_consult(READER, PERSON, Relation(None))
    assert (decision.permitted, decision.rules) == (False, ("dmp.no_record",))


def test_refusal_for_want_of_authorisation_says_what_to_do() -> None:
    assert "consent" in policy.may_consult(READER, PERSON, OPEN).hint


def test_glass_is_not_broken_without_a_reason() -> None:
    with pytest.raises(domain.ReasonMissing):
        policy.check_purpose(emergency(READER, reason=""))
    policy.check_purpose(emergency(READER))
    policy.check_purpose(centre_15(READER))


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (READER, False),
        (emergency(READER), True),
        (centre_15(READER), True),
        (emergency(callers.citizen), False),
    ],
)
def test_only_a_professional_makes_an_emergency(caller: Caller, expected: bool) -> None:
    assert policy.is_emergency(caller) is expected


# -- opening and feeding


@pytest.mark.parametrize("caller", [callers.doctor, callers.staff, callers.machine])
@pytest.mark.parametrize("qualified", [True, False])
def test_structure_opens_with_a_qualified_identity_only(caller: Caller, qualified: bool) -> None:
    assert policy.may_open(caller, PERSON, qualified).permitted is qualified


@pytest.mark.parametrize("caller", [callers.doctor, callers.machine])
@pytest.mark.parametrize("qualified", [True, False])
def test_structure_feeds_with_a_qualified_identity_only(caller: Caller, qualified: bool) -> None:
    assert policy.may_feed(caller, PERSON, frozenset(), qualified).permitted is qualified


def test_citizen_opens_and_feeds_for_oneself_or_for_whom_one_represents() -> None:
    for caller, person, expected in [
        (callers.citizen, PERSON, True),
        (callers.guardian, WARD, True),
        (callers.other_citizen, PERSON, False),
    ]:
        assert policy.may_open(caller, person, False).permitted is expected
        assert policy.may_feed(caller, person, frozenset(), False).permitted is expected


def test_citizen_hides_nothing_from_the_patient() -> None:
    hidden = frozenset({Confidentiality.NORMAL, Confidentiality.HIDDEN_FROM_PATIENT})
    decision = policy.may_feed(callers.citizen, PERSON, hidden, False)
    assert (decision.permitted, decision.rules) == (False, ("R1111-53",))
    assert policy.may_feed(callers.doctor, PERSON, hidden, True).permitted


# -- authorising

OTHER = Grant(callers.other_doctor.subject, GranteeKind.PROFESSIONAL)
SELF = Grant(callers.doctor.subject, GranteeKind.PROFESSIONAL)
HOUSE = Grant(callers.doctor.organisation, GranteeKind.STRUCTURE)
HOUSE_AS_PERSON = Grant(callers.doctor.organisation, GranteeKind.PROFESSIONAL)


@pytest.mark.parametrize(
    ("caller", "relation", "asked", "rules", "permitted"),
    [
        (callers.citizen, OPEN, OTHER, ("L1111-19",), True),
        (callers.other_citizen, OPEN, OTHER, ("dmp.holder_only",), False),
        (callers.doctor, OPEN, SELF, ("R1111-46",), True),
        (callers.doctor, OPEN, HOUSE, ("R1111-46",), True),
        (callers.doctor, OPEN, OTHER, ("dmp.own_structure",), False),
        (callers.doctor, OPEN, HOUSE_AS_PERSON, ("dmp.own_structure",), False),
        (callers.doctor, replace(OPEN, blocked=True), SELF, ("dmp.blocked",), False),
        (callers.staff, OPEN, HOUSE, ("dmp.holder_only",), False),
    ],
)
def test_who_may_authorise_whom(
    caller: Caller, relation: Relation, asked: Grant, rules: tuple[str, ...], permitted: bool
) -> None:
    decision = policy.may_grant(caller, PERSON, relation, asked)
    assert (decision.permitted, decision.rules) == (permitted, rules)


# -- holding, masking, the journal


@pytest.mark.parametrize("caller", callers.every_kind().values(), ids=str)
def test_only_the_holder_manages_and_only_holder_and_auditor_read_the_journal(caller: Caller) -> None:
    holds = caller == callers.citizen
    assert policy.may_hold(caller, PERSON).permitted is holds
    assert policy.may_read_journal(caller, PERSON).permitted is (holds or caller.kind is CallerKind.AUDITOR)


def test_citizen_without_a_matched_account_is_nobodys_holder() -> None:
    assert not policy.may_hold(replace(callers.citizen, person_id=""), PersonId("")).permitted


def test_author_may_read_but_not_mask() -> None:
    found = document()
    decision = policy.may_mask(callers.doctor, found, policy.reach(callers.doctor, PERSON, OPEN))
    assert (decision.permitted, decision.rules) == (False, ("dmp.holder_only",))


def test_holder_masks_what_the_holder_sees() -> None:
    reach = policy.reach(callers.citizen, PERSON, OPEN)
    assert policy.may_mask(callers.citizen, document(), reach).permitted
    hidden = document(confidentiality=codes("N", PATIENT))
    assert policy.may_mask(callers.citizen, hidden, reach).rules == ("R1111-53",)
