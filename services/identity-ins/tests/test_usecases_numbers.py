"""What asking INSi leaves behind: rows, history, events, journal."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Forbidden, SocleError
from chassis.testing import NOW, callers
from identity_ins import store, usecases
from identity_ins.domain import (
    Answer,
    AnswerCode,
    AnswerOutdated,
    Creation,
    Identity,
    IdentityDoubtful,
    IdentityFictitious,
    IdentityNotFound,
    Ins,
    InsAlreadyRetrieved,
    InsNotHeld,
    Paper,
    Question,
    Sex,
    SexNeeded,
    Status,
    Step,
    TraitsDisagree,
    TraitsWrong,
    Verdict,
    Verification,
)

from .usecases_given import (
    CONFIRMED,
    FOUND,
    HOMELESS,
    LATER,
    NOBODY,
    OTHERS,
    PATIENT,
    REFUTED,
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
MOVED = replace(PATIENT, ins=Ins("284058832102532", PATIENT.ins.oid), former=(PATIENT.ins,))


async def test_retrieve_when_insi_finds_the_person_then_retrieved_with_its_traits(tx: Tx) -> None:
    local = replace(PATIENT.traits, birth_first_names=("LUCIE",), birth_place="", used_name="MARTIN")
    identity = await created(tx, local)
    after = await usecases.retrieve_ins(tx, DOCTOR, identity.id, Question(identity.traits), FOUND, now=LATER)
    assert await store.get_identity(tx, identity.id) == after
    assert (after.status, after.version, after.person_id) == (Status.RECUPEREE, 2, PATIENT.id)
    assert after.traits == replace(PATIENT.traits, used_name="MARTIN")
    assert after.retrieval is not None
    assert (after.retrieval.ins, after.retrieval.at) == (PATIENT.ins, LATER)
    told = {
        "identity_id": identity.id.value,
        "domain": "1750000018",
        "person_id": PATIENT.id.value,
        "version": 2,
    }
    assert (await events(tx))[1:] == [("retrieved", told)]
    rules = ["rniv.own_structure", "insi.00"]
    assert (await journal(tx))[1:] == [("identity.retrieve_ins", PATIENT.id.value, identity.id.value, rules)]
    before = await rows_of(tx, "SELECT before FROM identity_change WHERE version = 2")
    assert before[0]["before"]["birth_first_names"] == ["LUCIE"]


@pytest.mark.parametrize("code", [AnswerCode.NOBODY, AnswerCode.SEVERAL])
async def test_retrieve_when_no_single_person_then_unchanged_but_traced(tx: Tx, code: AnswerCode) -> None:
    identity = await created(tx)
    after = await usecases.retrieve_ins(
        tx, DOCTOR, identity.id, Question(identity.traits), Answer(code), now=LATER
    )
    assert after == identity
    assert len(await events(tx)) == 1
    assert (await journal(tx))[1][3] == ["rniv.own_structure", f"insi.{code}"]


async def test_retrieve_when_the_paper_was_checked_before_then_two_events_and_qualified(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.check_identity_paper(tx, DOCTOR, identity.id, Paper.IDENTITY_CARD, now=NOW)
    after = await usecases.retrieve_ins(tx, DOCTOR, identity.id, Question(identity.traits), FOUND, now=LATER)
    assert after.status is Status.QUALIFIEE
    assert [name for name, _ in await events(tx)] == ["created", "validated", "retrieved", "qualified"]
    assert [told["version"] for _, told in await events(tx)] == [1, 2, 3, 3]


async def test_retrieve_when_checked_traits_differ_then_stays_validated(tx: Tx) -> None:
    identity = await created(tx, replace(PATIENT.traits, birth_place="75101"))
    await usecases.check_identity_paper(tx, DOCTOR, identity.id, Paper.IDENTITY_CARD, now=NOW)
    with pytest.raises(TraitsDisagree):
        await usecases.retrieve_ins(tx, DOCTOR, identity.id, Question(identity.traits), FOUND, now=LATER)
    assert (await store.get_identity(tx, identity.id)).status is Status.VALIDEE


async def test_ask_insi_when_doubtful_then_refused_and_else_traced_first(tx: Tx) -> None:
    identity = await created(tx)
    assert await usecases.ask_insi(tx, DOCTOR, identity.id, now=NOW) == Question(identity.traits)
    assert (await journal(tx))[1][0] == "identity.ask_insi"
    await usecases.mark_identity(tx, DOCTOR, identity.id, Step.MARK_DOUBTFUL, "two papers disagree", now=NOW)
    with pytest.raises(IdentityDoubtful):
        await usecases.ask_insi(tx, DOCTOR, identity.id, now=NOW)


async def test_insi_search_when_answered_then_traced_on_the_person_found(tx: Tx) -> None:
    await usecases.record_ins_search(tx, DOCTOR, FOUND, now=NOW)
    await usecases.record_ins_search(tx, DOCTOR, Answer(AnswerCode.SEVERAL), now=NOW)
    with pytest.raises(Forbidden):
        await usecases.record_ins_search(tx, HOMELESS, FOUND, now=NOW)
    assert await journal(tx) == [
        ("insi.search", PATIENT.id.value, "", ["insi.structure", "insi.00"]),
        ("insi.search", "", "", ["insi.structure", "insi.02"]),
    ]


async def asked_about(tx: Tx, identity: Identity, given: Ins | None = None) -> Verification:
    return await usecases.ask_verification(tx, DOCTOR, identity.id, given, now=LATER)


async def verified(
    tx: Tx, identity: Identity, verdict: Verdict, other: Answer = NOBODY, given: Ins | None = None
) -> tuple[Step | None, Identity]:
    asked = await asked_about(tx, identity, given)
    return await usecases.verify_ins(tx, DOCTOR, identity.id, asked, verdict, other, now=LATER)


async def test_verify_when_the_held_number_is_confirmed_then_dated_and_nobody_told(tx: Tx) -> None:
    identity = await qualified(tx)
    step, after = await verified(tx, identity, CONFIRMED)
    assert await store.get_identity(tx, identity.id) == after
    assert after.retrieval is not None
    assert (step, after.status, after.version) == (Step.CONFIRM_INS, Status.QUALIFIEE, 4)
    assert after.retrieval.verified_at == LATER
    assert (await names_of_events(tx))[-1] == "qualified"
    assert (await history(tx, after.id))[-1] == (4, "confirm_ins", "qualifiée", "qualifiée", "")
    rules = ["rniv.own_structure", "insi.confirmed"]
    assert (await journal(tx))[-2:] == [
        ("identity.ask_insi", PATIENT.id.value, identity.id.value, ["rniv.own_structure"]),
        ("identity.verify_ins", PATIENT.id.value, identity.id.value, rules),
    ]


async def test_verify_when_the_person_has_another_number_then_replaced_and_consumers_told(tx: Tx) -> None:
    identity = await qualified(tx)
    step, after = await verified(tx, identity, REFUTED, Answer(AnswerCode.FOUND, MOVED))
    assert await store.get_identity(tx, identity.id) == after
    assert after.retrieval is not None
    assert (step, after.status, after.retrieval.ins) == (Step.REPLACE_INS, Status.QUALIFIEE, MOVED.ins)
    assert (await events(tx))[-1] == ("ins_replaced", told_of(after, person_id=PATIENT.id.value))
    assert (await history(tx, after.id))[-1][1] == "replace_ins"


async def test_verify_when_the_held_number_is_refuted_then_lost_and_consumers_told(tx: Tx) -> None:
    identity = await qualified(tx)
    step, after = await verified(tx, identity, REFUTED)
    assert await store.get_identity(tx, identity.id) == after
    assert (step, after.status, after.retrieval) == (Step.REFUTE_INS, Status.VALIDEE, None)
    lost = told_of(after, person_id=PATIENT.id.value, status="IDENTITY_STATUS_VALIDEE")
    assert (await events(tx))[-1] == ("downgraded", lost)
    # The line is for whom the identity spoke of until now.
    assert (await journal(tx))[-1][:2] == ("identity.verify_ins", PATIENT.id.value)


async def test_verify_when_a_retrieved_number_is_refuted_then_changed_only(tx: Tx) -> None:
    identity = await retrieved(tx)
    _, after = await verified(tx, identity, REFUTED)
    assert after.status is Status.PROVISOIRE
    changed = told_of(after, status="IDENTITY_STATUS_PROVISOIRE")
    assert (await events(tx))[-1] == ("changed", changed)


async def test_verify_when_a_number_is_given_and_confirmed_then_linked(tx: Tx) -> None:
    identity = await created(tx)
    step, after = await verified(tx, identity, CONFIRMED, given=PATIENT.ins)
    assert await store.get_identity(tx, identity.id) == after
    assert (step, after.status, after.person_id) == (Step.VERIFY_INS, Status.RECUPEREE, PATIENT.id)
    assert (await events(tx))[-1] == ("retrieved", told_of(after, person_id=PATIENT.id.value))


async def test_verify_when_a_number_is_given_and_refuted_then_unchanged_but_traced(tx: Tx) -> None:
    identity = await created(tx)
    assert await verified(tx, identity, REFUTED, given=PATIENT.ins) == (None, identity)
    assert len(await history(tx, identity.id)) == 1
    assert (await journal(tx))[-1][3] == ["rniv.own_structure", "insi.not_confirmed"]


async def test_verify_when_nothing_can_be_asked_then_refused_before_asking(tx: Tx) -> None:
    provisional, known = await created(tx), await retrieved(tx)
    with pytest.raises(InsNotHeld):
        await asked_about(tx, provisional)
    with pytest.raises(InsAlreadyRetrieved):
        await asked_about(tx, known, MOVED.ins)
    assert "identity.ask_insi" not in [action for action, *_ in await journal(tx)]


async def test_answer_when_the_identity_changed_meanwhile_then_conflict_and_nothing_written(tx: Tx) -> None:
    identity = await created(tx)
    stale = Question(replace(PATIENT.traits, birth_place="75101"))
    with pytest.raises(AnswerOutdated):
        await usecases.retrieve_ins(tx, DOCTOR, identity.id, stale, FOUND, now=LATER)
    known = await retrieved(tx)
    asked = await asked_about(tx, known)
    await usecases.remove_ins(tx, DOCTOR, known.id, "another's card", now=LATER)
    with pytest.raises(InsNotHeld):
        await usecases.verify_ins(tx, DOCTOR, known.id, asked, REFUTED, NOBODY, now=LATER)
    assert (await store.get_identity(tx, identity.id)).version == 1


async def test_remove_when_qualified_then_provisional_and_consumers_told(tx: Tx) -> None:
    identity = await qualified(tx)
    after = await usecases.remove_ins(tx, DOCTOR, identity.id, "another's card", now=LATER)
    assert await store.get_identity(tx, identity.id) == after
    assert (after.status, after.retrieval, after.paper_check) == (Status.PROVISOIRE, None, None)
    lost = told_of(after, person_id=PATIENT.id.value, status="IDENTITY_STATUS_PROVISOIRE")
    assert (await events(tx))[-1] == ("downgraded", lost)
    assert (await history(tx, after.id))[-1] == (4, "remove_ins", "qualifiée", "provisoire", "another's card")
    assert (await journal(tx))[-1][:2] == ("identity.remove_ins", PATIENT.id.value)
    with pytest.raises(InsNotHeld):
        await usecases.remove_ins(tx, DOCTOR, identity.id, "again", now=LATER)


async def test_creation_when_a_number_is_claimed_then_the_intent_is_traced(tx: Tx) -> None:
    wanted = Creation(PATIENT.traits, ins=PATIENT.ins)
    asked = await usecases.ask_creation(tx, DOCTOR, wanted, now=NOW)
    assert asked == Verification(PATIENT.traits, PATIENT.ins)
    assert await journal(tx) == [("identity.ask_insi", "", "", ["rniv.own_structure"])]


@pytest.mark.parametrize(
    ("changes", "caller", "error"),
    [
        ({"fictitious": True}, DOCTOR, IdentityFictitious),
        ({"traits": replace(PATIENT.traits, sex=Sex.UNKNOWN)}, DOCTOR, SexNeeded),
        ({"traits": replace(PATIENT.traits, birth_name="?")}, DOCTOR, TraitsWrong),
        ({"paper": Paper.PASSPORT}, callers.machine, Forbidden),
        ({}, HOMELESS, Forbidden),
    ],
)
async def test_creation_when_it_would_be_refused_then_insi_is_not_asked(
    tx: Tx, changes: dict[str, Any], caller: Caller, error: type[SocleError]
) -> None:
    wanted = replace(Creation(PATIENT.traits, ins=PATIENT.ins), **changes)
    with pytest.raises(error):
        await usecases.ask_creation(tx, caller, wanted, now=NOW)
    assert await journal(tx) == []


@pytest.mark.parametrize("work", ["retrieve", "ask", "ask_verification", "verify", "remove"])
async def test_number_when_asked_by_another_structure_then_not_found(tx: Tx, work: str) -> None:
    id = (await retrieved(tx)).id
    held = Verification(PATIENT.traits, PATIENT.ins, held=True)
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "retrieve": lambda: usecases.retrieve_ins(tx, OTHERS, id, held, FOUND, now=NOW),
        "ask": lambda: usecases.ask_insi(tx, OTHERS, id, now=NOW),
        "ask_verification": lambda: usecases.ask_verification(tx, OTHERS, id, None, now=NOW),
        "verify": lambda: usecases.verify_ins(tx, OTHERS, id, held, CONFIRMED, NOBODY, now=NOW),
        "remove": lambda: usecases.remove_ins(tx, OTHERS, id, "x", now=NOW),
    }
    with pytest.raises(IdentityNotFound):
        await attempts[work]()
    assert (await store.get_identity(tx, id)).version == 2
