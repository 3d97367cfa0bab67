"""FHIR over HTTP: what the caller accepts and sends, parameters of a search, answers with their headers."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Awaitable
from typing import Any, TypeVar
from urllib.parse import parse_qsl

import orjson
from starlette.requests import Request
from starlette.responses import Response

from chassis.errors import InvalidInput, SocleError

from . import media
from .bodies import CHARSETS, LARGE, UTF8, read_json
from .fhir import places
from .fhir.names import FHIR_JSON, FHIR_XML
from .fhir.xml_in import from_xml
from .fhir.xml_out import to_xml
from .refusals import BodyTooLarge, MediaTypeNotSupported, NotAcceptable

T = TypeVar("T")
FORM = "application/x-www-form-urlencoded"
MOST_PARAMETERS = 100
# Bytes. An XML tree takes many times the room of its text; a document this large is better sent as JSON.
LARGEST_XML = 4 * 1024 * 1024


class TooManyParameters(InvalidInput):
    """The search has more than 100 parameters."""


def wants_fhir(request: Request) -> None:
    """Raises NotAcceptable unless the caller takes JSON or XML (`_format` goes before `Accept`, as FHIR has
    it).
    """
    if not media.wanted(request.scope):
        raise NotAcceptable(f"This server writes {media.SUPPORTED}: name one in `Accept` or `_format`.")


def preferences(request: Request) -> dict[str, str]:
    """What the `Prefer` headers ask for: `return`, `handling`."""
    parts = ",".join(request.headers.getlist("prefer")).lower().replace(";", ",").split(",")
    return {name.strip(): value.strip() for name, _, value in (part.partition("=") for part in parts)}


def is_lenient(request: Request) -> bool:
    """Whether what this server does not know may be left aside."""
    return preferences(request).get("handling") == "lenient"


async def read_resource(request: Request, *, empty: bool = False) -> Any:
    """The resource of the body, JSON or XML, as JSON; {} for no body where one may be left out.

    Raises MediaTypeNotSupported, MalformedJson, MalformedXml, FhirInvalid or BodyTooLarge.
    """
    header = request.headers.get("content-type", "")
    if empty and not await request.body():
        return {}
    kind, parameters = media.read_type(header)
    format_ = next((answer for answer, names in media.NAMES.items() if kind in names), "")
    if not format_ or "/" not in kind or parameters.get("charset", UTF8) not in CHARSETS:
        _refuse_type(f"Send Content-Type: {media.SUPPORTED}, in UTF-8.")
    if parameters.get("fhirversion", "4.0") not in media.VERSIONS:
        _refuse_type("This server speaks FHIR R4: fhirVersion=4.0.")
    return await (_read_xml(request) if format_ == FHIR_XML else read_json(request, kind))


def _refuse_type(hint: str) -> None:
    raise MediaTypeNotSupported(hint, {"Accept": f"{FHIR_JSON}, {FHIR_XML}"})


async def _read_xml(request: Request) -> Any:
    raw = await request.body()
    if len(raw) > LARGEST_XML:
        raise BodyTooLarge(f"XML may have {LARGEST_XML} bytes: send this as {FHIR_JSON}.")
    return from_xml(raw) if len(raw) < LARGE else await asyncio.to_thread(from_xml, raw)


async def parameters(request: Request) -> tuple[list[tuple[str, str]], bool]:
    """The parameters of a search, from the address and the form, and whether unknown ones may be ignored."""
    pairs = list(request.query_params.multi_items())
    if request.method == "POST":
        pairs += await _form(request)
    if len(pairs) > MOST_PARAMETERS:
        raise TooManyParameters(hint="Use commas for alternatives.")
    chosen = next((value for name, value in pairs if name == "_format" and value), "")
    if chosen:
        request.scope[media.CHOSEN] = media.named(chosen)
    wants_fhir(request)
    return pairs, is_lenient(request)


async def is_search(request: Request) -> bool:
    """Whether a POST to the address of a type is a search: a form (as the samples of PDSm send one), or
    parameters in the address and no body. A resource has a media type of FHIR.
    """
    kind = media.read_type(request.headers.get("content-type", ""))[0]
    return kind == FORM or (bool(request.query_params) and not await request.body())


def unchanged(request: Request, tag: str) -> Response | None:
    """304 when the caller holds this very version (`If-None-Match`); the reading is journaled anyway."""
    held = [one.strip() for one in ",".join(request.headers.getlist("if-none-match")).split(",")]
    known = {one.removeprefix("W/") for one in held if one}
    if tag.removeprefix("W/") in known or "*" in known:
        return Response(status_code=304, headers={"ETag": tag})
    return None


async def _form(request: Request) -> list[tuple[str, str]]:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body()
    if body and kind != FORM:
        raise MediaTypeNotSupported(f"Send the parameters as {FORM}.")
    try:
        text = body.decode("utf-8")
        return parse_qsl(text, keep_blank_values=True, max_num_fields=MOST_PARAMETERS, errors="strict")
    except UnicodeDecodeError:
        raise InvalidInput("The parameters are not UTF-8.", hint="Percent-encode them as UTF-8.") from None
    except ValueError:
        raise TooManyParameters(hint="Use commas for alternatives.") from None


async def told(answer: Awaitable[T], locate: places.Locate) -> T:
    """The answer of a service; or its error, the places told in the words of the caller."""
    try:
        return await answer
    except SocleError as error:
        raise places.relocated(error, locate) from None


def fhir_reply(
    request: Request,
    resource: dict[str, Any],
    status: int = 200,
    *,
    version: int = 0,
    headers: dict[str, str] | None = None,
) -> Response:
    """A resource as bytes, in the format that the caller prefers."""
    tag = {"ETag": f'W/"{version}"'} if version else {}
    tag |= headers or {}
    if media.wanted(request.scope) == FHIR_XML:
        return Response(to_xml(resource), status, tag, FHIR_XML)
    return Response(orjson.dumps(resource), status, tag, FHIR_JSON)


def binary_reply(request: Request, document_id: str, kind: str, content: bytes, sha1: bytes) -> Response:
    """The bytes, or a Binary, by what the caller accepts; raises NotAcceptable when neither is."""
    tag = {"ETag": f'"{sha1.hex()}"'}
    base = kind.partition(";")[0].strip().lower()
    # Whoever names FHIR wants the resource, even among others: a browser's */* gets the document itself.
    if _names_fhir(request, base):
        data = base64.b64encode(content).decode()
        body = {"resourceType": "Binary", "id": document_id, "contentType": kind, "data": data}
        return fhir_reply(request, body, headers=tag)
    if media.accepts(request.scope, base):
        # A document is data of others: it is saved, never run in the page of this server.
        save = {"Content-Disposition": "attachment"}
        return Response(content, headers=tag | save, media_type=kind)
    raise NotAcceptable(f"Accept {kind}, or {FHIR_JSON} for a Binary resource.")


def _names_fhir(request: Request, base: str) -> bool:
    """Whether the caller asks for a resource by one of its names, unless it is that of the document too."""
    if request.query_params.get("_format"):
        wants_fhir(request)
        return True
    asked = media.ranges(",".join(request.headers.getlist("accept")))
    names = {name for group in media.NAMES.values() for name in group} - {base}
    return any(one.kind in names and one.weight > 0 for one in asked)
