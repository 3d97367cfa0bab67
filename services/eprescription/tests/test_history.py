"""The dispensing history: for pharmacists and doctors of hospitals, unless opposed, and for the person."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.caller import Caller
from chassis.errors import Forbidden, InvalidInput
from chassis.testing import callers
from eprescription.domain.content import Content
from eprescription.domain.dispensing import InterventionKind
from eprescription.domain.history import Opposition
from eprescription.usecases import history, oppositions

from .dispensing_given import (
    BRAND,
    COPY,
    DAY,
    NOW,
    OTHER,
    OTHER_PHARMACIST,
    PERSON,
    Counter,
    Page,
    gives,
    prescribed,
    refuses,
    written,
)
from .given import LAW, WARD, refused

HOSPITAL = replace(callers.doctor, sector="SA01", organisation="1750000091", subject="810100000086")
PUI = replace(callers.pharmacist, sector="SA01", organisation="1750000091")


async def read(
    counter: Counter, caller: Caller, page: Page | None = None, now: object = None
) -> history.Page:
    moment = counter.now if now is None else now
    return await history.list_dispensings(
        counter.tx,
        caller,
        PERSON,
        page or Page(),
        LAW.on(NOW.date()),
        moment,  # type: ignore[arg-type]
    )


async def delivered(counter: Counter, **changes: object) -> str:
    line = prescribed(**changes)  # type: ignore[arg-type]
    made = await written(counter.tx, line)
    await counter.whole(made, gives(line, product=changes.get("of", BRAND)))  # type: ignore[arg-type]
    return made.id.value


@pytest.mark.parametrize(
    ("caller", "sees_prescription"),
    [
        (callers.citizen, True),
        (callers.pharmacist, True),
        (OTHER_PHARMACIST, False),
        (HOSPITAL, False),
        (PUI, False),
    ],
)
async def test_the_history_is_read_by_those_it_is_for(
    counter: Counter, caller: Caller, sees_prescription: bool
) -> None:
    made = await delivered(counter)
    found = (await read(counter, caller)).given
    assert [(one.cis, one.pharmacy) for one in found] == [(BRAND.cis, callers.pharmacist.organisation)]
    assert (found[0].prescription_id is not None) is sees_prescription
    assert not sees_prescription or str(found[0].prescription_id) == made


@pytest.mark.parametrize(
    "caller",
    [
        callers.doctor,
        replace(callers.doctor, sector="SA07"),
        replace(callers.nurse, sector="SA01"),
        callers.other_citizen,
        replace(callers.pharmacist, organisation=""),
    ],
)
async def test_the_history_is_refused_to_everyone_else(counter: Counter, caller: Caller) -> None:
    refusal = await refused(Forbidden, read(counter, caller))
    assert refusal.refusal is not None
    assert refusal.refusal.subject == PERSON.value


async def test_an_opposition_shuts_professionals_out_and_not_the_person(counter: Counter) -> None:
    await delivered(counter)
    await oppositions.set_opposition(counter.tx, callers.citizen, PERSON, True, None, NOW)
    for caller in (callers.pharmacist, OTHER_PHARMACIST, HOSPITAL):
        refusal = await refused(Forbidden, read(counter, caller))
        assert refusal.rules == ("erx.history_opposed",)
    assert len((await read(counter, callers.citizen)).given) == 1
    await oppositions.set_opposition(counter.tx, callers.citizen, PERSON, False, None, NOW)
    assert len((await read(counter, HOSPITAL)).given) == 1


async def test_what_was_not_delivered_or_undone_is_not_told(counter: Counter) -> None:
    line, other = prescribed(), prescribed(OTHER)
    made = await written(counter.tx, line, other)
    held = await counter.claim(made)
    done = await counter.record(held, gives(line), refuses(other))
    await counter.undo(made, done.interventions[0])
    assert (await read(counter, callers.citizen)).given == []
    copy = gives(line, product=COPY, kind=InterventionKind.SUBSTITUTED)
    await counter.record(held, copy)
    found = await read(counter, callers.citizen)
    assert [one.cis for one in found.given] == [COPY.cis]
    assert [one.code for one in found.substances[COPY.cis]] == [COPY.components[0].code]


async def test_professionals_see_twelve_months_and_the_person_all(counter: Counter) -> None:
    await delivered(counter)
    later = NOW + timedelta(days=366)
    assert len((await read(counter, OTHER_PHARMACIST, now=later - 2 * DAY)).given) == 1
    assert (await read(counter, OTHER_PHARMACIST, now=later)).given == []
    assert len((await read(counter, callers.citizen, now=later)).given) == 1


async def test_a_restricted_prescription_is_told_to_person_author_and_pharmacy_alone(
    counter: Counter,
) -> None:
    line = prescribed()
    made = await written(counter.tx, line, content=Content((), restricted=True))
    await counter.whole(made, gives(line))
    guardian = replace(callers.guardian, represents=frozenset({PERSON.value}))
    for caller, seen in (
        (callers.citizen, 1),
        (guardian, 0),
        (callers.pharmacist, 1),
        (OTHER_PHARMACIST, 0),
        (HOSPITAL, 0),
        (replace(HOSPITAL, subject=callers.doctor.subject), 1),
    ):
        assert len((await read(counter, caller)).given) == seen, caller


async def test_the_history_comes_by_pages_newest_first_with_tokens_that_tell_nothing(
    counter: Counter,
) -> None:
    days = [NOW - days * DAY for days in (3, 0, 2, 1)]
    for day in days:
        line = prescribed()
        made = await written(counter.tx, line, now=day)
        await counter.at(NOW).paper(made, gives(line), at=day, reference=f"P{day}")
    first = await read(counter, callers.citizen, Page(size=3))
    rest = await read(counter, callers.citizen, Page(size=3, token=first.more))
    told = [one.delivered_on for one in (*first.given, *rest.given)]
    assert told == sorted((day.date() for day in days), reverse=True)
    assert rest.more == ""
    assert str(NOW.year) not in first.more
    await refused(InvalidInput, read(counter, callers.citizen, Page(token="abc")))


async def test_oppositions_are_the_holders_and_each_switch_stands_alone(counter: Counter) -> None:
    tx, holder = counter.tx, callers.citizen
    assert await oppositions.get_opposition(tx, holder, PERSON, NOW) == Opposition(False, False)
    await oppositions.set_opposition(tx, holder, PERSON, None, True, NOW)
    assert await oppositions.set_opposition(tx, holder, PERSON, True, None, NOW) == Opposition(True, True)
    assert await oppositions.get_opposition(tx, holder, PERSON, NOW) == Opposition(True, True)
    decided = await oppositions.set_opposition(tx, callers.guardian, WARD, True, None, NOW)
    assert decided.history_opposed
    for asked in (
        oppositions.set_opposition(tx, callers.other_citizen, PERSON, True, None, NOW),
        oppositions.get_opposition(tx, callers.other_citizen, PERSON, NOW),
        oppositions.get_opposition(tx, callers.pharmacist, PERSON, NOW),
    ):
        await refused(Forbidden, asked)
