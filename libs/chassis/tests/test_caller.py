"""Who acts for whom, and what a decision does."""

from dataclasses import replace

import pytest

from chassis.caller import Caller, CallerKind, permit, refuse, require, service
from chassis.errors import Forbidden, NotFound
from chassis.testing import callers
from socle.options.v1 import options_pb2


class Unseen(NotFound):
    """There is no such thing."""


def test_kinds_have_the_order_of_the_contract() -> None:
    names = [v.name.removeprefix("CALLER_KIND_").lower() for v in options_pb2.CallerKind.DESCRIPTOR.values]
    assert names == ["unspecified", *(kind.value for kind in CallerKind)]


def test_acts_for_self_and_for_those_represented_only() -> None:
    guardian = callers.guardian
    assert guardian.acts_for(guardian.person_id)
    assert guardian.acts_for(callers.other_citizen.person_id)
    assert not guardian.acts_for(callers.citizen.person_id)


def test_a_caller_without_person_acts_for_nobody() -> None:
    assert not callers.doctor.acts_for("")
    assert not callers.doctor.acts_for(callers.citizen.person_id)


def test_a_journal_never_shows_the_pseudonym_of_a_citizen() -> None:
    assert callers.citizen.public_subject == f"person:{callers.citizen.person_id}"
    assert replace(callers.citizen, person_id="").public_subject == "citizen"
    assert callers.doctor.public_subject == callers.doctor.subject


def test_own_work_of_a_service_carries_its_name() -> None:
    assert service("identity-ins") == Caller(
        CallerKind.SERVICE, "identity-ins", name="identity-ins", client="identity-ins"
    )


def test_require_returns_a_permission() -> None:
    decision = permit("a.rule")
    assert require(decision, subject="someone") is decision


def test_require_refuses_with_rules_hint_and_what_to_journal() -> None:
    with pytest.raises(Forbidden) as error:
        require(refuse("dmp.blocked", "R1111-46", hint="Ask."), subject="someone", object_id="thing")
    assert (error.value.rules, error.value.hint) == (("dmp.blocked", "R1111-46"), "Ask.")
    refusal = error.value.refusal
    assert refusal is not None
    assert (refusal.subject, refusal.object_id, refusal.rules) == ("someone", "thing", error.value.rules)


def test_require_unseen_tells_the_caller_nothing_and_the_journal_all() -> None:
    with pytest.raises(Unseen) as error:
        require(refuse("dmp.hidden", hint="Ask."), subject="someone", unseen=Unseen)
    assert (error.value.rules, error.value.hint) == ((), "")
    assert error.value.refusal is not None
    assert error.value.refusal.rules == ("dmp.hidden",)
