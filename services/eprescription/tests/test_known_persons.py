"""Whether a person is known to the registry: asked once a person, and never remembered when it is not so."""

from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from chassis.call import Call
from chassis.db import Database
from chassis.errors import NotFound, Unavailable
from chassis.testing import LocalIssuer, call_as, callers
from eprescription.domain.ids import PersonId

from .given import refused
from .neighbours_given import Neighbourhood, neighbourhood


@pytest.fixture
async def around(database: Database, issuer: LocalIssuer) -> AsyncIterator[Neighbourhood]:
    async with neighbourhood(database, issuer) as made:
        yield made


def call() -> Call:
    return call_as(callers.doctor)


def fresh() -> PersonId:
    return PersonId(str(uuid4()))


async def test_a_person_is_asked_about_once(around: Neighbourhood) -> None:
    one, other = fresh(), fresh()
    for person in (one, one, other, one):
        await around.identities.require_known(person, call())
    asked = around.registry.requests("CompareWithPerson")
    assert [request.person_id for request in asked] == [one.value, other.value]
    # Nothing of the person is told nor asked.
    assert all(not request.birth_date and not request.birth_name for request in asked)


@pytest.mark.parametrize("fault", [NotFound, Unavailable])
async def test_a_person_who_is_not_known_yet_is_asked_about_again(
    around: Neighbourhood, fault: type[NotFound | Unavailable]
) -> None:
    person = fresh()
    around.registry.faults.append(fault())
    await refused(fault, around.identities.require_known(person, call()))
    await around.identities.require_known(person, call())
    assert len(around.registry.requests("CompareWithPerson")) == 2


async def test_the_memory_is_bounded_and_keeps_the_latest(
    around: Neighbourhood,
) -> None:
    around.identities.known_most = 2
    one, two, three = fresh(), fresh(), fresh()
    for person in (one, two, one, three, one, two):
        await around.identities.require_known(person, call())
    asked = [request.person_id for request in around.registry.requests("CompareWithPerson")]
    assert asked == [one.value, two.value, three.value, two.value]
