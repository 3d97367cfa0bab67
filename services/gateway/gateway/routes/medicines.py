"""REST of eprescription: medicines, what goes together with what, allergies."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Path, Query
from starlette.requests import Request
from starlette.responses import Response

from gateway import models, wire
from gateway.bodies import read
from gateway.context import enter, reply
from gateway.openapi import DirectRoute, operation
from gateway.patients import person_of
from socle.eprescription.v1 import medicines_pb2 as pb

router = APIRouter(prefix="/v1", tags=["medicines"], route_class=DirectRoute)
Cis = Annotated[str, Path(description="Code Identifiant de Spécialité.", examples=["69996010"])]
Cip13 = Annotated[str, Path(description="Pack, with its check digit.", examples=["3400990000030"])]
AllergyId = Annotated[str, Path(description="Id of an allergy.", json_schema_extra={"format": "uuid"})]
MEDICINE = pb.Medicine.DESCRIPTOR
ALLERGIES = pb.ListAllergiesResponse.DESCRIPTOR


@router.get("/medicines", **operation(pb.SearchMedicinesResponse.DESCRIPTOR))
async def search_medicines(request: Request, query: Annotated[models.MedicineQuery, Query()]) -> Response:
    """Medicines by name, substance (DCI), CIS or CIP13, best first; forgives a slip of the pen."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.SearchMedicinesRequest, query.model_dump())
    return reply(await platform.ask(platform.medicines.SearchMedicines, asked, visit))


@router.get("/medicines/imports", **operation(pb.ListImportsResponse.DESCRIPTOR))
async def list_imports(request: Request, page: Annotated[models.Page, Query()]) -> Response:
    """The last imports of the medicines base, with the lines taken and rejected."""
    platform, visit = await enter(request)
    asked = wire.fill(pb.ListImportsRequest, page.message())
    return reply(await platform.ask(platform.medicines.ListImports, asked, visit))


@router.get("/medicines/unknown-conditions", **operation(pb.ListUnknownConditionsResponse.DESCRIPTOR))
async def list_unknown_conditions(request: Request) -> Response:
    """The condition texts that no rule understands."""
    platform, visit = await enter(request)
    asked = pb.ListUnknownConditionsRequest()
    return reply(await platform.ask(platform.medicines.ListUnknownConditions, asked, visit))


@router.get("/medicines/{cis}", **operation(MEDICINE))
async def get_medicine(request: Request, cis: Cis) -> Response:
    """One medicine: packs, substances, conditions of prescription, generic group, availability."""
    return await _medicine(request, pb.GetMedicineRequest(cis=cis))


@router.get("/medicines/packs/{cip13}", **operation(MEDICINE))
async def get_medicine_of_pack(request: Request, cip13: Cip13) -> Response:
    """The medicine of a pack."""
    return await _medicine(request, pb.GetMedicineRequest(cip13=cip13))


async def _medicine(request: Request, asked: pb.GetMedicineRequest) -> Response:
    platform, visit = await enter(request)
    return reply((await platform.ask(platform.medicines.GetMedicine, asked, visit)).medicine)


@router.post("/safety/products", **operation(pb.CheckProductsResponse.DESCRIPTOR, models.ProductsOfPerson))
async def check_products(request: Request) -> Response:
    """Interactions, duplicates and allergies of products with the active treatments of a person."""
    platform, visit = await enter(request)
    body = await read(request, models.ProductsOfPerson)
    person_id = await person_of(request, platform, visit, body)
    asked = wire.fill(pb.CheckProductsRequest, {"person_id": person_id, **body.rest()})
    return reply(await platform.ask(platform.safety.CheckProducts, asked, visit))


@router.post(
    "/safety/comparisons", **operation(pb.CompareProductsResponse.DESCRIPTOR, models.ComparedProducts)
)
async def compare_products(request: Request) -> Response:
    """Interactions between products, without a patient."""
    platform, visit = await enter(request)
    body = await read(request, models.ComparedProducts)
    asked = wire.fill(pb.CompareProductsRequest, body.model_dump())
    return reply(await platform.ask(platform.safety.CompareProducts, asked, visit))


@router.post("/allergies", **operation(pb.Allergy.DESCRIPTOR, models.NewAllergy, status=201, changes=True))
async def record_allergy(request: Request) -> Response:
    """Writes an allergy down."""
    platform, visit = await enter(request)
    body = await read(request, models.NewAllergy)
    person_id = await person_of(request, platform, visit, body)
    asked = wire.fill(pb.RecordAllergyRequest, {"person_id": person_id, **body.rest()})
    return reply((await platform.ask(platform.safety.RecordAllergy, asked, visit)).allergy, 201)


@router.get("/allergies", **operation(ALLERGIES))
async def list_allergies(request: Request, query: Annotated[models.AllergyQuery, Query()]) -> Response:
    """The known allergies of a person."""
    platform, visit = await enter(request)
    asked = pb.ListAllergiesRequest(person_id=query.person_id)
    return reply(await platform.ask(platform.safety.ListAllergies, asked, visit))


@router.post("/allergies/search", **operation(ALLERGIES, models.AllergySearch))
async def search_allergies(request: Request) -> Response:
    """The known allergies of a person given by INS."""
    platform, visit = await enter(request)
    body = await read(request, models.AllergySearch)
    asked = pb.ListAllergiesRequest(person_id=await person_of(request, platform, visit, body))
    return reply(await platform.ask(platform.safety.ListAllergies, asked, visit))


@router.post(
    "/allergies/{allergy_id}/withdrawal",
    **operation(None, models.AllergyWithdrawal, status=204, changes=True),
)
async def withdraw_allergy(request: Request, allergy_id: AllergyId) -> Response:
    """Withdraws an allergy, with a reason."""
    platform, visit = await enter(request)
    body = await read(request, models.AllergyWithdrawal)
    person_id = await person_of(request, platform, visit, body)
    message = {"person_id": person_id, "allergy_id": allergy_id, **body.rest()}
    asked = wire.fill(pb.WithdrawAllergyRequest, message)
    await platform.ask(platform.safety.WithdrawAllergy, asked, visit)
    return Response(status_code=204)
