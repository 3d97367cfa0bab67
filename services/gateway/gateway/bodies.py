"""JSON in: strict, and told where it is wrong. JSON out: bytes at once."""

from __future__ import annotations

import asyncio
import json
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError
from starlette.requests import Request

from chassis.errors import Violation

from .refusals import MalformedJson, MediaTypeNotSupported, from_validation

M = TypeVar("M", bound=BaseModel)
DEEPEST = 64
# Above this size the body is parsed in a thread, so that one large deposit does not hold up everyone else.
LARGE = 256 * 1024


class _Fault(ValueError):
    """What the parser's hooks raise; the text says what is wrong."""


def parse(raw: bytes) -> Any:
    """A JSON document, UTF-8, without duplicate members, NaN, lone surrogates or more than 64 levels.

    Raises MalformedJson with the line and column where it can be told.
    """
    try:
        text = raw.decode("utf-8")
        value = json.loads(text, object_pairs_hook=_members, parse_constant=_constant)
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


async def read_json(request: Request, *accepted: str) -> Any:
    """The JSON body of a request of one of the accepted media types."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind not in accepted:
        raise MediaTypeNotSupported(f"Send Content-Type: {accepted[0]}.", {"Accept": ", ".join(accepted)})
    raw = await request.body()
    return parse(raw) if len(raw) < LARGE else await asyncio.to_thread(parse, raw)


async def read(request: Request, model: type[M]) -> M:
    """The body of a REST request as its model; raises with every violation."""
    value = await read_json(request, "application/json")
    try:
        return model.model_validate(value, strict=True)
    except ValidationError as error:
        raise from_validation(error) from None
