"""What papers and marks leave behind: rows, history, events, journal."""

from collections.abc import Awaitable, Callable

import pytest

from chassis.db import Tx
from chassis.testing import NOW, callers
from identity_ins import store, usecases
from identity_ins.domain import (
    Attribute,
    Identity,
    IdentityAlreadyQualified,
    IdentityDoubtful,
    IdentityNotFound,
    MarkAbsent,
    Paper,
    PaperNotChecked,
    Status,
    Step,
)

from .usecases_given import (
    FOUND,
    LATER,
    OTHERS,
    PATIENT,
    QUESTION,
    created,
    events,
    history,
    journal,
    names_of_events,
    qualified,
    retrieved,
    rows_of,
    told_of,
)

pytestmark = pytest.mark.usefixtures("registry")
DOCTOR = callers.doctor


async def doubted(tx: Tx, identity: Identity, reason: str = "usurped") -> Identity:
    return await usecases.mark_identity(tx, DOCTOR, identity.id, Step.MARK_DOUBTFUL, reason, now=LATER)


async def test_check_paper_when_retrieved_then_qualified(tx: Tx) -> None:
    after = await qualified(tx)
    assert (after.status, after.version) == (Status.QUALIFIEE, 3)
    assert await names_of_events(tx) == ["created", "retrieved", "qualified"]
    assert await store.get_identity(tx, after.id) == after
    with pytest.raises(IdentityAlreadyQualified):
        await usecases.check_identity_paper(tx, DOCTOR, after.id, Paper.PASSPORT, now=NOW)


async def test_paper_check_when_cancelled_then_retrieved_again_and_consumers_told(tx: Tx) -> None:
    identity = await qualified(tx)
    after = await usecases.cancel_paper_check(tx, DOCTOR, identity.id, "a colleague's paper", now=LATER)
    assert await store.get_identity(tx, identity.id) == after
    assert (after.status, after.retrieval) == (Status.RECUPEREE, identity.retrieval)
    lost = told_of(after, person_id=PATIENT.id.value, status="IDENTITY_STATUS_RECUPEREE")
    assert (await events(tx))[-1] == ("downgraded", lost)
    changed = (4, "cancel_paper_check", "qualifiée", "récupérée", "a colleague's paper")
    assert (await history(tx, after.id))[-1] == changed
    assert (await journal(tx))[-1][:2] == ("identity.cancel_paper_check", PATIENT.id.value)
    with pytest.raises(PaperNotChecked):
        await usecases.cancel_paper_check(tx, DOCTOR, identity.id, "again", now=LATER)


async def test_paper_check_when_cancelled_without_a_number_then_changed_only(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.check_identity_paper(tx, DOCTOR, identity.id, Paper.PASSPORT, now=NOW)
    after = await usecases.cancel_paper_check(tx, DOCTOR, identity.id, "x", now=LATER)
    assert after.status is Status.PROVISOIRE
    changed = told_of(after, status="IDENTITY_STATUS_PROVISOIRE")
    assert (await events(tx))[1:] == [("validated", told_of(identity) | {"version": 2}), ("changed", changed)]


async def test_doubt_when_qualified_then_number_gone_and_consumers_told(tx: Tx) -> None:
    identity = await qualified(tx)
    after = await doubted(tx, identity)
    assert await store.get_identity(tx, identity.id) == after
    assert (after.status, after.retrieval, after.version) == (Status.PROVISOIRE, None, 4)
    lost = told_of(after, person_id=PATIENT.id.value, status="IDENTITY_STATUS_PROVISOIRE")
    assert (await events(tx))[-1] == ("downgraded", lost)
    assert (await names_of_events(tx)).count("downgraded") == 1
    action, subject, *_ = (await journal(tx))[-1]
    assert (action, subject) == ("identity.mark_doubtful", PATIENT.id.value)
    assert (await history(tx, after.id))[-1] == (4, "mark_doubtful", "qualifiée", "provisoire", "usurped")
    row = (await rows_of(tx, "SELECT before FROM identity_change WHERE version = 4"))[0]
    assert row["before"]["ins_matricule"] == PATIENT.ins.matricule


@pytest.mark.parametrize(
    ("step", "attribute"),
    [
        (Step.MARK_DOUBTFUL, Attribute.DOUTEUSE),
        (Step.MARK_FICTITIOUS, Attribute.FICTIVE),
        (Step.MARK_HOMONYM, Attribute.HOMONYME),
    ],
)
async def test_mark_when_set_then_cleared_then_told_each_time(
    tx: Tx, step: Step, attribute: Attribute
) -> None:
    identity = await created(tx)
    marked = await usecases.mark_identity(tx, DOCTOR, identity.id, step, "seen twice", now=LATER)
    assert marked.attributes == {attribute}
    cleared = await usecases.clear_identity_mark(tx, DOCTOR, identity.id, attribute, "settled", now=LATER)
    assert await store.get_identity(tx, identity.id) == cleared
    assert (cleared.attributes, cleared.version) == (frozenset(), 3)
    changed = [told_of(one, status="IDENTITY_STATUS_PROVISOIRE") for one in (marked, cleared)]
    assert (await events(tx))[1:] == [("changed", told) for told in changed]
    assert await history(tx, identity.id) == [
        (1, "create", "", "provisoire", ""),
        (2, step.value, "provisoire", "provisoire", "seen twice"),
        (3, "clear_mark", "provisoire", "provisoire", "settled"),
    ]
    assert [action for action, *_ in await journal(tx)][1:] == [f"identity.{step}", "identity.clear_mark"]
    with pytest.raises(MarkAbsent):
        await usecases.clear_identity_mark(tx, DOCTOR, identity.id, attribute, "x", now=LATER)


async def test_homonym_when_marked_on_a_qualified_then_still_qualified(tx: Tx) -> None:
    identity = await qualified(tx)
    after = await usecases.mark_identity(
        tx, DOCTOR, identity.id, Step.MARK_HOMONYM, "same name, other person", now=LATER
    )
    assert (after.status, after.retrieval) == (Status.QUALIFIEE, identity.retrieval)
    assert (await names_of_events(tx))[-1] == "changed"


async def test_answer_when_it_comes_after_the_doubt_then_refused(tx: Tx) -> None:
    identity = await created(tx)
    await doubted(tx, identity)
    with pytest.raises(IdentityDoubtful):
        await usecases.retrieve_ins(tx, DOCTOR, identity.id, QUESTION, FOUND, now=LATER)
    assert (await store.get_identity(tx, identity.id)).retrieval is None


@pytest.mark.parametrize("work", ["paper", "cancel", "doubt", "clear"])
async def test_change_when_by_another_structure_then_not_found(tx: Tx, work: str) -> None:
    id = (await retrieved(tx)).id
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "paper": lambda: usecases.check_identity_paper(tx, OTHERS, id, Paper.PASSPORT, now=NOW),
        "cancel": lambda: usecases.cancel_paper_check(tx, OTHERS, id, "x", now=NOW),
        "doubt": lambda: usecases.mark_identity(tx, OTHERS, id, Step.MARK_DOUBTFUL, "x", now=NOW),
        "clear": lambda: usecases.clear_identity_mark(tx, OTHERS, id, Attribute.DOUTEUSE, "x", now=NOW),
    }
    with pytest.raises(IdentityNotFound):
        await attempts[work]()
    assert (await store.get_identity(tx, id)).version == 2
