"""FHIR over HTTP: what the caller accepts, parameters of a search, answers with their headers."""

from __future__ import annotations

import base64
from typing import Any
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import InvalidInput

from .fhir.names import FHIR_JSON
from .refusals import MediaTypeNotSupported, NotAcceptable

FORM = "application/x-www-form-urlencoded"
JSON_TYPES = {FHIR_JSON, "application/json", "application/*", "*/*"}
MOST_PARAMETERS = 100


class TooManyParameters(InvalidInput):
    """The search has more than 100 parameters."""


def accepted(request: Request) -> list[str]:
    """The media types of `Accept`, without those of weight 0; everything when there is no such header."""
    header = request.headers.get("accept", "").strip() or "*/*"
    ranges = [part.split(";") for part in header.lower().split(",")]
    return [
        kind.strip() for kind, *rest in ranges if not any(one.strip() in ("q=0", "q=0.0") for one in rest)
    ]


def wants_fhir_json(request: Request) -> None:
    """Raises NotAcceptable unless the caller takes JSON (`_format` goes before `Accept`, as FHIR has it)."""
    if "_format" not in request.query_params and not JSON_TYPES & set(accepted(request)):
        raise NotAcceptable(f"This server writes {FHIR_JSON} only: XML is not supported.")


async def parameters(request: Request) -> tuple[list[tuple[str, str]], bool]:
    """The parameters of a search, from the address and the form, and whether unknown ones may be ignored."""
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        body = await request.body()
        if body and kind != FORM:
            raise MediaTypeNotSupported(f"Send the parameters as {FORM}.")
        try:
            pairs += parse_qsl(
                body.decode("utf-8"), keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict"
            )
        except UnicodeDecodeError:
            raise InvalidInput(
                "The parameters are not UTF-8.", hint="Percent-encode them as UTF-8."
            ) from None
        except ValueError:
            raise TooManyParameters(hint="Use commas for alternatives.") from None
    if len(pairs) > MOST_PARAMETERS:
        raise TooManyParameters(hint="Use commas for alternatives.")
    return pairs, "handling=lenient" in request.headers.get("prefer", "").replace(" ", "").lower()


def fhir_reply(
    resource: dict[str, Any], status: int = 200, *, version: int = 0, headers: dict[str, str] | None = None
) -> Response:
    """A resource as bytes."""
    tag = {"ETag": f'W/"{version}"'} if version else {}
    return Response(orjson.dumps(resource), status, tag | (headers or {}), FHIR_JSON)


def binary_reply(request: Request, document_id: str, kind: str, content: bytes, sha1: bytes) -> Response:
    """The bytes, or a Binary, by what the caller accepts; raises NotAcceptable when neither is."""
    tag = {"ETag": f'"{sha1.hex()}"'}
    wanted = accepted(request)
    base = kind.partition(";")[0].strip().lower()
    # Whoever names FHIR wants the resource, even among others: a browser's */* gets the document itself.
    if FHIR_JSON in wanted or ("application/json" in wanted and base != "application/json"):
        data = base64.b64encode(content).decode()
        body = {"resourceType": "Binary", "id": document_id, "contentType": kind, "data": data}
        return fhir_reply(body, headers=tag)
    if {base, f"{base.partition('/')[0]}/*", "*/*"} & set(wanted):
        # A document is data of others: it is saved, never run in the page of this server.
        save = {"Content-Disposition": "attachment"}
        return Response(content, headers=tag | save, media_type=kind)
    raise NotAcceptable(f"Accept {kind}, or {FHIR_JSON} for a Binary resource.")
