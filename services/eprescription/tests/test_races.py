"""Those who come at once, each on a connection of their own: one wins, the others are told, nothing is
counted twice."""

from collections import Counter as Count
from collections.abc import AsyncIterator

import pytest

from chassis.db import Database
from chassis.errors import SocleError
from chassis.testing import NOW, Server, callers
from eprescription.domain.dispensing import Intervention
from eprescription.domain.errors import HeldByAnotherPharmacy, UndoneAlready
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.domain.visits import Visit
from eprescription.usecases.claims import Held
from eprescription.workers.expiry import Expiry

from .dispensing_given import (
    DAY,
    NONE,
    ONE,
    OTHER_PHARMACIST,
    TTL,
    counter,
    gives,
    many_hands,
    prescribed,
    states,
    together,
    visit_of,
    wrote,
)

TIMES = 5

pytestmark = pytest.mark.usefixtures("stocked")


@pytest.fixture
async def hands(postgres: Server, database: Database) -> AsyncIterator[Database]:
    made = await many_hands(postgres, database)
    yield made
    await made.pool.close()


async def claims(database: Database, of: Prescription, caller: object = callers.pharmacist) -> Held:
    async with counter(database, caller) as at:  # type: ignore[arg-type]
        return await at.claim(of)


async def records(database: Database, held: Held, packs: str = "1") -> Intervention:
    async with counter(database) as at:
        line = held.visit.prescription.signed.content.lines[0]
        return (await at.record(held, gives(line, packs))).interventions[0]


async def cancels(database: Database, of: Prescription) -> object:
    async with counter(database, callers.doctor) as at:
        return await at.cancels(of)


async def undoes(database: Database, of: Prescription, wrong: Intervention) -> object:
    async with counter(database) as at:
        return await at.undo(of, wrong)


async def papers(database: Database, of: Prescription, reference: str = "P1") -> object:
    async with counter(database, OTHER_PHARMACIST) as at:
        return await at.paper(of, gives(of.signed.content.lines[0]), reference=reference)


async def seen(database: Database, of: Prescription) -> Visit:
    """As it is stored; and what was counted is what the interventions say."""
    async with database.read() as tx:
        visit = await visit_of(tx, of)
    for line in visit.lines:
        assert line.delivered == sum(one.counted for one in visit.past(line.line_id))
        assert line.delivered <= line.authorised
    return visit


def refusals(answers: list[object]) -> Count[str]:
    """How each that was refused was told; anything that is no error of the house is a fault."""
    wrong = [one for one in answers if isinstance(one, BaseException) and not isinstance(one, SocleError)]
    assert not wrong, wrong
    return Count(type(one).__name__ for one in answers if isinstance(one, SocleError))


@pytest.mark.parametrize("_time", range(TIMES))
async def test_two_pharmacies_claim_at_once_and_one_holds_it(hands: Database, _time: int) -> None:
    made = await wrote(hands, prescribed())
    both = (callers.pharmacist, OTHER_PHARMACIST)
    answers = await together(*(claims(hands, made, caller) for caller in (*both, *both, *both)))
    held = [one for one in answers if isinstance(one, Held)]
    assert len({one.claim.id for one in held}) == 1
    assert len({one.secret for one in held}) == 1
    assert refusals([*answers]) == {HeldByAnotherPharmacy.__name__: 3}
    claim = (await seen(hands, made)).claim
    assert claim is not None
    assert claim.pharmacy == held[0].claim.pharmacy


@pytest.mark.parametrize("_time", range(TIMES))
async def test_the_last_box_is_recorded_once_by_many(hands: Database, _time: int) -> None:
    made = await wrote(hands, prescribed())
    held = await claims(hands, made)
    answers = await together(*(records(hands, held) for _ in range(6)))
    assert refusals([*answers]) == {"LineClosed": 5}
    visit = await seen(hands, made)
    assert (visit.lines[0].delivered, len(visit.interventions)) == (ONE, 1)


@pytest.mark.parametrize("_time", range(TIMES))
async def test_recorded_and_cancelled_at_once_is_one_or_the_other(hands: Database, _time: int) -> None:
    made = await wrote(hands, prescribed())
    held = await claims(hands, made)
    answers = await together(records(hands, held), cancels(hands, made))
    told = refusals([*answers])
    visit = await seen(hands, made)
    if told:
        # The mark came first: the pharmacy was told, and delivered nothing.
        assert told == {"RuleRefused": 1}
        assert visit.lines[0].cancel_requested
        assert visit.lines[0].delivered == 0
    else:
        assert (states(visit), visit.lines[0].delivered) == (["delivered"], ONE)


@pytest.mark.parametrize("_time", range(TIMES))
async def test_claimed_and_cancelled_at_once_is_held_with_a_mark_or_cancelled(
    hands: Database, _time: int
) -> None:
    made = await wrote(hands, prescribed())
    answers = await together(claims(hands, made), cancels(hands, made))
    visit = await seen(hands, made)
    if refusals([*answers]):
        assert visit.prescription.state is State.CANCELLED
        assert visit.claim is None
    else:
        assert visit.claim is not None
        assert visit.lines[0].cancel_requested


@pytest.mark.parametrize("_time", range(TIMES))
async def test_recorded_while_the_hold_ends_is_recorded_or_refused(hands: Database, _time: int) -> None:
    made = await wrote(hands, prescribed())
    held = await claims(hands, made)
    worker = Expiry(hands, clock=lambda: NOW + TTL)
    answers = await together(records(hands, held), worker.work(), worker.work())
    told = refusals([*answers])
    await worker.work()
    visit = await seen(hands, made)
    assert visit.claim is None
    assert visit.lines[0].delivered == (0 if told else 1)
    assert visit.prescription.state is (State.ACTIVE if told else State.COMPLETED)
    assert set(told) <= {"NotHeldByYou"}


@pytest.mark.parametrize("_time", range(TIMES))
async def test_undone_by_many_at_once_is_undone_once(hands: Database, _time: int) -> None:
    made = await wrote(hands, prescribed(renewals=1))
    held = await claims(hands, made)
    wrong = await records(hands, held)
    answers = await together(*(undoes(hands, made, wrong) for _ in range(5)))
    assert refusals([*answers]) == {UndoneAlready.__name__: 4}
    visit = await seen(hands, made)
    assert (visit.lines[0].delivered, len(visit.interventions)) == (NONE, 2)


@pytest.mark.parametrize("_time", range(TIMES))
async def test_paper_and_counter_at_once_are_both_known_and_the_excess_is_surfaced(
    hands: Database, _time: int
) -> None:
    made = await wrote(hands, prescribed())
    held = await claims(hands, made)
    answers = await together(records(hands, held), papers(hands, made), papers(hands, made))
    told = refusals([*answers])
    visit = await seen(hands, made)
    assert visit.lines[0].delivered == 1
    excess = sum(one.excess for one in visit.interventions)
    # The paper is never refused, and the same paper twice is one; the counter is, when it comes second.
    assert (dict(told), excess) in (({"LineClosed": 1}, 0), ({}, 1))
    assert len([one for one in visit.interventions if one.offline]) == 1


@pytest.mark.parametrize("_time", range(TIMES))
async def test_a_prescription_expires_or_is_claimed_never_both(hands: Database, _time: int) -> None:
    made = await wrote(hands, prescribed(), expires_on=NOW.date() - DAY)
    worker = Expiry(hands, clock=lambda: NOW)
    answers = await together(worker.work(), claims(hands, made), worker.work())
    assert refusals([*answers]) == {"TransitionRefused": 1}
    await worker.work()
    visit = await seen(hands, made)
    assert (visit.prescription.state, visit.claim) == (State.EXPIRED, None)
