"""Lists of identities: criteria, order, pages, and the trace of each one shown."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from chassis.db import Tx
from chassis.testing import NOW, callers
from identity_ins import domain, store, usecases
from identity_ins.domain import (
    Criteria,
    Identity,
    IdentityId,
    IdentityMerged,
    Paper,
    Sex,
    Sort,
    Window,
)
from identity_ins.usecases import Correction

from .usecases_given import LATER, OTHERS, PATIENT, MakeTraits, created, journal, qualified

pytestmark = pytest.mark.usefixtures("registry")
DOCTOR = callers.doctor


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
        (Criteria(born_from=date(1979, 3, 28), born_to=date(1979, 3, 28)), [0, 1, 2]),
        (Criteria(given="le", born_from=date(1979, 3, 29)), []),
        (Criteria(given="le", born_to=date(1979, 3, 27)), []),
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
            await usecases.list_identities(tx, DOCTOR, criteria, Window(50), now=NOW)
        return
    listed = await usecases.list_identities(tx, DOCTOR, criteria, Window(50), now=NOW)
    assert listed == [made[n] for n in found]
    traces = [entry for entry in await journal(tx) if entry[0] == "identity.search"]
    assert [subject for _, subject, *_ in traces] == ([identity.id.value for identity in listed] or [""])


async def test_list_when_by_number_or_id_then_that_identity_only(tx: Tx) -> None:
    identity = await qualified(tx)
    await created(tx)
    for criteria in (Criteria(ins=PATIENT.ins), Criteria(id=identity.id)):
        assert await usecases.list_identities(tx, DOCTOR, criteria, Window(50), now=NOW) == [identity]
        assert await usecases.list_identities(tx, OTHERS, criteria, Window(50), now=NOW) == []


async def test_list_when_paged_then_each_once_in_order(tx: Tx, make_traits: MakeTraits) -> None:
    made = [await created(tx, make_traits()) for _ in range(5)]
    seen: list[Identity] = []
    for _ in range(3):
        after = seen[-1].id.value if seen else None
        criteria = Criteria(family="PAT")
        seen += await usecases.list_identities(tx, DOCTOR, criteria, Window(2, after), now=NOW)
    assert seen == made


# Twice the same name, date, first name; sorted byte by byte a hyphen comes after a space, before a letter.
ROWS: tuple[dict[str, Any], ...] = (
    {"birth_name": "LE GALL", "birth_date": date(1990, 1, 1), "birth_first_names": ("ANNE",)},
    {"birth_name": "LEGALL", "birth_date": date(1980, 1, 1), "birth_first_names": ("ANNE-LOUISE",)},
    {"birth_name": "LE GALL", "birth_date": date(1985, 1, 1), "birth_first_names": ("ANNE LOUISE",)},
    {"birth_name": "LEBRUN", "birth_date": date(1990, 1, 1), "birth_first_names": ("ANNE",)},
    {"birth_name": "LE-BRUN", "birth_date": date(1979, 1, 1), "birth_first_names": ("ZOE",)},
)
KEYS: dict[Sort, Callable[[Identity], Any]] = {
    Sort.ID: lambda i: i.id.value,
    Sort.FAMILY: lambda i: (i.traits.birth_name_key, i.id.value),
    Sort.BIRTH_DATE: lambda i: (i.traits.birth_date, i.id.value),
    Sort.GIVEN: lambda i: (i.traits.birth_first_names[0], i.id.value),
    Sort.UPDATED: lambda i: (i.updated_at, i.id.value),
}


@pytest.mark.parametrize("descending", [False, True])
@pytest.mark.parametrize("sort", Sort)
async def test_list_when_sorted_then_pages_follow_each_other(
    tx: Tx, make_traits: MakeTraits, sort: Sort, descending: bool
) -> None:
    made = [await created(tx, make_traits(**row)) for row in ROWS]
    wanted = Correction(replace(made[1].traits, used_name="DUPONT"), "married")
    made[1] = await usecases.correct_traits(tx, DOCTOR, made[1].id, wanted, now=LATER)
    seen: list[Identity] = []
    for _ in range(3):
        after = seen[-1].id.value if seen else None
        window = Window(2, after, sort, descending)
        seen += await usecases.list_identities(tx, DOCTOR, Criteria(family="le"), window, now=NOW)
    assert [one.id for one in seen] == [one.id for one in sorted(made, key=KEYS[sort], reverse=descending)]


async def test_list_when_the_last_one_shown_is_another_structures_then_nothing_is_learnt(
    tx: Tx, make_traits: MakeTraits
) -> None:
    theirs = await created(tx, make_traits(), caller=OTHERS)
    await created(tx, make_traits())
    window = Window(2, theirs.id.value, Sort.FAMILY)
    assert await usecases.list_identities(tx, DOCTOR, Criteria(family="pat"), window, now=NOW) == []


async def test_list_when_one_was_merged_then_shown_only_if_asked_for(tx: Tx, make_traits: MakeTraits) -> None:
    kept, gone = [await created(tx, make_traits()) for _ in range(2)]
    merged = replace(gone, merged_into=kept.id, version=2)
    await store.save_identity(tx, merged)

    async def shown(with_merged: bool) -> list[IdentityId]:
        window = Window(50, with_merged=with_merged)
        found = await usecases.list_identities(tx, DOCTOR, Criteria(family="pat"), window, now=NOW)
        return [one.id for one in found]

    assert await shown(with_merged=False) == [kept.id]
    assert await shown(with_merged=True) == [kept.id, gone.id]
    assert (await usecases.get_identity(tx, DOCTOR, gone.id, now=NOW)).merged_into == kept.id
    with pytest.raises(IdentityMerged) as told:
        await usecases.check_identity_paper(tx, DOCTOR, gone.id, Paper.PASSPORT, now=NOW)
    assert kept.id.value in told.value.hint
