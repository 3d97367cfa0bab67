"""Who reads what: every cell of the table of readers and flags, in every mode, and the rules of each."""

from dataclasses import replace
from typing import Any

import pytest

from chassis.caller import Caller, CallerKind, Decision, Purpose
from chassis.testing import NOW, callers, emergency
from dmp import policy
from dmp.domain.errors import ReasonMissing
from dmp.domain.records import CareRole, EmergencyConsent, PersonId, Record, RecordState, Relation

from .policy_given import MASK, PATIENT, REPRESENTATIVES, paper, secret

PERSON, WARD = PersonId(callers.citizen.person_id), PersonId(callers.other_citizen.person_id)
OPEN = Relation(Record(PERSON, NOW), consents=frozenset({EmergencyConsent.ETREAT, EmergencyConsent.BTG}))
AUTHORISED = replace(OPEN, authorised=True)
MASKED_TOO = replace(OPEN, consents=frozenset(EmergencyConsent))
NO_CONSENT = replace(OPEN, consents=frozenset())
MT = replace(OPEN, roles=frozenset({CareRole.MEDECIN_TRAITANT}))
ADMINISTRATOR = replace(OPEN, roles=frozenset({CareRole.ADMINISTRATOR}))
PHARMACIST_OF = replace(OPEN, roles=frozenset({CareRole.PHARMACIEN_CORRESPONDANT}))
READER, AUTHOR = callers.other_doctor, callers.doctor
DELEGATE = replace(callers.guardian, represents=frozenset(), assists=frozenset({PERSON.value}))
PARENT = replace(callers.guardian, represents=frozenset({PERSON.value}))


def centre_15(caller: Caller) -> Caller:
    return replace(caller, purpose=Purpose.REGULATION, roles=frozenset({"regulation"}))


def opposed(relation: Relation) -> Relation:
    """The holder opposes consultation."""
    assert relation.record is not None
    return replace(relation, record=replace(relation.record, consultation_allowed=False))


def standing(relation: Relation, state: RecordState) -> Relation:
    assert relation.record is not None
    return replace(relation, record=replace(relation.record, state=state))


def read(
    caller: Caller, relation: Relation, *flags: str, person: PersonId = PERSON, habilitated: bool = True
) -> Decision:
    found = paper(person, *(flags or ("N",)))
    return policy.may_read(found, policy.reach(caller, person, relation), habilitated)


FLAGS = [("N",), ("N", MASK), ("N", PATIENT), ("N", REPRESENTATIVES)]
CELLS = [
    # reader, relation, then: N, masked, hidden from the patient, hidden from representatives; y: whatever
    # the matrix says, m: when the matrix gives the type, -: no
    ("author", AUTHOR, OPEN, "yyyy"),
    ("author, glass broken, refused by the holder", emergency(AUTHOR), NO_CONSENT, "yyyy"),
    ("author, in secret", secret(AUTHOR), OPEN, "yyyy"),
    ("author, consultation opposed", AUTHOR, opposed(OPEN), "yyyy"),
    ("médecin traitant", READER, MT, "yyyy"),
    ("médecin traitant, in secret", secret(READER), MT, "yyyy"),
    ("médecin traitant, glass broken", emergency(READER), MT, "yyyy"),
    ("médecin traitant, regulation", centre_15(READER), MT, "yyyy"),
    ("médecin traitant, glass refused", emergency(READER), replace(MT, consents=frozenset()), "----"),
    ("médecin traitant, consultation opposed", READER, opposed(MT), "----"),
    ("administrator", READER, ADMINISTRATOR, "yyyy"),
    ("pharmacien correspondant, not authorised", READER, PHARMACIST_OF, "----"),
    ("pharmacien correspondant, authorised", READER, replace(PHARMACIST_OF, authorised=True), "m-mm"),
    ("other professional, not authorised", READER, OPEN, "----"),
    ("other professional, authorised", READER, AUTHORISED, "m-mm"),
    ("other professional, authorised, in secret", secret(READER), AUTHORISED, "m-mm"),
    ("other professional, not authorised, in secret", secret(READER), OPEN, "----"),
    ("other professional, consultation opposed", READER, opposed(AUTHORISED), "----"),
    ("glass broken", emergency(READER), OPEN, "m-mm"),
    ("glass broken, consultation opposed", emergency(READER), opposed(OPEN), "m-mm"),
    ("glass broken, masked allowed", emergency(READER), MASKED_TOO, "mmmm"),
    ("glass broken, refused by the holder", emergency(READER), NO_CONSENT, "----"),
    ("glass broken, only the SAMU allowed", emergency(READER),
     replace(OPEN, consents=frozenset({EmergencyConsent.ETREAT})), "----"),
    ("regulation", centre_15(READER), OPEN, "y-yy"),
    ("regulation, masked allowed", centre_15(READER), MASKED_TOO, "yyyy"),
    ("regulation, refused by the holder", centre_15(READER), NO_CONSENT, "----"),
    ("regulation, only the glass allowed", centre_15(READER),
     replace(OPEN, consents=frozenset({EmergencyConsent.BTG})), "----"),
    ("blocked", READER, replace(AUTHORISED, blocked=True), "----"),
    ("blocked, glass broken", emergency(READER), replace(MASKED_TOO, blocked=True), "----"),
    ("blocked, regulation", centre_15(READER), replace(MASKED_TOO, blocked=True), "----"),
    ("blocked, in secret", secret(READER), replace(AUTHORISED, blocked=True), "----"),
    ("blocked médecin traitant", READER, replace(MT, blocked=True), "----"),
    ("blocked author", AUTHOR, replace(AUTHORISED, blocked=True), "----"),
    ("holder", callers.citizen, OPEN, "yy-y"),
    ("minor in person", callers.citizen, OPEN, "yy-y"),
    ("legal representative", PARENT, OPEN, "yy--"),
    ("delegate", DELEGATE, OPEN, "yy--"),
    ("another citizen", callers.other_citizen, OPEN, "----"),
    ("representative of another", callers.guardian, OPEN, "----"),
    ("holder, in a secret connection", secret(callers.citizen), OPEN, "----"),
    ("representative, in a secret connection", secret(PARENT), OPEN, "----"),
    ("delegate, in a secret connection", secret(DELEGATE), OPEN, "----"),
    ("staff", callers.staff, AUTHORISED, "----"),
    ("machine", callers.machine, AUTHORISED, "----"),
    ("auditor", callers.auditor, OPEN, "----"),
    ("operator", callers.operator, OPEN, "----"),
    ("holder, record closed", callers.citizen, standing(OPEN, RecordState.CLOSED), "----"),
    ("author, record closed", AUTHOR, standing(OPEN, RecordState.CLOSED), "----"),
    ("regulation, record closed", centre_15(READER), standing(MASKED_TOO, RecordState.CLOSED), "----"),
    ("médecin traitant, record destroyed", READER, standing(MT, RecordState.DESTROYED), "----"),
    ("holder, no record", callers.citizen, Relation(None), "----"),
    ("author, no record", AUTHOR, Relation(None), "----"),
]  # fmt: skip


def cell(caller: Caller, relation: Relation, flags: tuple[str, ...]) -> str:
    given = read(caller, relation, *flags, habilitated=True).permitted
    withheld = read(caller, relation, *flags, habilitated=False).permitted
    assert given or not withheld, "the matrix may only take away"
    return "y" if withheld else "m" if given else "-"


@pytest.mark.parametrize(("name", "caller", "relation", "cells"), CELLS, ids=[c[0] for c in CELLS])
def test_each_cell_of_the_readers(name: str, caller: Caller, relation: Relation, cells: str) -> None:
    assert "".join(cell(caller, relation, flags) for flags in FLAGS) == cells


@pytest.mark.parametrize(("name", "caller", "relation", "cells"), CELLS, ids=[c[0] for c in CELLS])
def test_each_decision_names_rules_and_each_refusal_says_what_would_change_it(
    name: str, caller: Caller, relation: Relation, cells: str
) -> None:
    for flags in FLAGS:
        for habilitated in (True, False):
            decision = read(caller, relation, *flags, habilitated=habilitated)
            assert decision.rules
            assert decision.permitted is (decision.hint == "")


SEEN_MASKED = ("N", MASK)
RULES: list[tuple[str, Caller, Relation, tuple[str, ...], bool, tuple[str, ...]]] = [
    ("author", AUTHOR, OPEN, SEEN_MASKED, True, ("R1111-49",)),
    ("not authorised", READER, OPEN, ("N",), True, ("R1111-46",)),
    ("consultation opposed", READER, opposed(AUTHORISED), ("N",), True, ("R1111-46", "consent.consultation")),
    ("authorised", READER, AUTHORISED, ("N",), True, ("R1111-46", "matrix.10.11488-4")),
    ("in secret", secret(READER), AUTHORISED, ("N",), True, ("R1111-46", "R1111-50", "matrix.10.11488-4")),
    ("médecin traitant", READER, MT, SEEN_MASKED, False, ("R1111-41", "role.medecin_traitant")),
    ("administrator", READER, ADMINISTRATOR, SEEN_MASKED, False, ("R1111-41", "role.administrator")),
    ("médecin traitant, glass", emergency(READER), MT, SEEN_MASKED, False,
     ("L1111-17-I", "consent.BTG", "R1111-41", "role.medecin_traitant")),
    ("matrix", READER, AUTHORISED, ("N",), False, ("matrix.10.11488-4",)),
    ("matrix before flags", READER, AUTHORISED, SEEN_MASKED, False, ("matrix.10.11488-4",)),
    ("masked", READER, AUTHORISED, SEEN_MASKED, True, ("dmp.masked",)),
    ("blocked", READER, replace(OPEN, blocked=True), ("N",), True, ("dmp.blocked",)),
    ("closed before blocked", READER, standing(replace(OPEN, blocked=True), RecordState.CLOSED), ("N",), True,
     ("dmp.record_closed",)),
    ("destroyed", callers.citizen, standing(OPEN, RecordState.DESTROYED), ("N",), True,
     ("dmp.record_destroyed",)),
    ("glass", emergency(READER), OPEN, ("N",), True, ("L1111-17-I", "consent.BTG", "matrix.10.11488-4")),
    ("glass, masked", emergency(READER), OPEN, SEEN_MASKED, True, ("dmp.masked", "consent.MASKED")),
    ("glass, matrix", emergency(READER), OPEN, ("N",), False, ("matrix.10.11488-4",)),
    ("regulation", centre_15(READER), OPEN, ("N",), False, ("L1111-17-I", "consent.ETREAT")),
    ("holder", callers.citizen, OPEN, ("N",), False, ("L1111-19",)),
    ("representative", PARENT, OPEN, ("N",), False, ("L1111-19", "dmp.representative")),
    ("delegate", DELEGATE, OPEN, ("N",), False, ("dmp.delegate",)),
    ("holder, announcement", callers.citizen, OPEN, ("N", PATIENT), True, ("R1111-53",)),
    ("representative, kept by the minor", PARENT, OPEN, ("N", REPRESENTATIVES), True, ("R1111-50",)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "caller", "relation", "flags", "habilitated", "rules"), RULES, ids=[r[0] for r in RULES]
)
def test_decision_names_its_rules(
    name: str,
    caller: Caller,
    relation: Relation,
    flags: tuple[str, ...],
    habilitated: bool,
    rules: tuple[str, ...],
) -> None:
    assert read(caller, relation, *flags, habilitated=habilitated).rules == rules


def test_minor_in_person_sees_what_the_representatives_do_not() -> None:
    ward = replace(OPEN, record=Record(WARD, NOW))
    minor = [read(callers.other_citizen, ward, *f, person=WARD).permitted for f in FLAGS]
    parent = [read(callers.guardian, ward, *f, person=WARD).permitted for f in FLAGS]
    assert (minor, parent) == ([True, True, False, True], [True, True, False, False])


def test_regulation_without_the_role_is_refused() -> None:
    impostor = replace(centre_15(READER), roles=frozenset[str]())
    decision = policy.may_consult(impostor, PERSON, OPEN)
    assert (decision.permitted, decision.rules) == (False, ("L1111-17-I", "dmp.regulation_doctor_only"))


def test_token_without_profession_passes_no_cell_of_the_matrix() -> None:
    nameless = replace(READER, profession="")
    assert policy.reach(nameless, PERSON, AUTHORISED).profession == ""
    assert not read(nameless, AUTHORISED, habilitated=False).permitted


@pytest.mark.parametrize("caller", callers.every_kind().values(), ids=str)
def test_every_caller_but_other_citizens_may_know_of_a_record(caller: Caller) -> None:
    known = caller.kind is not CallerKind.CITIZEN or caller == callers.citizen
    assert policy.may_see(caller, PERSON).permitted is known
    assert policy.may_see(DELEGATE, PERSON).permitted
    assert not policy.may_see(callers.other_citizen, PERSON).permitted


def test_glass_is_not_broken_without_a_reason() -> None:
    with pytest.raises(ReasonMissing):
        policy.check_purpose(emergency(READER, reason=""))
    for caller in (emergency(READER), centre_15(READER), secret(READER)):
        policy.check_purpose(caller)


@pytest.mark.parametrize(
    ("caller", "expected"),
    [
        (READER, False),
        (secret(READER), False),
        (emergency(READER), True),
        (centre_15(READER), True),
        (emergency(callers.citizen), False),
    ],
)
def test_only_a_professional_makes_an_emergency(caller: Caller, expected: bool) -> None:
    assert policy.is_emergency(caller) is expected


def test_person_without_an_account_is_nobodys_holder() -> None:
    anonymous: Any = replace(callers.citizen, person_id="")
    assert not policy.may_see(anonymous, PersonId("")).permitted
