"""What each intention leaves behind: rows, history, events, journal."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import asyncpg
import orjson
import pytest

from chassis.caller import Caller
from chassis.db import Tx
from chassis.errors import Conflict, Forbidden, NotFound
from chassis.testing import NOW, callers
from identity_ins import domain, seed, store, usecases
from identity_ins.domain import (
    AnswerCode,
    Criteria,
    Identity,
    IdentityAlreadyQualified,
    IdentityDoubtful,
    IdentityId,
    IdentityNotFound,
    Paper,
    PersonUnknown,
    Sex,
    Status,
    Traits,
    TraitsDisagree,
)

MakeTraits = Callable[..., Traits]
pytestmark = pytest.mark.usefixtures("registry")
LATER = NOW + timedelta(hours=1)
FOUND = domain.Answer(AnswerCode.FOUND, seed.person(1))
PATIENT = seed.person(1)
OTHERS = callers.other_doctor
HOMELESS = replace(callers.doctor, organisation="")


async def created(
    tx: Tx, traits: Traits = PATIENT.traits, ipp: str = "", caller: Caller = callers.doctor
) -> Identity:
    return await usecases.create_identity(tx, caller, IdentityId.new(), traits, ipp, now=NOW)


async def qualified(tx: Tx) -> Identity:
    identity = await created(tx)
    await usecases.retrieve_ins(tx, callers.doctor, identity.id, FOUND, now=NOW)
    return await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.PASSPORT, now=NOW)


async def events(tx: Tx) -> list[tuple[str, dict[str, Any]]]:
    rows = await rows_of(tx, "SELECT subject, data FROM outbox ORDER BY seq")
    short = "socle.identity_ins.identity."
    return [
        (row["subject"].removeprefix(short).removesuffix(".v1"), orjson.loads(row["data"])) for row in rows
    ]


async def journal(tx: Tx) -> list[tuple[str, str, str, list[str]]]:
    rows = await rows_of(tx, "SELECT action, subject, object_id, rules FROM audit ORDER BY id")
    return [(row["action"], row["subject"], row["object_id"], list(row["rules"])) for row in rows]


async def rows_of(tx: Tx, sql: str, *arguments: Any) -> list[asyncpg.Record]:
    await tx.flush()
    rows: list[asyncpg.Record] = await tx._connection.fetch(sql, *arguments)
    return rows


async def test_create_when_traits_are_right_then_row_history_event_and_journal(tx: Tx) -> None:
    identity = await created(tx)
    assert await store.get_identity(tx, identity.id) == identity
    assert (identity.status, identity.version, identity.domain) == (Status.PROVISOIRE, 1, "1750000018")
    told = {"identity_id": identity.id.value, "domain": "1750000018", "version": 1}
    assert await events(tx) == [("created", told)]
    assert await journal(tx) == [
        ("identity.create", identity.id.value, identity.id.value, ["rniv.own_structure"])
    ]
    history = await rows_of(
        tx, "SELECT version, author, step, status_before, status_after, before FROM identity_change"
    )
    assert [tuple(row) for row in history] == [(1, callers.doctor.subject, "create", "", "provisoire", None)]


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
        await usecases.get_identity(tx, callers.doctor, IdentityId.new(), now=NOW)


async def test_retrieve_when_insi_finds_the_person_then_retrieved_with_its_traits(tx: Tx) -> None:
    local = replace(PATIENT.traits, birth_first_names=("LUCIE",), birth_place="", used_name="MARTIN")
    identity = await created(tx, local)
    after = await usecases.retrieve_ins(tx, callers.doctor, identity.id, FOUND, now=LATER)
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
    after = await usecases.retrieve_ins(tx, callers.doctor, identity.id, domain.Answer(code), now=LATER)
    assert after == identity
    assert len(await events(tx)) == 1
    assert (await journal(tx))[1][3] == ["rniv.own_structure", f"insi.{code}"]


async def test_retrieve_when_the_paper_was_checked_before_then_two_events_and_qualified(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.IDENTITY_CARD, now=NOW)
    after = await usecases.retrieve_ins(tx, callers.doctor, identity.id, FOUND, now=LATER)
    assert after.status is Status.QUALIFIEE
    assert [name for name, _ in await events(tx)] == ["created", "validated", "retrieved", "qualified"]
    assert [told["version"] for _, told in await events(tx)] == [1, 2, 3, 3]


async def test_retrieve_when_checked_traits_differ_then_stays_validated(tx: Tx) -> None:
    identity = await created(tx, replace(PATIENT.traits, birth_place="75101"))
    await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.IDENTITY_CARD, now=NOW)
    with pytest.raises(TraitsDisagree):
        await usecases.retrieve_ins(tx, callers.doctor, identity.id, FOUND, now=LATER)
    assert (await store.get_identity(tx, identity.id)).status is Status.VALIDEE


async def test_ask_insi_when_doubtful_then_refused_and_else_traced_first(tx: Tx) -> None:
    identity = await created(tx)
    assert await usecases.ask_insi(tx, callers.doctor, identity.id, now=NOW) == domain.attempts(
        identity.traits
    )
    assert (await journal(tx))[1][0] == "identity.ask_insi"
    await usecases.mark_identity_doubtful(tx, callers.doctor, identity.id, "two papers disagree", now=NOW)
    with pytest.raises(IdentityDoubtful):
        await usecases.ask_insi(tx, callers.doctor, identity.id, now=NOW)


async def test_check_paper_when_retrieved_then_qualified(tx: Tx) -> None:
    after = await qualified(tx)
    assert (after.status, after.version) == (Status.QUALIFIEE, 3)
    assert [name for name, _ in await events(tx)] == ["created", "retrieved", "qualified"]
    assert await store.get_identity(tx, after.id) == after
    with pytest.raises(IdentityAlreadyQualified):
        await usecases.check_identity_paper(tx, callers.doctor, after.id, Paper.PASSPORT, now=NOW)


async def test_doubt_when_qualified_then_number_gone_and_consumers_told(tx: Tx) -> None:
    identity = await qualified(tx)
    after = await usecases.mark_identity_doubtful(tx, callers.doctor, identity.id, "usurped", now=LATER)
    assert await store.get_identity(tx, identity.id) == after
    assert (after.status, after.retrieval, after.version) == (Status.PROVISOIRE, None, 4)
    told = {
        "identity_id": identity.id.value,
        "domain": "1750000018",
        "person_id": PATIENT.id.value,
        "version": 4,
    }
    assert (await events(tx))[-1] == ("downgraded", told)
    action, subject, *_ = (await journal(tx))[-1]
    assert (action, subject) == ("identity.mark_doubtful", PATIENT.id.value)
    row = (await rows_of(tx, "SELECT * FROM identity_change WHERE version = 4"))[0]
    assert (row["status_before"], row["status_after"], row["reason"]) == (
        "qualifiée",
        "provisoire",
        "usurped",
    )
    assert row["before"]["ins_matricule"] == PATIENT.ins.matricule


async def test_doubt_when_not_qualified_then_no_consumer_is_told(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.mark_identity_doubtful(tx, callers.doctor, identity.id, "who is it", now=LATER)
    assert [name for name, _ in await events(tx)] == ["created"]


@pytest.mark.parametrize("work", ["retrieve", "paper", "doubt", "ask"])
async def test_change_when_by_another_structure_then_not_found(tx: Tx, work: str) -> None:
    id = (await created(tx)).id
    attempts: dict[str, Callable[[], Awaitable[object]]] = {
        "retrieve": lambda: usecases.retrieve_ins(tx, OTHERS, id, FOUND, now=NOW),
        "paper": lambda: usecases.check_identity_paper(tx, OTHERS, id, Paper.PASSPORT, now=NOW),
        "doubt": lambda: usecases.mark_identity_doubtful(tx, OTHERS, id, "x", now=NOW),
        "ask": lambda: usecases.ask_insi(tx, OTHERS, id, now=NOW),
    }
    with pytest.raises(IdentityNotFound):
        await attempts[work]()
    assert (await store.get_identity(tx, id)).version == 1


async def test_save_when_someone_was_faster_then_conflict(tx: Tx) -> None:
    identity = await created(tx)
    await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.PASSPORT, now=NOW)
    late = domain.mark_doubtful(identity)
    with pytest.raises(Conflict):
        await store.save_identity(tx, late)


PEOPLE = (
    {"birth_name": "DE LA FONTAINE", "birth_first_names": ("ANNE-SOPHIE", "LEA"), "sex": Sex.FEMALE},
    {"birth_name": "DELAUNAY", "birth_first_names": ("LEO",), "sex": Sex.MALE, "used_name": "FONTENAY"},
    {
        "birth_name": "MARTIN",
        "birth_first_names": ("LEA",),
        "sex": Sex.FEMALE,
        "used_first_name": "ANNABELLE",
    },
)


@pytest.mark.parametrize(
    ("criteria", "found"),
    [
        (Criteria(family="de la"), [0]),
        (Criteria(family="Dè-la  f"), [0]),
        (Criteria(family="fonte"), [1]),
        (Criteria(family="DEL"), [1]),
        (Criteria(given="anne s"), [0]),
        (Criteria(given="ann"), [0, 2]),
        (Criteria(given="LEA"), [0, 2]),
        (Criteria(given="le"), [0, 1, 2]),
        (Criteria(given="le", sex=Sex.MALE), [1]),
        (Criteria(birth_date=date(1979, 3, 28)), [0, 1, 2]),
        (Criteria(birth_date=date(1979, 3, 29)), []),
        (Criteria(ipp="P1"), [1]),
        (Criteria(family="fontaine"), []),
        (Criteria(family="d%"), None),
    ],
)
async def test_list_when_criteria_are_given_then_all_must_match(
    tx: Tx, make_traits: MakeTraits, criteria: Criteria, found: list[int] | None
) -> None:
    made = [await created(tx, make_traits(**given), f"P{n}") for n, given in enumerate(PEOPLE)]
    await created(tx, make_traits(**PEOPLE[0]), caller=OTHERS)
    if found is None:
        with pytest.raises(domain.CriteriaWrong):
            await usecases.list_identities(tx, callers.doctor, criteria, None, 50, now=NOW)
        return
    listed = await usecases.list_identities(tx, callers.doctor, criteria, None, 50, now=NOW)
    assert listed == [made[n] for n in found]
    traces = [entry for entry in await journal(tx) if entry[0] == "identity.search"]
    assert [subject for _, subject, *_ in traces] == ([identity.id.value for identity in listed] or [""])


async def test_list_when_by_number_or_id_then_that_identity_only(tx: Tx) -> None:
    identity = await qualified(tx)
    await created(tx)
    for criteria in (Criteria(ins=PATIENT.ins), Criteria(id=identity.id)):
        assert await usecases.list_identities(tx, callers.doctor, criteria, None, 50, now=NOW) == [identity]
        assert await usecases.list_identities(tx, OTHERS, criteria, None, 50, now=NOW) == []


async def test_list_when_paged_then_each_once_in_order(tx: Tx, make_traits: MakeTraits) -> None:
    made = [await created(tx, make_traits()) for _ in range(5)]
    seen: list[Identity] = []
    for _ in range(3):
        after = seen[-1].id.value if seen else None
        criteria = Criteria(family="PAT")
        seen += await usecases.list_identities(tx, callers.doctor, criteria, after, 2, now=NOW)
    assert seen == made


async def test_resolve_when_current_or_former_number_then_the_same_person(tx: Tx) -> None:
    changed = seed.person(7)
    for ins in (changed.ins, *changed.former):
        assert await usecases.resolve_person(tx, callers.citizen, ins, now=NOW) == changed.id
    assert [entry[:2] for entry in await journal(tx)] == [("person.resolve", changed.id.value)] * 3


async def test_resolve_when_nobody_has_the_number_then_not_found_and_told_to_the_journal(tx: Tx) -> None:
    body = "1990175101998"
    ins = domain.parse_ins(body + domain.key_of(body), "1.2.250.1.213.1.4.10", domain.Platform.TEST)
    with pytest.raises(PersonUnknown) as told:
        await usecases.resolve_person(tx, callers.doctor, ins, now=NOW)
    assert told.value.refusal is not None


async def test_person_when_read_by_self_guardian_or_linked_structure_then_given(tx: Tx) -> None:
    child = seed.person(seed.OTHER_PATIENT)
    self_ = replace(callers.citizen, person_id=child.id.value)
    guardian = replace(
        callers.citizen, person_id=seed.person_id_of(3), represents=frozenset({child.id.value})
    )
    for caller in (self_, guardian):
        assert await usecases.get_person(tx, caller, child.id, now=NOW) == child
    for caller in (callers.doctor, callers.staff, callers.other_citizen):
        with pytest.raises(PersonUnknown):
            await usecases.get_person(tx, caller, child.id, now=NOW)
    identity = await created(tx, child.traits)
    answer = domain.Answer(AnswerCode.FOUND, child)
    await usecases.retrieve_ins(tx, callers.doctor, identity.id, answer, now=NOW)
    assert await usecases.get_person(tx, callers.staff, child.id, now=NOW) == child
    with pytest.raises(PersonUnknown):
        await usecases.get_person(tx, OTHERS, child.id, now=NOW)
    rules = [entry[3] for entry in await journal(tx) if entry[0] == "person.read"]
    assert rules == [["person.self"], ["person.representative"], ["person.linked_identity"]]


async def test_person_when_the_number_changes_then_the_current_one_is_shown_first(tx: Tx) -> None:
    person = seed.person(7)
    new = person.former[1]
    await rows_of(tx, "UPDATE ins_number SET current = false WHERE person_id = $1", person.id.value)
    await rows_of(tx, "UPDATE ins_number SET current = true WHERE matricule = $1", new.matricule)
    read = await store.get_person(tx, person.id)
    assert read.ins == new
    assert set(read.former) == {person.ins, person.former[0]}


async def test_person_when_the_link_is_removed_then_no_longer_seen(tx: Tx) -> None:
    identity = await qualified(tx)
    assert await usecases.get_person(tx, callers.doctor, PATIENT.id, now=NOW) == PATIENT
    await usecases.mark_identity_doubtful(tx, callers.doctor, identity.id, "x", now=NOW)
    with pytest.raises(NotFound):
        await usecases.get_person(tx, callers.doctor, PATIENT.id, now=NOW)


async def test_standing_when_asked_then_true_only_for_the_structure_that_qualified(tx: Tx) -> None:
    structures = (callers.doctor.organisation, OTHERS.organisation)

    async def standing() -> list[bool]:
        asked = [usecases.get_standing(tx, callers.service, PATIENT.id, s, now=NOW) for s in structures]
        return [await answer for answer in asked]

    identity = await created(tx)
    await usecases.retrieve_ins(tx, callers.doctor, identity.id, FOUND, now=NOW)
    assert await standing() == [False, False]
    await usecases.check_identity_paper(tx, callers.doctor, identity.id, Paper.PASSPORT, now=NOW)
    assert await standing() == [True, False]
    traces = [entry[1:3] for entry in await journal(tx) if entry[0] == "person.standing"]
    assert traces == [(PATIENT.id.value, structure) for structure in (*structures, *structures)]
    with pytest.raises(Forbidden):
        await usecases.get_standing(tx, callers.doctor, PATIENT.id, structures[0], now=NOW)


async def test_insi_search_when_answered_then_traced_on_the_person_found(tx: Tx) -> None:
    await usecases.record_ins_search(tx, callers.doctor, FOUND, now=NOW)
    await usecases.record_ins_search(tx, callers.doctor, domain.Answer(AnswerCode.SEVERAL), now=NOW)
    with pytest.raises(Forbidden):
        await usecases.record_ins_search(tx, HOMELESS, FOUND, now=NOW)
    assert await journal(tx) == [
        ("insi.search", PATIENT.id.value, "", ["insi.structure", "insi.00"]),
        ("insi.search", "", "", ["insi.structure", "insi.02"]),
    ]
