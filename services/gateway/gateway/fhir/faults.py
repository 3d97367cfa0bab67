"""Every fault of a request is said at once, each with its place as a FHIRPath expression."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from chassis.errors import InvalidInput, Violation

# A body of a megabyte can be wrong in a hundred thousand places: an answer that lists them helps nobody.
MOST = 100


class FhirInvalid(InvalidInput):
    """The FHIR content does not hold what its profile asks for."""


@dataclass(frozen=True, slots=True)
class Fault(Violation):
    """A fault that has a code of its own in XDS (ITI TF-3, table 4.2.4.1-2)."""

    code: str = ""


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that was left aside, said with the success: MHD has codes for it."""

    at: str
    code: str
    text: str


class Faults:
    """Gathers what is wrong, then raises it together; and what is only worth saying."""

    def __init__(self) -> None:
        self.found: list[Violation] = []
        self.notices: list[Notice] = []

    def add(self, at: str, problem: str, code: str = "") -> None:
        """One more fault: `at` is a FHIRPath expression, `problem` says what is wrong and what to do, `code`
        is that of XDS when it is more precise than the error's.
        """
        self.found.append(Fault(at, problem, code))

    def warn(self, at: str, code: str, text: str) -> None:
        """Something that does not stop the request."""
        self.notices.append(Notice(at, code, text))

    def close(self) -> None:
        """Raises FhirInvalid with every fault gathered so far, if there is one."""
        if self.found:
            more = len(self.found) - MOST
            hint = f"These are the first {MOST} faults; there are {more} more." if more > 0 else ""
            raise FhirInvalid(violations=self.found[:MOST], hint=hint)


# Elements that change the meaning of what they stand in: a reader that does not know them may not go on.
MUST_UNDERSTAND = {"modifierExtension", "implicitRules"}


class Reading(Faults):
    """Also keeps account of what is not kept: refused, so that nothing is lost unsaid, or left aside for
    whoever asked for that with `Prefer: handling=lenient`.
    """

    def __init__(self, *, lenient: bool = False) -> None:
        super().__init__()
        self.lenient = lenient
        self.aside: list[Violation] = []

    def leave(self, at: str, problem: str = "is not kept by this server") -> None:
        """Something that can be left out without harm."""
        if self.lenient:
            self.aside.append(Violation(at, problem))
        else:
            self.add(at, f"{problem}: leave it out, or send `Prefer: handling=lenient`")

    def only(self, held: dict[str, Any], known: set[str], at: str) -> None:
        """Leaves every element that is not among the known."""
        for name in held:
            where = f"{at}.{name[1:]}.extension" if name.startswith("_") else f"{at}.{name}"
            if name in MUST_UNDERSTAND:
                self.add(where, "changes the meaning of what it stands in, and is not understood here")
            elif name not in known:
                self.leave(where)
