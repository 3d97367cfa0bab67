"""What a creation answers, by what its headers ask for (`Prefer: return`, `If-None-Exist`)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import Violation
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .fhir.patient import write_identity
from .negotiation import fhir_reply, preferences
from .refusals import ConditionNotSupported

Json = dict[str, Any]


def no_condition(request: Request) -> None:
    """A condition that was left unread would make the very duplicate that it was sent to prevent."""
    if "if-none-exist" in request.headers:
        hint = "Search first, or send Idempotency-Key: the same key and body make one Patient."
        raise ConditionNotSupported(hint)


def created(
    request: Request, base: str, answer: pb.CreateIdentityResponse, aside: Sequence[Violation]
) -> Response:
    """201 with the place of the new version; the body is the Patient, nothing, or an OperationOutcome."""
    identity = answer.identity
    location = f"{base}/Patient/{identity.id}/_history/{identity.version or 1}"
    headers = {"Location": location, "ETag": f'W/"{identity.version or 1}"'}
    wanted = preferences(request).get("return", "representation")
    if wanted == "minimal":
        return Response(status_code=201, headers=headers)
    if wanted == "operationoutcome":
        return fhir_reply(request, _outcome(base, answer, aside), 201, headers=headers)
    return fhir_reply(request, write_identity(identity), 201, headers=headers)


def _outcome(base: str, answer: pb.CreateIdentityResponse, aside: Sequence[Violation]) -> Json:
    issues = [_issue("warning", "incomplete", f"{one.field} {one.problem}.") for one in aside]
    issues += [_issue("warning", "business-rule", f"{one.field}: {one.text}") for one in answer.warnings]
    issues += [_issue("warning", "duplicate", _likeness(base, one)) for one in answer.candidates]
    return {
        "resourceType": "OperationOutcome",
        "issue": issues or [_issue("information", "informational", "The Patient was created as sent.")],
    }


def _likeness(base: str, candidate: pb.Candidate) -> str:
    other = f"{base}/Patient/{candidate.identity.id}"
    return f"May be the same person as {other}: {candidate.grade}, score {candidate.score:.2f}."


def _issue(severity: str, code: str, text: str) -> Json:
    return {"severity": severity, "code": code, "diagnostics": text}
