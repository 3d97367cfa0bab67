"""Allergies of a person: written down once, withdrawn with a reason, each access in the journal."""

import pytest

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, call_as, callers
from eprescription.domain.content import Substance
from eprescription.domain.errors import AllergyKnownAlready
from eprescription.domain.ids import AllergyId
from eprescription.policy import safety as policy
from eprescription.usecases import allergies
from eprescription.usecases.allergies import AllergyNotFound, SubstanceWrong

from . import given
from .given import PERSON, WARD
from .medicines_given import seeded

LATEX = Substance(name="Latex")


async def recorded(tx: Tx, substance: Substance = LATEX, by: Caller = callers.doctor) -> AllergyId:
    return (await allergies.record_allergy(tx, by, PERSON, substance, " gêne ", NOW)).id


async def names(tx: Tx) -> list[str]:
    return [one.substance.name for one in await allergies.list_allergies(tx, callers.citizen, PERSON, NOW)]


async def test_an_allergy_is_written_down_and_read(tx: Tx) -> None:
    await recorded(tx)
    (found,) = await allergies.list_allergies(tx, callers.citizen, PERSON, NOW)
    assert (found.substance.name, found.note, found.recorded_by) == ("LATEX", "gêne", callers.doctor.subject)


async def test_a_substance_of_the_base_is_written_with_its_code(tx: Tx, database: Database) -> None:
    await seeded(tx)
    await recorded(tx, Substance(name="amoxicilline"))
    await recorded(tx, Substance(code="02092"))
    found = await allergies.list_allergies(tx, callers.doctor, PERSON, NOW)
    assert {(one.substance.code, one.substance.name) for one in found} == {
        ("05248", "AMOXICILLINE"),
        ("02092", "IBUPROFENE"),
    }


@pytest.mark.parametrize(
    "substance", [Substance(), Substance(name="  "), Substance(name="x" * 201), Substance(code="99999")]
)
async def test_what_names_no_substance_is_refused(tx: Tx, substance: Substance) -> None:
    with pytest.raises(SubstanceWrong) as refused:
        await recorded(tx, substance)
    assert refused.value.field in ("substance.name", "substance.code")


async def test_an_allergy_is_known_once_however_it_is_written(database: Database) -> None:
    async with database.begin(call_as(callers.doctor)) as tx:
        await recorded(tx)
    with pytest.raises(AllergyKnownAlready):
        async with database.begin(call_as(callers.doctor)) as tx:
            await recorded(tx, Substance(name="LÀTEX"))


async def test_a_withdrawn_allergy_may_be_written_down_again(tx: Tx) -> None:
    known = await recorded(tx, Substance(name="arachide"))
    await allergies.withdraw_allergy(tx, callers.doctor, PERSON, known, "test négatif", NOW)
    assert "ARACHIDE" not in await names(tx)
    await recorded(tx, Substance(name="arachide"))
    assert "ARACHIDE" in await names(tx)


async def test_an_allergy_is_not_withdrawn_twice_nor_for_somebody_else(tx: Tx) -> None:
    known = await recorded(tx, Substance(name="kiwi"))
    with pytest.raises(AllergyNotFound):
        await allergies.withdraw_allergy(tx, callers.doctor, WARD, known, "erreur", NOW)
    await allergies.withdraw_allergy(tx, callers.doctor, PERSON, known, "erreur", NOW)
    with pytest.raises(AllergyNotFound):
        await allergies.withdraw_allergy(tx, callers.doctor, PERSON, known, "erreur", NOW)


async def test_every_access_is_in_the_journal_of_the_person(tx: Tx) -> None:
    known = await recorded(tx, Substance(name="moutarde"))
    await allergies.list_allergies(tx, callers.pharmacist, PERSON, NOW)
    await allergies.withdraw_allergy(tx, callers.citizen, PERSON, known, "erreur", NOW)
    assert (await given.journal(tx))[-3:] == [
        ("allergy.record", known.value),
        ("allergy.list", ""),
        ("allergy.withdraw", known.value),
    ]


KEEPS = {
    "doctor": (callers.doctor, PERSON.value, "allergy.care"),
    "pharmacist": (callers.pharmacist, PERSON.value, "allergy.care"),
    "nurse": (callers.nurse, PERSON.value, "allergy.care"),
    "holder": (callers.citizen, PERSON.value, "allergy.holder"),
    "representative": (callers.guardian, WARD.value, "allergy.representative"),
}


@pytest.mark.parametrize(("caller", "person", "rule"), KEEPS.values(), ids=KEEPS)
def test_who_keeps_allergies(caller: Caller, person: str, rule: str) -> None:
    decision = policy.may_keep_allergies(caller, person)
    assert (decision.permitted, decision.rules) == (True, (rule,))


@pytest.mark.parametrize("caller", [callers.other_citizen, callers.staff, callers.machine, callers.operator])
async def test_who_does_not_keep_allergies(tx: Tx, caller: Caller) -> None:
    before = await given.journal(tx)
    with pytest.raises(Forbidden) as refused:
        await allergies.list_allergies(tx, caller, PERSON, NOW)
    assert refused.value.refusal is not None
    assert await given.journal(tx) == before


def test_only_prescribers_and_pharmacists_check_products_for_a_person() -> None:
    assert policy.may_check(callers.doctor).permitted
    assert policy.may_check(callers.pharmacist).permitted
    for caller in (callers.citizen, callers.staff, callers.machine):
        assert not policy.may_check(caller).permitted
