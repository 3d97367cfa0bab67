"""Every fault of a request is said at once, each with its place as a FHIRPath expression."""

from __future__ import annotations

from chassis.errors import InvalidInput, Violation


class FhirInvalid(InvalidInput):
    """The FHIR content does not hold what its profile asks for."""


class Faults:
    """Gathers what is wrong, then raises it together."""

    def __init__(self) -> None:
        self.found: list[Violation] = []

    def add(self, at: str, problem: str) -> None:
        """One more fault: `at` is a FHIRPath expression, `problem` says what is wrong and what to do."""
        self.found.append(Violation(at, problem))

    def close(self) -> None:
        """Raises FhirInvalid with every fault gathered so far, if there is one."""
        if self.found:
            raise FhirInvalid(violations=self.found)
