"""The servicers of medicines and safety over the wire: messages, doors, errors."""

from collections.abc import AsyncIterator

import grpc
import pytest

from chassis.db import Database
from chassis.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, SocleError
from chassis.status import from_status
from chassis.testing import LocalIssuer, Served, callers, served
from eprescription.api.medicines import MedicineServicer, SafetyServicer
from socle.common.v1 import common_pb2
from socle.eprescription.v1 import eprescription_pb2 as erx
from socle.eprescription.v1 import medicines_pb2 as pb

from . import given
from .given import PERSON
from .medicines_given import DOLPARIX_1G, DOLPARIX_1G_PACK, IBUVANE, WARFANOR, seeded

KEY = {"idempotency_key": "0197a000-0000-7000-8000-000000000001"}


@pytest.fixture(scope="module")
async def base(database: Database) -> Database:
    await seeded(database)
    return database


@pytest.fixture
async def medicines(base: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(MedicineServicer(base), base, issuer) as up:
        yield up


@pytest.fixture
async def safety(base: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(SafetyServicer(given.desk(base)), base, issuer) as up:
        yield up


async def refused(asked: object) -> SocleError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await asked  # type: ignore[misc]
    return from_status(caught.value)


async def test_a_search_tells_what_a_prescriber_chooses_by(medicines: Served) -> None:
    answer = await medicines.ask(
        "SearchMedicines", pb.SearchMedicinesRequest(text="morfalis"), callers.citizen
    )
    first = answer.hits[0]
    assert first.label == "MORPHALIS 10 mg, comprimé à libération prolongée"
    assert list(first.restrictions)[:2] == ["narcotic", "secure"]
    assert [one.name for one in first.substances] == ["MORPHINE"]
    assert 0 < first.score < 1


async def test_a_text_that_cannot_be_searched_is_refused_with_its_field(medicines: Served) -> None:
    for text in ("", "5 mg", "3400990000017", "x" * 101):
        error = await refused(
            medicines.ask("SearchMedicines", pb.SearchMedicinesRequest(text=text), callers.doctor)
        )
        assert isinstance(error, InvalidInput), text


async def test_a_medicine_is_told_whole(medicines: Served) -> None:
    answer = await medicines.ask(
        "GetMedicine", pb.GetMedicineRequest(cip13=DOLPARIX_1G_PACK), callers.machine
    )
    medicine = answer.medicine
    assert (medicine.cis, medicine.source, medicine.marketed) == (DOLPARIX_1G, "seed", True)
    (pack,) = medicine.presentations
    assert (pack.units, pack.unit_label, pack.price, pack.reimbursement_percent) == (
        "8",
        "comprimé",
        "2.20",
        65,
    )
    assert medicine.generics[0].type == 0
    assert medicine.HasField("imported_at")


async def test_an_unknown_medicine_is_not_found(medicines: Served) -> None:
    error = await refused(medicines.ask("GetMedicine", pb.GetMedicineRequest(cis="61234567"), callers.doctor))
    assert isinstance(error, NotFound)


async def test_imports_are_listed_by_pages(medicines: Served) -> None:
    request = pb.ListImportsRequest(page=common_pb2.PageRequest(size=1))
    first = await medicines.ask("ListImports", request, callers.operator)
    assert first.imports[0].source == "seed"
    assert sum(one.taken for one in first.imports[0].files) > 0
    request.page.token = first.next_token
    second = await medicines.ask("ListImports", request, callers.operator)
    assert second.imports[0].import_id != first.imports[0].import_id
    assert second.next_token == ""


async def test_a_condition_that_no_rule_understands_is_surfaced(medicines: Served) -> None:
    answer = await medicines.ask("ListUnknownConditions", pb.ListUnknownConditionsRequest(), callers.doctor)
    assert [(one.text, one.medicines) for one in answer.conditions] == [
        ("à conserver à l'abri des regards indiscrets", 1)
    ]


async def test_products_are_checked_for_a_person_and_the_person_is_told(
    safety: Served, base: Database
) -> None:
    request = pb.CheckProductsRequest(
        person_id=PERSON.value, items=[pb.Item(cis=WARFANOR), pb.Item(cis=IBUVANE)]
    )
    answer = await safety.ask("CheckProducts", request, callers.doctor)
    (found,) = answer.findings
    assert (found.rule, found.line_id, found.severity) == ("I1", "1", erx.SEVERITY_WARNING)
    async with base.read() as tx:
        assert (await given.journal(tx))[-1][0] == "safety.check"


async def test_products_are_compared_without_a_person(safety: Served) -> None:
    items = [pb.Item(cis=WARFANOR), pb.Item(substances=[erx.Substance(name="ibuprofène")])]
    answer = await safety.ask("CompareProducts", pb.CompareProductsRequest(items=items), callers.citizen)
    assert [one.rule for one in answer.findings] == ["I1"]


async def test_an_item_that_is_wrong_is_refused_at_its_place(safety: Served) -> None:
    wrong = [pb.Item(cis=WARFANOR), pb.Item(cip13="3400990000017")]
    error = await refused(
        safety.ask("CompareProducts", pb.CompareProductsRequest(items=wrong), callers.citizen)
    )
    assert isinstance(error, InvalidInput)
    assert [one.field for one in error.violations] == ["items[1].cip13"]
    empty = await refused(
        safety.ask("CompareProducts", pb.CompareProductsRequest(items=[pb.Item()]), callers.citizen)
    )
    assert [one.field for one in empty.violations] == ["items[0]"]


async def test_allergies_are_kept_by_the_person_and_by_who_cares(safety: Served) -> None:
    request = pb.RecordAllergyRequest(person_id=PERSON.value, substance=erx.Substance(name="Latex"))
    made = await safety.ask("RecordAllergy", request, callers.citizen, **KEY)
    assert await safety.ask("RecordAllergy", request, callers.citizen, **KEY) == made
    other = {"idempotency_key": "0197a000-0000-7000-8000-000000000002"}
    again = await refused(safety.ask("RecordAllergy", request, callers.doctor, **other))
    assert isinstance(again, AlreadyExists)
    listing = pb.ListAllergiesRequest(person_id=PERSON.value)
    assert len((await safety.ask("ListAllergies", listing, callers.pharmacist)).allergies) == 1
    stranger = await refused(safety.ask("ListAllergies", listing, callers.other_citizen))
    assert isinstance(stranger, Forbidden)
    withdrawal = pb.WithdrawAllergyRequest(
        person_id=PERSON.value, allergy_id=made.allergy.allergy_id, reason="test négatif"
    )
    third = {"idempotency_key": "0197a000-0000-7000-8000-000000000003"}
    await safety.ask("WithdrawAllergy", withdrawal, callers.doctor, **third)
    assert not (await safety.ask("ListAllergies", listing, callers.citizen)).allergies
