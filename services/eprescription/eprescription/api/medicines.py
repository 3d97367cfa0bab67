"""The servicers of medicines, of safety checks and of allergies."""

from __future__ import annotations

from collections.abc import Sequence

from chassis import audit
from chassis.call import Call
from chassis.caller import require
from chassis.db import Database, ReadTx
from chassis.errors import InvalidInput, Violation
from eprescription.domain.content import Line, Product, Substance
from eprescription.domain.ids import AllergyId, PersonId
from eprescription.domain.safety import SafetyItem
from eprescription.policy import safety as policy
from eprescription.usecases import allergies, medicines, products, safety
from socle.eprescription.v1 import medicines_pb2 as pb

from . import shown, shown_medicines
from .desk import Desk


class ItemEmpty(InvalidInput):
    """An item names no product."""

    remedy = "Give its CIS, its CIP13, or its substances."


class MedicineServicer:
    """`socle.eprescription.v1.MedicineService`."""

    service = pb.DESCRIPTOR.services_by_name["MedicineService"]

    def __init__(self, db: Database) -> None:
        self.db = db

    async def SearchMedicines(
        self, request: pb.SearchMedicinesRequest, call: Call
    ) -> pb.SearchMedicinesResponse:
        async with self.db.read() as tx:
            hits = await medicines.search_medicines(tx, request.text, request.marketed_only, request.limit)
        return pb.SearchMedicinesResponse(hits=[shown_medicines.hit(one) for one in hits])

    async def GetMedicine(self, request: pb.GetMedicineRequest, call: Call) -> pb.GetMedicineResponse:
        async with self.db.read() as tx:
            found = await medicines.get_medicine(tx, request.cis, request.cip13)
            source = await medicines.source(tx)
        name, when = (source["source"], source["finished_at"]) if source else ("", None)
        return pb.GetMedicineResponse(medicine=shown_medicines.medicine(found, name, when))

    async def ListImports(self, request: pb.ListImportsRequest, call: Call) -> pb.ListImportsResponse:
        async with self.db.read() as tx:
            found, token = await medicines.list_imports(tx, request.page)
        return pb.ListImportsResponse(
            imports=[shown_medicines.report(one) for one in found], next_token=token
        )

    async def ListUnknownConditions(
        self, request: pb.ListUnknownConditionsRequest, call: Call
    ) -> pb.ListUnknownConditionsResponse:
        async with self.db.read() as tx:
            found = await medicines.list_unknown_conditions(tx)
        return pb.ListUnknownConditionsResponse(
            conditions=[pb.UnknownCondition(text=text, medicines=count) for text, count in found]
        )


class SafetyServicer:
    """`socle.eprescription.v1.SafetyService`."""

    service = pb.DESCRIPTOR.services_by_name["SafetyService"]

    def __init__(self, desk: Desk) -> None:
        self.desk = desk

    async def CheckProducts(self, request: pb.CheckProductsRequest, call: Call) -> pb.CheckProductsResponse:
        """`line_id` of a finding is the place of the item, from 0."""
        person = PersonId(request.person_id)
        async with self.desk.db.begin(call) as tx:
            decision = require(policy.may_check(call.caller), subject=person.value)
            items = await _items(tx, request.items)
            found = await safety.findings_for(tx, person, items, self.desk.today(call))
            audit.record(tx, call.caller, call.permission, person.value, rules=decision.rules, now=call.now())
        return pb.CheckProductsResponse(findings=[shown.finding(one) for one in found])

    async def CompareProducts(
        self, request: pb.CompareProductsRequest, call: Call
    ) -> pb.CompareProductsResponse:
        """`line_id` of a finding is the place of the item, from 0."""
        async with self.desk.db.read() as tx:
            found = await safety.compare(tx, await _items(tx, request.items), self.desk.today(call))
        return pb.CompareProductsResponse(findings=[shown.finding(one) for one in found])

    async def RecordAllergy(self, request: pb.RecordAllergyRequest, call: Call) -> pb.RecordAllergyResponse:
        person = PersonId(request.person_id)
        substance = Substance(request.substance.code, request.substance.name)
        async with self.desk.db.begin(call) as tx:
            made = await allergies.record_allergy(
                tx, call.caller, person, substance, request.note, call.now()
            )
            return tx.answer(pb.RecordAllergyResponse(allergy=shown_medicines.allergy(made)))

    async def WithdrawAllergy(
        self, request: pb.WithdrawAllergyRequest, call: Call
    ) -> pb.WithdrawAllergyResponse:
        person, id = PersonId(request.person_id), AllergyId(request.allergy_id)
        async with self.desk.db.begin(call) as tx:
            await allergies.withdraw_allergy(tx, call.caller, person, id, request.reason, call.now())
            return tx.answer(pb.WithdrawAllergyResponse())

    async def ListAllergies(self, request: pb.ListAllergiesRequest, call: Call) -> pb.ListAllergiesResponse:
        async with self.desk.db.begin(call) as tx:
            found = await allergies.list_allergies(tx, call.caller, PersonId(request.person_id), call.now())
        return pb.ListAllergiesResponse(allergies=[shown_medicines.allergy(one) for one in found])


async def _items(tx: ReadTx, given: Sequence[pb.Item]) -> list[SafetyItem]:
    lines = [
        Line(
            str(place),
            product=Product(
                cis=one.cis,
                cip13=one.cip13,
                label=one.label,
                substances=tuple(Substance(s.code, s.name, s.strength) for s in one.substances),
            ),
        )
        for place, one in enumerate(given)
    ]
    empty = [
        Violation(f"items[{place}]", "This item names no product.")
        for place, line in enumerate(lines)
        if line.product == Product()
    ]
    if empty:
        raise ItemEmpty(violations=empty)
    resolved = await products.resolve(tx, lines, where="items[{}]")
    return [safety.item_of(line, resolved.medicines.get(line.line_id)) for line in resolved.lines]
