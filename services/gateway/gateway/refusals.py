"""What HTTP alone can get wrong (405, 413, 415...), and every error as an answer in the language of its
route.
"""

from __future__ import annotations

import http
import re
from typing import Any

import orjson
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from chassis import http as house
from chassis.errors import InvalidInput, NotFound, RuleViolated, SocleError, Violation

from . import media
from .fhir.findings import with_rule_codes
from .fhir.names import FHIR_JSON, FHIR_XML
from .fhir.outcome import with_xds_codes
from .fhir.xml_out import to_xml

# Deleted by its author: whoever may know that says so is told (ITI-68), to everybody else it never was.
GONE = {"DOCUMENT_DELETED", "PRESCRIPTION_GONE"}
# A prescription whose state refuses is in conflict with the request (409); a rule of law is not (422).
OF_STATE = re.compile(
    "PRESCRIPTION_(DRAFT|ACTIVE|IN_DISPENSE|PARTIALLY_DISPENSED|COMPLETED|CANCELLED|EXPIRED|DISCARDED)"
)
PRESCRIPTIONS = ("/fhir/Task", "/fhir/Medication", "/fhir/DeviceRequest")


class HttpRefusal(HTTPException):
    """A request that HTTP itself refuses; subclasses say the status and the sentence."""

    status = 400
    issue = "invalid"
    # FHIRPath of what is refused, where there is one.
    places: tuple[str, ...] = ()

    def __init__(self, hint: str = "", headers: dict[str, str] | None = None) -> None:
        self.hint = hint
        super().__init__(self.status, (type(self).__doc__ or "").strip(), headers)


class BodyTooLarge(HttpRefusal):
    """The body is larger than this address accepts."""

    status = 413
    issue = "too-long"


class MediaTypeNotSupported(HttpRefusal):
    """The body is of a type that this address does not read."""

    status = 415
    issue = "not-supported"


class MethodNotAnswered(HttpRefusal):
    """This address does not answer this method."""

    status = 405
    issue = "not-supported"


class NotAcceptable(HttpRefusal):
    """This server cannot answer in a type that the request accepts."""

    status = 406
    issue = "not-supported"


class ConditionNotSupported(HttpRefusal):
    """This server does not create on a condition (If-None-Exist)."""

    issue = "not-supported"


class TimeConditionNotSupported(HttpRefusal):
    """A document is not retrieved on a condition of time (If-Unmodified-Since)."""

    issue = "not-supported"


class OperationUnknown(NotFound):
    """There is no such operation at this address."""


class MalformedJson(InvalidInput):
    """The body is not valid JSON."""


class NotUtf8(InvalidInput):
    """The body is not UTF-8."""


class UnreadableRequest(InvalidInput):
    """The request does not have the form that this address reads."""


class NothingHere(NotFound):
    """There is nothing at this address."""


class PrescriptionGone(RuleViolated):
    """This prescription was cancelled: nothing more is dispensed of it."""


class Unexpected(SocleError):
    """Something failed on our side; nothing was changed. Give the trace id to the operators."""


def is_fhir(path: str) -> bool:
    """Errors of these addresses are OperationOutcomes."""
    return path == "/fhir" or path.startswith("/fhir/")


async def on_error(request: Request, error: Exception) -> Response:
    """Any error raised by a route, as its answer."""
    trace = request.scope.get("socle.trace", "")[3:35]
    if isinstance(error, RequestValidationError):
        error = from_validation(error)
    if isinstance(error, HTTPException) and error.status_code == 404:
        error = NothingHere(hint="See /docs and /fhir/metadata for the addresses of this platform.")
    if isinstance(error, HTTPException):
        return _http_answer(error, request.scope, trace)
    return answer(error if isinstance(error, SocleError) else Unexpected(), request.scope, trace)


def answer(error: SocleError, scope: Scope, trace: str) -> Response:
    """An error of the house, as problem+json or OperationOutcome."""
    if is_fhir(scope["path"]):
        outcome = house.to_outcome(error, trace)
        # The errors of XDS are about documents: on a Patient they would mean nothing.
        if scope["path"].startswith(PRESCRIPTIONS):
            outcome = with_rule_codes(outcome, error)
        elif not scope["path"].startswith("/fhir/Patient"):
            outcome = with_xds_codes(outcome, error)
        return _response(status_of(error), outcome, scope, house.headers(error))
    problem = {**house.to_problem(error, trace), "status": status_of(error)}
    return _response(status_of(error), problem, scope, house.headers(error))


def status_of(error: SocleError) -> int:
    """The HTTP status of an error: that of its kind, 410 for what was there and is no more, 409 for a
    prescription whose state refuses.
    """
    if error.reason in GONE:
        return 410
    return 409 if OF_STATE.fullmatch(error.reason) else error.kind.http


def _http_answer(error: HTTPException, scope: Scope, trace: str) -> Response:
    reason = http.HTTPStatus(error.status_code).phrase
    sentence, hint = str(error.detail), getattr(error, "hint", "")
    body: dict[str, Any]
    if is_fhir(scope["path"]):
        issue = getattr(error, "issue", "not-supported")
        details: dict[str, Any] = {"severity": "error", "code": issue, "details": {"text": sentence}}
        body = {"resourceType": "OperationOutcome", "issue": [details]}
        details["diagnostics"] = f"{sentence} {hint}".strip() + (f" (trace {trace})" if trace else "")
        if places := getattr(error, "places", ()):
            details["expression"] = list(places)
    else:
        code = reason.upper().replace(" ", "_")
        kind = f"urn:socle:error:{reason.lower().replace(' ', '-')}"
        members = {
            "type": kind,
            "title": sentence,
            "status": error.status_code,
            "code": code,
            "hint": hint,
            "trace_id": trace,
        }
        body = {key: value for key, value in members.items() if value}
    return _response(error.status_code, body, scope, dict(error.headers or {}))


def _response(status: int, body: dict[str, Any], scope: Scope, headers: dict[str, str]) -> Response:
    if not is_fhir(scope["path"]):
        return Response(orjson.dumps(body), status, headers, house.PROBLEM_JSON)
    # Whoever takes neither format still reads an error better in one of them than not at all.
    if media.wanted(scope) == FHIR_XML:
        return Response(to_xml(body), status, headers, FHIR_XML)
    return Response(orjson.dumps(body), status, headers, FHIR_JSON)


def from_validation(error: Any) -> UnreadableRequest:
    """The faults pydantic found, as violations of the house: where, and what; never the value."""
    faults = [Violation(_path(one["loc"]), _plain(one["msg"])) for one in error.errors()]
    return UnreadableRequest(violations=faults, hint="Correct the fields named and send again; see /docs.")


def _path(steps: tuple[int | str, ...]) -> str:
    named = [step for step in steps if step not in ("body", "query", "path", "header")]
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in named)
    return text.removeprefix(".")[:200] or "$this"


def _plain(message: str) -> str:
    known = {
        "Field required": "is missing",
        "Extra inputs are not permitted": "is not a field of this request",
    }
    return known.get(
        message, message.removeprefix("Value error, ")[:1].lower() + message.removeprefix("Value error, ")[1:]
    )
