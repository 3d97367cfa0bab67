"""What a rule or a safety check says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from .content import Decision


class Severity(StrEnum):
    # The law refuses: nothing is written.
    REFUSAL = "refusal"
    # May go on with a recorded decision.
    WARNING = "warning"
    # Something the professional must do or check.
    DUTY = "duty"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class Finding:
    """`rule`: V1 to V23 and V25 (law), I1 interaction, I2 duplicate, I3 allergy, I4 condition that is not
    understood, P1 product that nothing can be checked of, C1 cancellation asked by the prescriber."""

    rule: str
    severity: Severity
    # French: a professional reads it.
    sentence: str
    hint: str = ""
    article: str = ""
    line_id: str = ""
    # What tells two findings of one rule on one line apart: a substance, a condition.
    about: str = ""

    @property
    def code(self) -> str:
        """The same finding has the same code, so that a decision can name it."""
        return f"{self.rule}/{self.line_id}/{self.about}"


def refusals(findings: Iterable[Finding]) -> list[Finding]:
    return [one for one in findings if one.severity is Severity.REFUSAL]


def undecided(findings: Iterable[Finding], decisions: Sequence[Decision]) -> list[Finding]:
    """The warnings that nobody decided about."""
    decided = {one.code for one in decisions}
    return [one for one in findings if one.severity is Severity.WARNING and one.code not in decided]
