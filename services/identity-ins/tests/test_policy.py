"""Who may do what, on whose identity."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from chassis.caller import Caller
from chassis.testing import callers
from identity_ins import domain, policy
from identity_ins.domain import Creation, Identity, IdentityId, Paper, PersonId, Traits

PATIENT = PersonId(callers.citizen.person_id)
CHILD = PersonId(callers.other_citizen.person_id)
HOMELESS = replace(callers.doctor, organisation="")


@pytest.fixture
def identity(make_traits: Callable[..., Traits]) -> Identity:
    now = datetime(2026, 6, 12, tzinfo=UTC)
    return domain.create(IdentityId.new(), callers.doctor.organisation, Creation(make_traits()), None, now)


@pytest.mark.parametrize("caller", [callers.doctor, callers.staff, callers.machine])
def test_handle_when_of_the_same_structure_then_permitted(caller: Caller, identity: Identity) -> None:
    assert policy.may_handle(caller, identity).permitted
    assert policy.may_keep_identities(caller).permitted
    assert policy.may_search_ins(caller).permitted


@pytest.mark.parametrize("caller", [callers.other_doctor, callers.pharmacist, callers.citizen, HOMELESS])
def test_handle_when_of_another_structure_or_none_then_refused(caller: Caller, identity: Identity) -> None:
    decision = policy.may_handle(caller, identity)
    assert not decision.permitted
    assert decision.rules == ("rniv.own_structure",)


def test_handle_when_neither_has_a_structure_then_refused(identity: Identity) -> None:
    assert not policy.may_handle(HOMELESS, replace(identity, domain="")).permitted


def test_keep_and_search_when_without_structure_then_refused_with_what_to_do() -> None:
    for decision in (policy.may_keep_identities(HOMELESS), policy.may_search_ins(HOMELESS)):
        assert not decision.permitted
        assert "SubjectOrganizationID" in decision.hint


@pytest.mark.parametrize(
    ("caller", "person", "linked", "rule"),
    [
        (callers.citizen, PATIENT, False, "person.self"),
        (callers.guardian, CHILD, False, "person.representative"),
        (callers.doctor, PATIENT, True, "person.linked_identity"),
        (callers.machine, PATIENT, True, "person.linked_identity"),
    ],
)
def test_read_person_when_concerned_then_permitted_by_rule(
    caller: Caller, person: PersonId, linked: bool, rule: str
) -> None:
    decision = policy.may_read_person(caller, person, linked)
    assert (decision.permitted, decision.rules) == (True, (rule,))


@pytest.mark.parametrize(
    ("caller", "person", "linked"),
    [
        (callers.citizen, CHILD, False),
        (callers.guardian, PATIENT, False),
        (callers.doctor, PATIENT, False),
        (HOMELESS, PATIENT, True),
        (replace(callers.citizen, person_id=""), PersonId(""), False),
    ],
)
def test_read_person_when_not_concerned_then_refused(caller: Caller, person: PersonId, linked: bool) -> None:
    assert not policy.may_read_person(caller, person, linked).permitted


@pytest.mark.parametrize(
    ("caller", "permitted"),
    [(callers.doctor, True), (callers.staff, True), (callers.machine, False), (HOMELESS, False)],
)
def test_create_when_a_paper_is_attested_then_by_a_human_of_a_structure(
    caller: Caller, permitted: bool, make_traits: Callable[..., Traits]
) -> None:
    decision = policy.may_create(caller, Creation(make_traits(), paper=Paper.PASSPORT))
    assert decision.permitted is permitted
    assert permitted or decision.hint


def test_create_when_no_paper_is_attested_then_a_machine_may(make_traits: Callable[..., Traits]) -> None:
    assert policy.may_create(callers.machine, Creation(make_traits())).permitted
    assert not policy.may_create(HOMELESS, Creation(make_traits())).permitted


@pytest.mark.parametrize(
    ("caller", "person", "permitted"),
    [
        (callers.citizen, PATIENT, True),
        (callers.citizen, CHILD, False),
        (callers.guardian, CHILD, True),
        (callers.auditor, CHILD, True),
        (callers.doctor, PATIENT, False),
    ],
)
def test_journal_when_asked_then_for_the_person_a_representative_or_an_auditor(
    caller: Caller, person: PersonId, permitted: bool
) -> None:
    assert policy.may_read_journal(caller, person).permitted is permitted


def test_resolve_when_known_then_permitted_and_anonymous_then_refused() -> None:
    assert policy.may_resolve_person(callers.citizen).permitted
    assert not policy.may_resolve_person(replace(callers.citizen, subject="")).permitted


def test_standing_when_not_asked_by_a_service_then_refused() -> None:
    permitted = {
        kind for kind, caller in callers.every_kind().items() if policy.may_ask_standing(caller).permitted
    }
    assert permitted == {"service"}


def test_description_when_not_asked_by_the_service_that_writes_papers_then_refused() -> None:
    prescriptions = replace(callers.service, subject="eprescription")
    assert policy.may_describe_person(prescriptions).permitted
    others = (*callers.every_kind().values(), replace(callers.machine, subject="eprescription"))
    assert not any(policy.may_describe_person(caller).permitted for caller in others)
