"""FHIR Task: the way of a prescription, from the draft to the receipt, by operations (the German model)."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import NotFound, RuleViolated
from gateway.clients import Platform, Visit
from gateway.context import context, enter
from gateway.fhir import dispense, dispense_out, findings, search, task_definitions
from gateway.fhir import task_operations as operations
from gateway.fhir.faults import Faults
from gateway.fhir.medication_request import UUID
from gateway.fhir.prescription_places import in_acts, in_answer, in_draft
from gateway.fhir.searchset import searchset
from gateway.fhir.task import Answer, Output, write_task
from gateway.fhir.task import places as places_of
from gateway.negotiation import fhir_reply, is_lenient, read_resource, told, wants_fhir
from gateway.openapi import DirectRoute
from gateway.patching import expected_version
from gateway.prescribing import author_of, patient_of, prescription_of, search_prescriptions
from gateway.refusals import OperationUnknown, PrescriptionGone
from gateway.subjects import person_of
from socle.eprescription.v1 import dispensing_pb2 as db
from socle.eprescription.v1 import eprescription_pb2 as pb

router = APIRouter(prefix="/fhir", include_in_schema=False, route_class=DirectRoute)
Json = dict[str, Any]
# States that a pharmacy finds for good: 410, as the German service has it.
GONE = {"PRESCRIPTION_CANCELLED", "PRESCRIPTION_DISCARDED"}


async def _operate(request: Request) -> tuple[Platform, Visit]:
    """The way in of an operation: nothing but the format may stand in its address."""
    wants_fhir(request)
    pairs = request.query_params.multi_items()
    operations.refuse_secrets(pairs)
    search.sort_out(pairs, set(), lenient=is_lenient(request)).close()
    return await enter(request)


def _answer(
    request: Request, prescription: pb.Prescription, status: int = 200, *, location: bool = False, **more: Any
) -> Response:
    here = context(request)
    base = here.settings.fhir_url
    answer = Answer(base, prescription, patient_of(here, prescription.person_id), **more).write()
    headers = {"Location": f"{base}/Task/{prescription.prescription_id}"} if location else {}
    return fhir_reply(request, answer, status, version=prescription.version, headers=headers)


@router.post("/Task/$create")
async def create(request: Request) -> Response:
    """Opens a draft and gives it its number."""
    platform, visit = await _operate(request)
    body = await read_resource(request)
    author = author_of(visit)
    draft = await asyncio.to_thread(operations.read_create, body, author, lenient=is_lenient(request))
    person_id = await person_of(context(request), visit, draft.subject)
    asked = pb.CreatePrescriptionRequest(person_id=person_id, content=draft.content)
    made = await told(platform.ask(platform.prescriptions.CreatePrescription, asked, visit), in_draft(draft))
    issues = findings.write_notices(draft.notices)
    return _answer(request, made.prescription, 201, location=True, issues=issues)


@router.post("/Task/{task_id}/$check")
async def check(request: Request, task_id: str) -> Response:
    """What the rules say of a draft; or, to the pharmacy that holds it, of what it is about to record."""
    platform, visit = await _operate(request)
    body = await read_resource(request, empty=True)
    if body == {}:
        draft = pb.CheckPrescriptionRequest(prescription_id=task_id)
        said = await told(platform.ask(platform.prescriptions.CheckPrescription, draft, visit), in_answer)
        return _answer(request, await prescription_of(platform, visit, task_id), findings=said.findings)
    given = await asyncio.to_thread(dispense.read_dispenses, body, task_id, author_of(visit))
    asked = db.CheckDispensingRequest(
        prescription_id=task_id, secret=given.secret, acts=[one.act for one in given.dispenses]
    )
    located = in_acts([one.at for one in given.dispenses])
    allowed = await told(platform.ask(platform.dispensing.CheckDispensing, asked, visit), located)
    found = await prescription_of(platform, visit, task_id)
    return _answer(request, found, findings=allowed.findings, entitlements=allowed.entitlements)


@router.post("/Task/{task_id}/$activate")
async def activate(request: Request, task_id: str) -> Response:
    """Signs the draft: the law, the safety checks, the signature, all or nothing."""
    platform, visit = await _operate(request)
    asked = operations.read_activate(await read_resource(request, empty=True), task_id)
    asked.version = expected_version(request)
    done = await told(platform.ask(platform.prescriptions.SignPrescription, asked, visit), in_answer)
    outputs = [Output("access-code", done.access_code), Output("signature", done.signature)]
    return _answer(request, done.prescription, outputs=outputs, findings=done.findings)


@router.post("/Task/$accept")
async def accept(request: Request) -> Response:
    """Takes the prescription for the caller's pharmacy; again, it is the same answer."""
    platform, visit = await _operate(request)
    return await _accept(request, platform, visit, await read_resource(request), "")


@router.post("/Task/{task_id}/$accept")
async def accept_one(request: Request, task_id: str) -> Response:
    """The same, the prescription named in the address by its number, or by its id for who may read it."""
    platform, visit = await _operate(request)
    body = await read_resource(request)
    number = await _number(platform, visit, task_id) if UUID.fullmatch(task_id) else task_id
    return await _accept(request, platform, visit, body, number)


async def _number(platform: Platform, visit: Visit, prescription_id: str) -> str:
    try:
        return (await prescription_of(platform, visit, prescription_id)).number
    except NotFound as error:
        error.hint = "A pharmacy that never held it knows its number alone: Task/{number}/$accept."
        raise


async def _accept(request: Request, platform: Platform, visit: Visit, body: Any, number: str) -> Response:
    asked = operations.read_accept(body, number)
    try:
        held = await told(platform.ask(platform.dispensing.ClaimPrescription, asked, visit), in_answer)
    except RuleViolated as error:
        if error.reason in GONE:
            raise PrescriptionGone from None
        raise
    outputs = [
        Output("secret", held.secret),
        Output("held-until", held.held_until.ToJsonString(), "valueDateTime"),
    ]
    return _answer(
        request, held.prescription, outputs=outputs, findings=held.findings, entitlements=held.entitlements
    )


@router.post("/Task/{task_id}/$reject")
async def reject(request: Request, task_id: str) -> Response:
    """Gives the hold back."""
    platform, visit = await _operate(request)
    asked = operations.read_reject(await read_resource(request), task_id)
    done = await told(platform.ask(platform.dispensing.ReleasePrescription, asked, visit), in_answer)
    return _answer(request, done.prescription)


@router.post("/Task/{task_id}/$dispense")
async def record(request: Request, task_id: str) -> Response:
    """Records what was done about lines, all or nothing."""
    platform, visit = await _operate(request)
    body = await read_resource(request)
    given = await asyncio.to_thread(dispense.read_dispenses, body, task_id, author_of(visit))
    await _check_patients(request, platform, visit, task_id, given.dispenses)
    asked = db.RecordDispensingRequest(
        prescription_id=task_id,
        secret=given.secret,
        acts=[one.act for one in given.dispenses],
        decisions=given.decisions,
        delivered_on=given.day,
    )
    located = in_acts([one.at for one in given.dispenses])
    done = await told(platform.ask(platform.dispensing.RecordDispensing, asked, visit), located)
    subject = patient_of(context(request), done.prescription.person_id)
    more = [dispense_out.write_dispense(done.prescription, one, subject) for one in done.interventions]
    return _answer(request, done.prescription, more=more, findings=done.findings)


async def _check_patients(
    request: Request,
    platform: Platform,
    visit: Visit,
    prescription_id: str,
    given: Sequence[dispense.ReadDispense],
) -> None:
    """A dispense that names another patient than the prescription is a box in the wrong hands."""
    named = [one.subject for one in given if one.subject is not None]
    if not named:
        return
    person_id = (await prescription_of(platform, visit, prescription_id)).person_id
    faults = Faults()
    for subject in named:
        if await person_of(context(request), visit, subject) != person_id:
            faults.add(subject.at, "is not the patient of the prescription")
    faults.close()


@router.post("/Task/{task_id}/$close")
async def close(request: Request, task_id: str) -> Response:
    """Ends the visit; the receipt is signed by the platform."""
    platform, visit = await _operate(request)
    asked = operations.read_close(await read_resource(request), task_id)
    done = await told(platform.ask(platform.dispensing.CloseDispensing, asked, visit), in_answer)
    outputs = [Output("receipt", done.receipt), Output("dispensing-id", done.dispensing_id)]
    return _answer(request, done.prescription, outputs=outputs)


@router.post("/Task/{task_id}/$abort")
async def abort(request: Request, task_id: str) -> Response:
    """Cancels the whole prescription or some lines; a draft is given up."""
    platform, visit = await _operate(request)
    asked = operations.read_abort(await read_resource(request), task_id)
    try:
        done = await told(platform.ask(platform.prescriptions.CancelPrescription, asked, visit), in_answer)
    except RuleViolated as error:
        if error.reason != "PRESCRIPTION_DRAFT" or asked.line_ids:
            raise
        return await _discard(request, platform, visit, task_id)
    at = places_of(done.prescription)
    issues = [findings.write_cancellation(one, at) for one in done.lines]
    return _answer(request, done.prescription, issues=issues)


async def _discard(request: Request, platform: Platform, visit: Visit, prescription_id: str) -> Response:
    before = await prescription_of(platform, visit, prescription_id)
    asked = pb.DiscardPrescriptionRequest(prescription_id=prescription_id)
    discarded = platform.ask(platform.prescriptions.DiscardPrescription, asked, visit.step("discard"))
    await told(discarded, in_answer)
    before.state = pb.PRESCRIPTION_STATE_DISCARDED
    return _answer(request, before)


@router.api_route("/Task/${operation}", methods=["GET", "POST"])
@router.api_route("/Task/{task_id}/${operation}", methods=["GET", "POST"])
async def unknown(request: Request, operation: str, task_id: str = "") -> Response:
    """A name that starts with a $ and is no operation here, or is not called by POST."""
    operations.refuse_secrets(request.query_params.multi_items())
    called = sorted(f"${one.code}" for one in task_definitions.OPERATIONS.values())
    raise OperationUnknown(hint=f"POST one of {', '.join(called)}: see /fhir/OperationDefinition.")


@router.get("/Task")
@router.post("/Task/_search")
async def search_tasks(request: Request) -> Response:
    """The prescriptions of a patient, of the caller, of the caller's pharmacy."""
    found = await search_prescriptions(request, "Task")
    here = context(request)
    tasks = [
        write_task(one, patient_of(here, one.person_id, found.asked.subject)) for one in found.prescriptions
    ]
    return fhir_reply(
        request, searchset(here.settings.fhir_url, "Task", found.query, tasks, found.next_token)
    )


@router.get("/Task/{task_id}")
async def read_task(request: Request, task_id: str) -> Response:
    """One prescription on its way, by its id or its number."""
    wants_fhir(request)
    operations.refuse_secrets(request.query_params.multi_items())
    platform, visit = await enter(request)
    found = await prescription_of(platform, visit, task_id)
    body = write_task(found, patient_of(context(request), found.person_id))
    return fhir_reply(request, body, version=found.version)
