"""What can go wrong, said once: one base class and ten kinds.

Raise anywhere; only `rpc.py` and `http.py` translate. The docstring of a class is the sentence a caller
reads, so it must say what is wrong without naming a patient; `field` says where, `hint` says what to do.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from inspect import cleandoc
from typing import ClassVar


class Kind(Enum):
    """The ten kinds: value, gRPC status name, HTTP status."""

    INVALID_INPUT = ("INVALID_ARGUMENT", 400)
    UNAUTHENTICATED = ("UNAUTHENTICATED", 401)
    FORBIDDEN = ("PERMISSION_DENIED", 403)
    NOT_FOUND = ("NOT_FOUND", 404)
    ALREADY_EXISTS = ("ALREADY_EXISTS", 409)
    RULE_VIOLATED = ("FAILED_PRECONDITION", 422)
    CONFLICT = ("ABORTED", 409)
    TOO_MANY = ("RESOURCE_EXHAUSTED", 429)
    UNAVAILABLE = ("UNAVAILABLE", 503)
    TIMED_OUT = ("DEADLINE_EXCEEDED", 504)
    INTERNAL = ("INTERNAL", 500)

    def __init__(self, grpc: str, http: int) -> None:
        self.grpc = grpc
        self.http = http


@dataclass(frozen=True, slots=True)
class Violation:
    """One fault of a message: the path of the field (`traits.birth_date`) and what is wrong with it."""

    field: str
    problem: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """What the access journal keeps of a refused access."""

    subject: str
    object_id: str
    rules: tuple[str, ...]
    # Series of the journal it is numbered in; see `audit.record`.
    chain: str = ""


class SocleError(Exception):
    """Something went wrong."""

    kind: ClassVar[Kind] = Kind.INTERNAL
    # Where and what to do, for whoever raises the class without saying it. What is absent and what is
    # invisible are raised from two places: an answer that differed would tell that something is there.
    where: ClassVar[str] = ""
    remedy: ClassVar[str] = ""

    def __init__(
        self,
        sentence: str = "",
        *,
        field: str = "",
        hint: str = "",
        violations: Sequence[Violation] = (),
        rules: Sequence[str] = (),
        retry_after: float | None = None,
        reason: str = "",
        refusal: Refusal | None = None,
    ) -> None:
        self.sentence = sentence or cleandoc(type(self).__doc__ or "").split("\n\n")[0].replace("\n", " ")
        self.reason = reason or snake(type(self).__name__).upper()
        self.field, self.hint = field or self.where, hint or self.remedy
        self.violations = tuple(violations)
        self.rules = tuple(rules)
        self.retry_after = retry_after
        self.refusal = refusal
        super().__init__(self.sentence)


class InvalidInput(SocleError):
    """The message is wrong by itself."""

    kind = Kind.INVALID_INPUT


class Unauthenticated(SocleError):
    """No valid token came with the call."""

    kind = Kind.UNAUTHENTICATED


class Forbidden(SocleError):
    """You may not do this."""

    kind = Kind.FORBIDDEN


class NotFound(SocleError):
    """There is nothing here that you may see."""

    kind = Kind.NOT_FOUND


class AlreadyExists(SocleError):
    """It exists already under the same key."""

    kind = Kind.ALREADY_EXISTS


class RuleViolated(SocleError):
    """The present state refuses this."""

    kind = Kind.RULE_VIOLATED


class Conflict(SocleError):
    """Someone changed it meanwhile: read it again, then retry."""

    kind = Kind.CONFLICT


class TooMany(SocleError):
    """Too many requests: wait, then retry."""

    kind = Kind.TOO_MANY


class Unavailable(SocleError):
    """Something needed is away for now: retrying is safe."""

    kind = Kind.UNAVAILABLE


class TimedOut(SocleError):
    """The deadline passed before the work was done."""

    kind = Kind.TIMED_OUT


BY_KIND: dict[Kind, type[SocleError]] = {
    cls.kind: cls
    for cls in (
        InvalidInput,
        Unauthenticated,
        Forbidden,
        NotFound,
        AlreadyExists,
        RuleViolated,
        Conflict,
        TooMany,
        Unavailable,
        TimedOut,
        SocleError,
    )
}


def snake(name: str) -> str:
    """`IdentityDoubtful` -> `identity_doubtful`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
