"""Merges: what they refuse, what they leave behind, and that each of them can be undone."""

from dataclasses import replace
from uuid import UUID

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import SocleError
from chassis.testing import NOW, callers
from identity_ins import domain, usecases
from identity_ins.domain import (
    Identity,
    IdentityId,
    IdentityMerged,
    IdentityNotFound,
    PersonId,
    PersonUnknown,
    Status,
    Step,
)
from identity_ins.domain.vigilance import (
    CaseState,
    DoubtNotSettled,
    FictitiousNotMixed,
    InsDiffer,
    KeepTheQualified,
    MergeAlreadyUndone,
    MergeId,
    MergeNotFound,
    MergeWithItself,
    UnmergeInOrder,
)
from identity_ins.usecases import merges, vigilance
from identity_ins.usecases.merges import Merged, Wish
from identity_ins.usecases.vigilance import Worklist

from .vigilance_given import (
    DOCTOR,
    FIRST_HOMONYM,
    LATER,
    LATER_STILL,
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
    qualified,
    reread,
    retrieved,
    rows_of,
    steps,
)

pytestmark = pytest.mark.usefixtures("registry")
CITIZEN = replace(callers.citizen, person_id=PATIENT.id.value)


async def merged(tx: Tx, kept: Identity, absorbed: Identity, caller: Caller = DOCTOR) -> Merged:
    return await merges.merge_identities(tx, caller, Wish(kept.id, absorbed.id, "same person"), now=LATER)


async def unmerged(tx: Tx, id: MergeId, caller: Caller = STAFF) -> Merged:
    return await merges.unmerge_identities(tx, caller, id, "two persons", now=LATER_STILL)


async def told_since(tx: Tx, before: int) -> list[tuple[str, dict[str, object]]]:
    return (await events(tx))[before:]


async def test_merge_then_the_absorbed_points_to_the_kept_and_both_histories_say_so(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx, SLIPPED)
    done = await merged(tx, kept, absorbed)
    assert done.absorbed == replace(absorbed, merged_into=kept.id, version=2, updated_at=LATER)
    assert done.kept == replace(kept, version=2, updated_at=LATER)
    assert [await reread(tx, done.kept), await reread(tx, done.absorbed)] == [done.kept, done.absorbed]
    assert (await steps(tx, kept))[-1] == (2, "merge", "same person")
    assert (await steps(tx, absorbed))[-1] == (2, "absorbed", "same person")


async def test_merge_then_the_event_the_case_and_the_journals(tx: Tx) -> None:
    absorbed, kept = await created(tx), await retrieved(tx)
    before = len(await events(tx))
    merge = (await merged(tx, kept, absorbed)).merge
    settled, told = await told_since(tx, before)
    assert settled[1]["outcome"] == "merged"
    assert told == (
        "identity.merged",
        {
            "kept_id": kept.id.value,
            "absorbed_id": absorbed.id.value,
            "domain": DOCTOR.organisation,
            "person_id": PATIENT.id.value,
            "merge_id": merge.id.value,
        },
    )
    (case,) = await vigilance.list_vigilance_cases(tx, DOCTOR, Worklist(CaseState.MERGED), 50, now=LATER)
    assert (case.case.settled_by, case.case.reason) == (DOCTOR.subject, "same person")
    assert await journal(tx, "identity.merge") == [PATIENT.id.value, absorbed.id.value]


async def test_merge_then_its_other_cases_leave_the_worklist_until_it_is_undone(tx: Tx) -> None:
    kept, absorbed, third = await created(tx), await created(tx, SLIPPED), await created(tx, SLIPPED)

    async def pairs() -> set[tuple[IdentityId, ...]]:
        shown = await vigilance.list_vigilance_cases(tx, DOCTOR, Worklist(), 50, now=LATER)
        return {one.case.pair for one in shown}

    assert len(await pairs()) == 3
    merge = (await merged(tx, kept, absorbed)).merge
    assert await pairs() == {(kept.id, third.id)}
    await unmerged(tx, merge.id)
    assert await pairs() == {(kept.id, third.id), (absorbed.id, third.id)}


async def test_merge_then_the_absorbed_vouches_for_nobody_until_it_is_undone(tx: Tx) -> None:
    kept, absorbed = await qualified(tx), await qualified(tx)
    done = await merged(tx, kept, absorbed)
    assert (done.kept.status, done.absorbed.status) == (Status.QUALIFIEE, Status.PROVISOIRE)
    assert (await unmerged(tx, done.merge.id)).absorbed.status is Status.QUALIFIEE


async def test_merge_when_nobody_had_seen_the_pair_then_its_case_is_made_settled(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx, NOBODY_NEAR)
    await merged(tx, kept, absorbed)
    (shown,) = await vigilance.list_vigilance_cases(tx, DOCTOR, Worklist(CaseState.MERGED), 50, now=LATER)
    assert shown.case.score == 0.0
    assert {shown.first.id, shown.second.id} == {kept.id, absorbed.id}


async def test_merge_when_the_absorbed_was_qualified_then_downgraded_first(tx: Tx) -> None:
    kept, absorbed = await qualified(tx), await qualified(tx)
    before = len(await events(tx))
    await merged(tx, kept, absorbed)
    told = await told_since(tx, before)
    assert [name for name, _ in told] == [
        "vigilance_case.settled",
        "identity.downgraded",
        "identity.merged",
    ]
    assert told[1][1] == {
        "identity_id": absorbed.id.value,
        "domain": DOCTOR.organisation,
        "person_id": PATIENT.id.value,
        "version": absorbed.version + 1,
        "status": "IDENTITY_STATUS_PROVISOIRE",
    }
    assert await usecases.get_standing(tx, callers.service, PATIENT.id, DOCTOR.organisation, now=LATER)


async def test_merge_then_the_absorbed_is_only_read_and_no_longer_looked_at(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx)
    await merged(tx, kept, absorbed)
    with pytest.raises(IdentityMerged):
        await usecases.mark_identity(tx, DOCTOR, absorbed.id, Step.MARK_DOUBTFUL, "tried", now=LATER)
    third = await created(tx)
    candidates = await vigilance.list_candidates(tx, DOCTOR, third, now=LATER)
    assert [candidate.identity.id for candidate in candidates] == [kept.id]


async def refused(tx: Tx, kept: Identity, absorbed: Identity, error: type[SocleError], field: str) -> None:
    before = len(await events(tx))
    with pytest.raises(error) as told:
        await merged(tx, kept, absorbed)
    assert told.value.field == field
    assert told.value.hint or told.value.violations
    assert await told_since(tx, before) == []
    assert await rows_of(tx, "SELECT 1 FROM merge") == []


async def test_merge_with_itself_is_refused(tx: Tx) -> None:
    identity = await created(tx)
    await refused(tx, identity, identity, MergeWithItself, "absorbed_id")


async def test_merge_when_insi_knows_two_persons_then_refused(tx: Tx) -> None:
    one, other = await retrieved(tx, FIRST_HOMONYM), await retrieved(tx, SECOND_HOMONYM)
    await refused(tx, one, other, InsDiffer, "absorbed_id")


async def test_merge_of_a_qualified_into_another_status_is_refused(tx: Tx) -> None:
    kept, absorbed = await retrieved(tx), await qualified(tx)
    await refused(tx, kept, absorbed, KeepTheQualified, "kept_id")
    assert (await merged(tx, absorbed, kept)).kept.status is Status.QUALIFIEE


@pytest.mark.parametrize("doubtful", ["kept_id", "absorbed_id"])
async def test_merge_when_one_is_doubtful_then_refused(tx: Tx, doubtful: str) -> None:
    sure, unsure = await created(tx), await marked(tx, await created(tx), Step.MARK_DOUBTFUL)
    pair = (unsure, sure) if doubtful == "kept_id" else (sure, unsure)
    await refused(tx, *pair, DoubtNotSettled, doubtful)


async def test_merge_of_a_fictitious_with_a_real_is_refused_but_two_fictitious_may(tx: Tx) -> None:
    real, one, other = (
        await created(tx),
        await created(tx, fictitious=True),
        await created(tx, fictitious=True),
    )
    await refused(tx, real, one, FictitiousNotMixed, "absorbed_id")
    await refused(tx, one, real, FictitiousNotMixed, "absorbed_id")
    assert (await merged(tx, one, other)).absorbed.merged_into == one.id


@pytest.mark.parametrize("caller", [STRANGER, replace(DOCTOR, organisation="")])
async def test_merge_when_not_of_the_structure_then_not_found(tx: Tx, caller: Caller) -> None:
    kept, absorbed = await created(tx), await created(tx)
    with pytest.raises(IdentityNotFound):
        await merged(tx, kept, absorbed, caller)
    with pytest.raises(IdentityNotFound):
        await merged(tx, await created(tx, caller=STRANGER), absorbed, STRANGER)


async def test_merge_when_either_is_merged_already_then_refused(tx: Tx) -> None:
    first, second, third = await created(tx), await created(tx), await created(tx)
    await merged(tx, first, second)
    for kept, absorbed, field in ((third, second, "absorbed_id"), (second, third, "kept_id")):
        with pytest.raises(IdentityMerged) as told:
            await merged(tx, kept, absorbed)
        assert told.value.field == field


async def test_unmerge_then_the_absorbed_is_what_it_was_and_the_kept_what_it_is(tx: Tx) -> None:
    absorbed = await qualified(tx)
    kept = await qualified(tx)
    merge = (await merged(tx, kept, absorbed)).merge
    wanted = replace(PATIENT.traits, used_name="DELORME")
    await usecases.correct_traits(tx, DOCTOR, kept.id, usecases.Correction(wanted, "married"), now=LATER)
    before = len(await events(tx))
    done = await unmerged(tx, merge.id)
    restored = await reread(tx, absorbed)
    assert restored == done.absorbed
    assert restored == replace(absorbed, version=absorbed.version + 2, updated_at=LATER_STILL)
    assert (await reread(tx, kept)).traits.used_name == "DELORME"
    assert (await steps(tx, absorbed))[-1][1:] == ("restored", "two persons")
    assert (await steps(tx, kept))[-1][1:] == ("unmerge", "two persons")
    told = await told_since(tx, before)
    assert [name for name, _ in told] == [
        "vigilance_case.settled",
        "identity.unmerged",
        "identity.qualified",
    ]
    assert told[-1][1]["version"] == restored.version
    assert await journal(tx, "identity.unmerge") == [PATIENT.id.value, PATIENT.id.value]


async def test_unmerge_then_the_case_is_dismissed_and_not_asked_again(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx)
    merge = (await merged(tx, kept, absorbed)).merge
    done = await unmerged(tx, merge.id)
    assert (done.merge.unmerged_by, done.merge.unmerge_reason) == (STAFF.subject, "two persons")
    (shown,) = await vigilance.list_vigilance_cases(tx, DOCTOR, Worklist(CaseState.DISMISSED), 50, now=LATER)
    assert shown.case.settled_by == STAFF.subject
    wanted = usecases.Correction(SLIPPED, "as on the card")
    await usecases.correct_traits(tx, DOCTOR, absorbed.id, wanted, now=LATER_STILL)
    assert await vigilance.list_candidates(tx, DOCTOR, await reread(tx, absorbed), now=LATER) == []


async def test_unmerge_when_undone_then_refused_but_the_pair_may_be_merged_again(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx)
    first = (await merged(tx, kept, absorbed)).merge
    await unmerged(tx, first.id)
    with pytest.raises(MergeAlreadyUndone):
        await unmerged(tx, first.id)
    second = (await merged(tx, kept, absorbed)).merge
    with pytest.raises(MergeAlreadyUndone):
        await unmerged(tx, first.id)
    assert (await unmerged(tx, second.id)).absorbed.traits == absorbed.traits


async def test_unmerge_when_the_kept_was_merged_since_then_the_later_one_first(tx: Tx) -> None:
    first, second, third = await created(tx), await created(tx), await created(tx)
    early = (await merged(tx, second, first)).merge
    late = (await merged(tx, third, second)).merge
    with pytest.raises(UnmergeInOrder):
        await unmerged(tx, early.id)
    await unmerged(tx, late.id)
    restored = (await unmerged(tx, early.id)).absorbed
    assert restored == replace(first, version=3, updated_at=LATER_STILL)


async def test_unmerge_when_of_another_structure_or_of_nobody_then_not_found(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx)
    merge = (await merged(tx, kept, absorbed)).merge
    for caller, id in ((STRANGER, merge.id), (DOCTOR, MergeId.new())):
        with pytest.raises(MergeNotFound):
            await unmerged(tx, id, caller)


async def listed(tx: Tx, caller: Caller, wanted: IdentityId | PersonId) -> list[domain.vigilance.Merge]:
    return await merges.list_merges(tx, caller, wanted, None, 50, now=LATER)


async def test_list_merges_when_undone_then_still_there_for_the_structure_and_the_person(tx: Tx) -> None:
    kept, absorbed = await retrieved(tx), await created(tx)
    merge = (await merged(tx, kept, absorbed)).merge
    undone = (await unmerged(tx, merge.id)).merge
    for wanted in (kept.id, absorbed.id):
        assert await listed(tx, DOCTOR, wanted) == [undone]
    assert await listed(tx, CITIZEN, PATIENT.id) == [undone]
    guardian = replace(callers.citizen, represents=frozenset({PATIENT.id.value}))
    assert await listed(tx, guardian, PATIENT.id) == [undone]
    assert await journal(tx, "person.read_merges") == [PATIENT.id.value] * 2


async def test_list_merges_when_the_person_became_known_later_then_there_too(tx: Tx) -> None:
    kept, absorbed = await created(tx), await created(tx)
    merge = (await merged(tx, kept, absorbed)).merge
    assert await listed(tx, CITIZEN, PATIENT.id) == []
    asked = domain.ask(kept)
    found = domain.Answer(domain.AnswerCode.FOUND, PATIENT)
    await usecases.retrieve_ins(tx, DOCTOR, kept.id, asked, found, now=LATER)
    assert await listed(tx, CITIZEN, PATIENT.id) == [merge]


async def test_list_merges_when_a_stranger_asks_then_not_found(tx: Tx) -> None:
    kept, absorbed = await retrieved(tx), await created(tx)
    await merged(tx, kept, absorbed)
    for caller in (callers.other_citizen, DOCTOR):
        with pytest.raises(PersonUnknown):
            await listed(tx, caller, PATIENT.id)
    for caller in (STRANGER, CITIZEN):
        with pytest.raises(IdentityNotFound):
            await listed(tx, caller, kept.id)


async def test_list_merges_when_paged_then_newest_first(tx: Tx) -> None:
    kept = await created(tx)
    for _ in range(3):
        await merged(tx, kept, await created(tx))
    newest, *older = await listed(tx, DOCTOR, kept.id)
    page = await merges.list_merges(tx, DOCTOR, kept.id, UUID(newest.id.value), 50, now=NOW)
    assert page == older
    assert len(older) == 2
