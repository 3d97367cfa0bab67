"""What creating, reading and correcting leave behind: rows, history, events, journal."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Conflict, Forbidden
from chassis.testing import NOW, callers
from identity_ins import domain, store, usecases
from identity_ins.domain import (
    CollectionMethod,
    Creation,
    Criteria,
    Identity,
    IdentityId,
    IdentityNotFound,
    Paper,
    Status,
    Step,
    Traits,
    TraitsLocked,
    Window,
)
from identity_ins.store.history import Past
from identity_ins.usecases import Correction

from .usecases_given import (
    BILLED,
    HOMELESS,
    LATER,
    OTHERS,
    PATIENT,
    MakeTraits,
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


async def test_create_when_traits_are_right_then_row_history_event_and_journal(tx: Tx) -> None:
    identity = await created(tx)
    assert await store.get_identity(tx, identity.id) == identity
    assert (identity.status, identity.version, identity.domain) == (Status.PROVISOIRE, 1, "1750000018")
    told = {"identity_id": identity.id.value, "domain": "1750000018", "version": 1}
    assert await events(tx) == [("created", told)]
    assert await journal(tx) == [
        ("identity.create", identity.id.value, identity.id.value, ["rniv.own_structure"])
    ]
    written = await rows_of(
        tx, "SELECT version, author, step, status_before, status_after, before FROM identity_change"
    )
    assert [tuple(row) for row in written] == [(1, DOCTOR.subject, "create", "", "provisoire", None)]


async def test_create_when_a_number_and_a_paper_are_given_then_qualified_at_once(tx: Tx) -> None:
    wanted = Creation(
        PATIENT.traits,
        "IPP-1",
        "1.2.250.1.999",
        CollectionMethod.BAR_CODE,
        BILLED,
        PATIENT.ins,
        Paper.PASSPORT,
        date(2026, 5, 2),
    )
    identity, _ = await usecases.create_identity(tx, DOCTOR, IdentityId.new(), wanted, PATIENT, now=NOW)
    assert await store.get_identity(tx, identity.id) == identity
    assert (identity.status, identity.version) == (Status.QUALIFIEE, 1)
    assert (identity.billing_number, identity.ipp_authority) == (BILLED, "1.2.250.1.999")
    known = told_of(identity, person_id=PATIENT.id.value)
    assert await events(tx) == [("created", told_of(identity)), ("retrieved", known), ("qualified", known)]
    assert await history(tx, identity.id) == [(1, "create", "", "qualifiée", "")]
    rules = ["rniv.own_structure", "rniv.paper_seen_by_a_human"]
    assert await journal(tx) == [("identity.create", PATIENT.id.value, identity.id.value, rules)]


@pytest.mark.parametrize(
    ("wanted", "status", "told"),
    [
        ({"paper": Paper.PASSPORT}, Status.VALIDEE, ["created", "validated"]),
        ({"fictitious": True}, Status.PROVISOIRE, ["created"]),
    ],
)
async def test_create_when_one_fact_or_none_holds_then_told_so(
    tx: Tx, wanted: dict[str, Any], status: Status, told: list[str]
) -> None:
    identity = await created(tx, **wanted)
    assert await store.get_identity(tx, identity.id) == identity
    assert identity.status is status
    assert await names_of_events(tx) == told


async def test_create_when_a_machine_attests_a_paper_then_forbidden_with_what_to_do(tx: Tx) -> None:
    with pytest.raises(Forbidden) as told:
        await created(tx, caller=callers.machine, paper=Paper.PASSPORT)
    assert "without the paper" in told.value.hint
    assert (await created(tx, caller=callers.machine)).status is Status.PROVISOIRE


async def test_create_when_traits_are_wrong_then_nothing_is_written(tx: Tx, make_traits: MakeTraits) -> None:
    with pytest.raises(domain.TraitsWrong):
        await created(tx, make_traits(birth_date=date(2027, 1, 1)))
    assert await events(tx) == []
    assert await journal(tx) == []


async def test_create_when_without_structure_then_forbidden_with_what_to_do(tx: Tx) -> None:
    with pytest.raises(Forbidden) as told:
        await created(tx, caller=HOMELESS)
    assert "SubjectOrganizationID" in told.value.hint


async def test_get_when_of_another_structure_then_not_found_and_refusal_told_to_the_journal(tx: Tx) -> None:
    identity = await created(tx)
    with pytest.raises(IdentityNotFound) as told:
        await usecases.get_identity(tx, OTHERS, identity.id, now=NOW)
    refusal = told.value.refusal
    assert refusal is not None
    assert (refusal.subject, refusal.object_id, refusal.rules) == (
        identity.id.value,
        identity.id.value,
        ("rniv.own_structure",),
    )
    with pytest.raises(IdentityNotFound):
        await usecases.get_identity(tx, DOCTOR, IdentityId.new(), now=NOW)


async def test_save_when_someone_was_faster_then_conflict(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.check_identity_paper(tx, DOCTOR, identity.id, Paper.PASSPORT, now=NOW)
    late = domain.mark(identity, Step.MARK_DOUBTFUL, NOW)
    with pytest.raises(Conflict):
        await store.save_identity(tx, late)


NEW_PLACE = replace(PATIENT.traits, birth_place="75101")
MARRIED = replace(PATIENT.traits, used_name="MARTIN")


async def corrected(tx: Tx, identity: Identity, traits: Traits, reason: str = "misread") -> Identity:
    wanted = Correction(traits, reason)
    return await usecases.correct_traits(tx, DOCTOR, identity.id, wanted, now=LATER)


async def test_correction_when_retrieved_then_the_number_is_gone_and_the_change_told(tx: Tx) -> None:
    identity = await retrieved(tx)
    after = await corrected(tx, identity, NEW_PLACE)
    assert await store.get_identity(tx, identity.id) == after
    assert (after.status, after.traits, after.version) == (Status.PROVISOIRE, NEW_PLACE, 3)
    changed = told_of(after, status="IDENTITY_STATUS_PROVISOIRE")
    assert (await events(tx))[-1] == ("changed", changed)
    assert (await history(tx, after.id))[-1] == (3, "correct_traits", "récupérée", "provisoire", "misread")
    assert (await journal(tx))[-1][:2] == ("identity.correct_traits", PATIENT.id.value)


async def test_correction_when_qualified_then_locked_but_for_the_names_in_use(tx: Tx) -> None:
    identity = await qualified(tx)
    with pytest.raises(TraitsLocked):
        await corrected(tx, identity, NEW_PLACE)
    after = await corrected(tx, identity, MARRIED, "married")
    assert (after.status, after.traits) == (Status.QUALIFIEE, MARRIED)
    known = told_of(after, person_id=PATIENT.id.value, status="IDENTITY_STATUS_QUALIFIEE")
    assert (await events(tx))[-1] == ("changed", known)
    assert (await history(tx, after.id))[-1][1] == "change_used_names"


async def test_correction_when_nothing_changes_then_traced_only(tx: Tx) -> None:
    identity = await created(tx)
    typed = replace(PATIENT.traits, birth_name=PATIENT.traits.birth_name.lower())
    assert await corrected(tx, identity, typed) == identity
    assert len(await history(tx, identity.id)) == 1
    assert await names_of_events(tx) == ["created"]


async def test_correction_when_a_first_name_changes_then_found_by_the_new_one_only(tx: Tx) -> None:
    identity = await created(tx)
    await corrected(tx, identity, replace(PATIENT.traits, birth_first_names=("ZELIE",)))

    async def found_by(given: str) -> list[IdentityId]:
        criteria = Criteria(given=given)
        listed = await usecases.list_identities(tx, DOCTOR, criteria, Window(50), now=LATER)
        return [one.id for one in listed]

    assert identity.id in await found_by("zelie")
    assert identity.id not in await found_by(PATIENT.traits.birth_first_names[0])


async def test_correction_when_by_another_structure_or_wrong_then_refused(tx: Tx) -> None:
    identity = await created(tx)
    with pytest.raises(IdentityNotFound):
        await usecases.correct_traits(tx, OTHERS, identity.id, Correction(NEW_PLACE, "x"), now=LATER)
    with pytest.raises(domain.TraitsWrong):
        await corrected(tx, identity, replace(PATIENT.traits, birth_name="4"))
    assert (await store.get_identity(tx, identity.id)).version == 1


async def changes(tx: Tx, id: IdentityId, last: int | None, size: int, caller: Caller = DOCTOR) -> list[Past]:
    return await usecases.list_identity_changes(tx, caller, id, last, size, now=LATER)


async def test_history_when_read_then_each_version_as_it_was_with_its_author(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.check_identity_paper(tx, callers.staff, identity.id, Paper.PASSPORT, now=LATER)
    after = await corrected(tx, identity, NEW_PLACE)
    shown = await changes(tx, identity.id, None, 50)
    assert [(one.version, one.step, one.author) for one in shown] == [
        (3, "correct_traits", DOCTOR.subject),
        (2, "check_paper", callers.staff.subject),
        (1, "create", DOCTOR.subject),
    ]
    assert [one.after.status for one in shown] == [Status.PROVISOIRE, Status.VALIDEE, Status.PROVISOIRE]
    assert (shown[0].after, shown[-1].after, shown[-1].before) == (after, identity, None)
    assert (await journal(tx))[-1][0] == "identity.read_history"


async def test_history_when_read_by_pages_or_by_version_then_the_same_changes(tx: Tx) -> None:
    identity = await qualified(tx)
    whole = await changes(tx, identity.id, None, 50)
    assert await changes(tx, identity.id, 3, 2) + await changes(tx, identity.id, 1, 2) == whole
    assert await changes(tx, identity.id, 2, 1) == whole[1:2]
    for last, caller in ((4, DOCTOR), (None, OTHERS)):
        with pytest.raises(IdentityNotFound):
            await changes(tx, identity.id, last, 50, caller)
