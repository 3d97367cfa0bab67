"""Duplicates and homonyms as they appear, and the worklist that they end up on."""

from dataclasses import replace
from datetime import date
from uuid import UUID

import pytest

from chassis.db import Tx
from chassis.testing import NOW
from identity_ins import usecases
from identity_ins.domain import Attribute, CollectionMethod, Creation, IdentityId, IdentityMerged, Step
from identity_ins.domain.match import Kind
from identity_ins.domain.vigilance import (
    CaseAlreadySettled,
    CaseId,
    CaseNotFound,
    CaseState,
    OutcomeRefused,
)
from identity_ins.usecases import merges, vigilance
from identity_ins.usecases.vigilance import Shown, Worklist

from .vigilance_given import (
    DOCTOR,
    FIRST_HOMONYM,
    LATER,
    NOBODY_NEAR,
    PATIENT,
    SECOND_HOMONYM,
    SLIPPED,
    STAFF,
    STRANGER,
    created,
    events,
    journal,
    marked,
    reread,
    retrieved,
    steps,
)

pytestmark = pytest.mark.usefixtures("registry")


async def worklist(tx: Tx, state: CaseState = CaseState.OPEN) -> list[Shown]:
    return await vigilance.list_vigilance_cases(tx, DOCTOR, Worklist(state), 50, now=NOW)


async def settled(tx: Tx, shown: Shown, outcome: CaseState) -> Shown:
    return await vigilance.settle_vigilance_case(tx, STAFF, shown.case.id, outcome, "seen", now=LATER)


async def test_create_when_someone_alike_stands_then_a_case_and_its_event(tx: Tx) -> None:
    first = await created(tx)
    second = await created(tx, SLIPPED)
    (shown,) = await worklist(tx)
    assert (shown.first, shown.second) == (first, second)
    assert (shown.case.kind, shown.case.state) == (Kind.DUPLICATE, CaseState.OPEN)
    assert {field.field: field.agreement.value for field in shown.case.fields} == {
        "birth_name": "near",
        "first_names": "near",
        "birth_date": "exact",
        "sex": "exact",
        "birth_place": "exact",
        "used_name": "missing",
    }
    told = {"case_id": shown.case.id.value, "domain": DOCTOR.organisation, "kind": "duplicate"}
    assert (await events(tx))[-1] == ("vigilance_case.opened", told)


async def test_create_when_nobody_is_alike_then_no_case(tx: Tx) -> None:
    await created(tx)
    await created(tx, NOBODY_NEAR)
    assert await worklist(tx) == []


async def test_create_when_alike_in_another_structure_then_no_case(tx: Tx) -> None:
    await created(tx, caller=STRANGER)
    await created(tx, SLIPPED)
    assert await worklist(tx) == []


async def test_create_when_one_is_fictitious_then_no_case(tx: Tx) -> None:
    await created(tx, fictitious=True)
    await created(tx)
    await created(tx, NOBODY_NEAR)
    await created(tx, NOBODY_NEAR, fictitious=True)
    assert await worklist(tx) == []


async def test_correct_when_the_traits_become_those_of_another_then_a_case(tx: Tx) -> None:
    await created(tx)
    identity = await created(tx, NOBODY_NEAR)
    wanted = usecases.Correction(SLIPPED, "wrong file", CollectionMethod.TYPED)
    await usecases.correct_traits(tx, DOCTOR, identity.id, wanted, now=LATER)
    (shown,) = await worklist(tx)
    assert shown.second.id == identity.id


async def test_retrieve_when_insi_proves_two_persons_then_homonyms_detected(tx: Tx) -> None:
    first = await retrieved(tx, FIRST_HOMONYM)
    second = await retrieved(tx, SECOND_HOMONYM)
    (shown,) = await worklist(tx)
    assert shown.case.kind is Kind.HOMONYM
    assert (shown.first, shown.second) == (first, second)
    assert second.attributes == {Attribute.HOMONYME_DETECTEE}
    assert await reread(tx, second) == second


async def test_candidates_when_just_created_then_those_of_the_worklist_each_traced(tx: Tx) -> None:
    first = await created(tx)
    wanted = Creation(SLIPPED)
    second, told = await usecases.create_identity(tx, DOCTOR, IdentityId.new(), wanted, now=NOW)
    assert await journal(tx, "identity.match") == [first.id.value]
    listed = await vigilance.list_candidates(tx, DOCTOR, second, now=NOW)
    assert [one.identity for one in told] == [one.identity for one in listed] == [first]
    assert await journal(tx, "identity.match") == [first.id.value] * 2


async def test_settle_as_homonyms_then_both_are_marked_and_the_mark_detected_goes(tx: Tx) -> None:
    await retrieved(tx, FIRST_HOMONYM)
    await retrieved(tx, SECOND_HOMONYM)
    (shown,) = await worklist(tx)
    after = await settled(tx, shown, CaseState.HOMONYMS)
    assert (after.case.state, after.case.settled_by, after.case.reason) == (
        CaseState.HOMONYMS,
        STAFF.subject,
        "seen",
    )
    for identity in (after.first, after.second):
        assert identity.attributes == {Attribute.HOMONYME}
        assert await reread(tx, identity) == identity
        assert (await steps(tx, identity))[-1] == (identity.version, "mark_homonym", "seen")
    told = [name for name, _ in await events(tx)][-3:]
    assert told == ["identity.changed", "identity.changed", "vigilance_case.settled"]
    subjects = [FIRST_HOMONYM.id.value, SECOND_HOMONYM.id.value]
    assert await journal(tx, "vigilance_case.settle") == subjects


async def test_settle_as_dismissed_then_nothing_else_changes_and_the_pair_is_not_asked_again(tx: Tx) -> None:
    first = await created(tx)
    second = await created(tx, SLIPPED)
    (shown,) = await worklist(tx)
    await settled(tx, shown, CaseState.DISMISSED)
    assert [await reread(tx, identity) for identity in (first, second)] == [first, second]
    wanted = usecases.Correction(replace(SLIPPED, used_name="MARTIN"), "married")
    await usecases.correct_traits(tx, DOCTOR, second.id, wanted, now=LATER)
    assert await worklist(tx) == []
    (dismissed,) = await worklist(tx, CaseState.DISMISSED)
    assert dismissed.case.id == shown.case.id


async def test_settle_when_settled_then_refused(tx: Tx) -> None:
    await created(tx)
    await created(tx, SLIPPED)
    (shown,) = await worklist(tx)
    await settled(tx, shown, CaseState.DISMISSED)
    with pytest.raises(CaseAlreadySettled):
        await settled(tx, shown, CaseState.HOMONYMS)


@pytest.mark.parametrize("outcome", [CaseState.OPEN, CaseState.MERGED, None])
async def test_settle_when_the_outcome_is_no_verdict_then_refused(tx: Tx, outcome: CaseState | None) -> None:
    await created(tx)
    await created(tx, SLIPPED)
    (shown,) = await worklist(tx)
    with pytest.raises(OutcomeRefused):
        await vigilance.settle_vigilance_case(tx, STAFF, shown.case.id, outcome, "seen", now=LATER)


async def test_settle_as_homonyms_when_one_was_merged_away_then_refused(tx: Tx) -> None:
    first = await created(tx)
    await created(tx, SLIPPED)
    (shown,) = await worklist(tx)
    kept = await created(tx, NOBODY_NEAR)
    await merges.merge_identities(tx, DOCTOR, merges.Wish(kept.id, first.id, "seen"), now=LATER)
    with pytest.raises(IdentityMerged):
        await settled(tx, shown, CaseState.HOMONYMS)
    assert (await settled(tx, shown, CaseState.DISMISSED)).case.state is CaseState.DISMISSED


async def test_case_when_of_another_structure_or_of_nobody_then_not_found(tx: Tx) -> None:
    await created(tx)
    await created(tx, SLIPPED)
    (shown,) = await worklist(tx)
    assert (await vigilance.get_vigilance_case(tx, DOCTOR, shown.case.id, now=NOW)).case == shown.case
    for caller, id in ((STRANGER, shown.case.id), (DOCTOR, CaseId.new())):
        with pytest.raises(CaseNotFound):
            await vigilance.get_vigilance_case(tx, caller, id, now=NOW)
        with pytest.raises(CaseNotFound):
            await vigilance.settle_vigilance_case(tx, caller, id, CaseState.DISMISSED, "seen", now=NOW)
    assert await vigilance.list_vigilance_cases(tx, STRANGER, Worklist(), 50, now=NOW) == []


async def test_list_when_paged_then_oldest_first_and_each_identity_traced(tx: Tx) -> None:
    for _ in range(3):
        await created(tx)
    every = await worklist(tx)
    assert [shown.case.id.value for shown in every] == sorted(shown.case.id.value for shown in every)
    assert len(every) == 3
    first, *rest = every
    page = Worklist(after=UUID(first.case.id.value))
    assert await vigilance.list_vigilance_cases(tx, DOCTOR, page, 50, now=NOW) == rest
    one = Worklist(identity=first.first.id)
    assert len(await vigilance.list_vigilance_cases(tx, DOCTOR, one, 50, now=NOW)) == 2
    assert len(await journal(tx, "vigilance_case.list")) == 3 + 3 + 3


async def test_look_when_confirmed_homonym_then_the_mark_detected_is_not_added(tx: Tx) -> None:
    await retrieved(tx, FIRST_HOMONYM)
    second = await marked(tx, await created(tx, SECOND_HOMONYM.traits), Step.MARK_HOMONYM)
    candidates = await vigilance.look(tx, replace(second, version=second.version + 1))
    assert [candidate.kind for candidate in candidates] == [Kind.DUPLICATE]
    assert PATIENT.traits.birth_date != date(1931, 8, 9)
