"""JSON in: strict, and told where it is wrong. JSON out: bytes at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from chassis.errors import Violation

from .refusals import MalformedJson, MediaTypeNotSupported, NotUtf8, from_validation

M = TypeVar("M", bound=BaseModel)
DEEPEST = 64
# Nothing here counts further; Python refuses to read thousands of digits, with an error of its own.
MOST_DIGITS = 40
# A document is one long string; megabytes of `{},` would become as many objects, of a hundred bytes each.
SEPARATORS, MOST_VALUES = (b",", b"{", b"["), 500_000
# Above this size the body is parsed in a thread, so that one large deposit does not hold up everyone else.
LARGE = 256 * 1024
JSON, UTF8 = "application/json", "utf-8"
CHARSETS = {UTF8, "utf8", "us-ascii"}


class _Fault(ValueError):
    """What the parser's hooks raise; the text says what is wrong."""


def parse(raw: bytes) -> Any:
    """A JSON document, UTF-8, without duplicate members, NaN, endless numbers, lone surrogates, more than
    64 levels or half a million values.

    Raises MalformedJson with the line and column where it can be told.
    """
    if len(raw) > MOST_VALUES and sum(map(raw.count, SEPARATORS)) > MOST_VALUES:
        _refuse("$this", f"has more than {MOST_VALUES} values")
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_constant, parse_int=_integer)
        if "\\u" in text:
            json.dumps(value, ensure_ascii=False).encode("utf-8")
    except json.JSONDecodeError as error:
        _refuse(f"line {error.lineno}, column {error.colno}", f"{error.msg[:1].lower()}{error.msg[1:]}")
    except UnicodeDecodeError as error:
        _refuse(f"byte {error.start}", "is not UTF-8")
    except UnicodeEncodeError:
        _refuse("$this", "holds half of a surrogate pair (\\ud800 to \\udfff)")
    except RecursionError:
        _refuse("$this", f"has more than {DEEPEST} levels")
    except _Fault as error:
        _refuse("$this", str(error))
    if _depth(value) > DEEPEST:
        _refuse("$this", f"has more than {DEEPEST} levels")
    return value


def _refuse(where: str, problem: str) -> NoReturn:
    raise MalformedJson(violations=[Violation(where, problem)]) from None


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _Fault(f"has the member {twice[:64]!a} twice in one object")
    return members


def _constant(name: str) -> NoReturn:
    raise _Fault(f"holds {name}, which is not JSON")


def _integer(digits: str) -> int:
    if len(digits) > MOST_DIGITS:
        raise _Fault(f"holds a number of more than {MOST_DIGITS} digits")
    return int(digits)


def _depth(value: Any) -> int:
    """Levels of nesting, without recursion."""
    level, here = 0, [value]
    while here:
        level += 1
        here = [
            inner
            for one in here
            if isinstance(one, (dict, list))
            for inner in (one.values() if isinstance(one, dict) else one)
        ]
    return level


def kind_of(request: Request, *accepted: str) -> str:
    """The media type of a body, one of the accepted; raises MediaTypeNotSupported."""
    kind, *details = (part.strip().lower() for part in request.headers.get("content-type", "").split(";"))
    charset = next(
        (one.removeprefix("charset=").strip('"') for one in details if one.startswith("charset=")), UTF8
    )
    if kind not in accepted or charset not in CHARSETS:
        hint = f"Send Content-Type: {' or '.join(accepted)}, in UTF-8."
        raise MediaTypeNotSupported(hint, {"Accept": ", ".join(accepted)})
    return kind


async def read_json(request: Request, *accepted: str) -> Any:
    """The JSON body of a request of one of the accepted media types."""
    kind_of(request, *accepted)
    raw = await request.body()
    return parse(raw) if len(raw) < LARGE else await asyncio.to_thread(parse, raw)


async def read(request: Request, model: type[M]) -> M:
    """The body of a REST request as its model; raises with every violation."""
    value = await read_json(request, JSON)
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        raise from_validation(error) from None


async def read_if_any(request: Request, model: type[M]) -> M:
    """The body where none is needed: a request without one gets the model's defaults."""
    return await read(request, model) if await request.body() else model()


async def read_text(request: Request, model: type[M], field: str, kind: str) -> M:
    """A body that is a text of media type `kind`, or JSON that holds it; raises as `read`."""
    if kind_of(request, kind, JSON) == JSON:
        return await read(request, model)
    try:
        return model.model_validate({field: (await request.body()).decode("utf-8")}, strict=True)
    except UnicodeDecodeError as error:
        raise NotUtf8(violations=[Violation(f"byte {error.start}", "is not UTF-8")]) from None
    except ValidationError as error:
        raise from_validation(error) from None
