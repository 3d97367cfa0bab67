"""OpenAPI 3.1 of the REST interface: bodies from the pydantic models, answers from the contracts'
descriptors.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from google.protobuf.descriptor import Descriptor
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema
from starlette.requests import Request
from starlette.responses import Response

from . import wire

Json = dict[str, Any]
REF = "#/components/schemas/{model}"
PROBLEM_JSON = "application/problem+json"

DESCRIPTION = """
The services of the platform in plain REST. Health documents also travel in FHIR: see
[`/fhir/metadata`](/fhir/metadata). Every call but the public ones needs a bearer token of one of the issuers
of [`/.well-known/smart-configuration`](/.well-known/smart-configuration); on the local platform `make token
PERSONA=doctor` prints one. Every error is a problem+json (RFC 9457) that says what is wrong, where, and what
to do. Traits and INS travel in bodies, never in addresses.
"""

PURPOSE: list[tuple[str, str, Json]] = [
    (
        "Socle-Purpose",
        "Purpose of use.",
        {"type": "string", "enum": ["normal", "bris_de_glace", "centre_15", "secret"]},
    ),
    (
        "Socle-Reason",
        "Why, in an emergency: UTF-8, percent-encoded.",
        {"type": "string", "maxLength": 1500, "pattern": "^[!-~]*$"},
    ),
    (
        "Socle-Timeout",
        "Seconds the caller will wait.",
        {"type": "number", "minimum": 1, "maximum": 60},
    ),
]
KEY: tuple[str, str, Json] = (
    "Idempotency-Key",
    "The same key and body again get the same answer, for 24 hours.",
    {"type": "string", "maxLength": 255, "pattern": "^[!-~]+$"},
)

PROBLEM: Json = {
    "type": "object",
    "required": ["type", "title", "status", "code"],
    "properties": {
        "type": {"type": "string", "examples": ["urn:socle:error:malformed-request"]},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "examples": ["MALFORMED_REQUEST"]},
        "field": {"type": "string"},
        "hint": {"type": "string"},
        "rules": {"type": "array", "items": {"type": "string"}},
        "violations": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "problem": {"type": "string"}},
            },
        },
        "trace_id": {"type": "string"},
    },
}
REFUSALS = {
    400: "The request is wrong by itself; `violations` lists every fault",
    401: "No bearer token, or one that is not valid here",
    403: "You may not do this",
    404: "Absent, or invisible to you",
    409: "In conflict with what is there",
    413: "The body is too large",
    415: "The body is of a type that is not read here",
    422: "The state of the record refuses this",
    429: "Too many requests: see Retry-After",
    503: "A service is away for now: retrying is safe",
    504: "The deadline passed",
}
NOT_ACCEPTABLE = "No type that `Accept` asks for"
BYTES: Json = {"type": "string", "format": "binary"}
SECURITY = {
    "bearer": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A token of Pro Santé Connect, FranceConnect, or a machine client.",
    }
}
# Filled by `operation` when the routes are declared, read by `build`.
_answers: dict[str, Descriptor] = {}
_bodies: dict[str, type[BaseModel]] = {}
_spread: dict[str, str] = {}


class DirectRoute(APIRoute):
    """A route whose function is called as it is, when a path is all that it reads.

    What is wrong with an id is told by the service, with every other fault; resolving dependencies that are
    not there would cost a hot read a tenth of its time.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        if self.dependant.query_params:
            return super().get_route_handler()
        endpoint = self.endpoint

        async def direct(request: Request) -> Response:
            answer: Response = await endpoint(request, **request.path_params)
            return answer

        return direct


def operation(
    answer: Descriptor | type[BaseModel] | None,
    body: type[BaseModel] | None = None,
    *,
    status: int = 200,
    changes: bool = False,
    media: str = "application/json",
    others: tuple[str, ...] = (),
    reads: tuple[str, ...] = (),
    needed: bool = True,
    spread: str = "",
) -> Json:
    """The arguments of a route that document it: what it reads, what it answers, which headers it honours.

    `media` is the type of the answer, `others` those that `Accept` can ask for; `reads` are the types of a
    body beside JSON. A body that is not `needed` may be left out. The members of the field `spread` of the
    answer stand beside the others. A model as `answer` describes JSON that is no message of the contracts.
    """
    extra: Json = {
        "security": [{"bearer": []}],
        "parameters": [_header(*one) for one in [*PURPOSE, *([KEY] if changes else [])]],
    }
    content = {kind: {"schema": {"type": "string"}} for kind in reads}
    if body is not None:
        _bodies[body.__name__] = body
        content = {"application/json": {"schema": {"$ref": REF.format(model=body.__name__)}}} | content
    if content:
        extra["requestBody"] = {"required": needed, "content": content}
    good = _shaped(answer, media) if isinstance(answer, type) else _good(answer, media, others, spread)
    responses = {status: good, **_refusals(negotiated=bool(others))}
    return {"openapi_extra": extra, "responses": responses, "status_code": status}


def public(documented: Json) -> Json:
    """`operation` for what takes no token, hence none of the headers that say what a caller wants."""
    return documented | {"openapi_extra": {"security": []}}


def _header(name: str, text: str, schema: Json) -> Json:
    return {"name": name, "in": "header", "required": False, "description": text, "schema": schema}


def _refusals(*, negotiated: bool) -> dict[int | str, Json]:
    problem = {PROBLEM_JSON: {"schema": {"$ref": REF.format(model="Problem")}}}
    told = {**REFUSALS, 406: NOT_ACCEPTABLE} if negotiated else REFUSALS
    return {code: {"description": text, "content": problem} for code, text in told.items()}


def _good(answer: Descriptor | None, media: str, others: tuple[str, ...], spread: str) -> Json:
    content: Json = {kind: {"schema": BYTES} for kind in others}
    if answer is not None:
        _tell(wire.nested(answer))
        name = wire.schema_name(answer)
        _spread.update({name: spread} if spread else {})
        content = {media: {"schema": {"$ref": REF.format(model=name)}}} | content
    elif media != "application/json":
        content = {media: {"schema": BYTES}} | content
    return {"description": "Done", **({"content": content} if content else {})}


def _tell(found: dict[str, Descriptor]) -> None:
    """Keeps the types of an answer; two types under one name would be told as one: see `wire.RENAMED`."""
    if twice := [name for name, one in found.items() if _answers.get(name, one) is not one]:
        raise TypeError(f"two messages of the contracts have one name: {twice}")
    _answers.update(found)


def _shaped(answer: type[BaseModel], media: str) -> Json:
    _bodies[answer.__name__] = answer
    schema = {"$ref": REF.format(model=answer.__name__)}
    return {"description": "Done", "content": {media: {"schema": schema}}}


def build(app: FastAPI, version: str) -> Json:
    """The document, with every schema its operations point to."""
    document = get_openapi(
        title="Socle",
        version=version,
        summary="Services socles of e-health",
        description=DESCRIPTION,
        routes=app.routes,
    )
    schemas = document.setdefault("components", {}).setdefault("schemas", {})
    _, models = models_json_schema([(model, "validation") for model in _bodies.values()], ref_template=REF)
    bodies: Json = models.get("$defs", {})
    if twice := bodies.keys() & _answers.keys():
        raise TypeError(f"a body and an answer have one name, and would share one schema: {sorted(twice)}")
    schemas |= bodies | {name: wire.schema(one, _spread.get(name, "")) for name, one in _answers.items()}
    schemas["Problem"] = PROBLEM
    document["components"]["securitySchemes"] = SECURITY
    return document
