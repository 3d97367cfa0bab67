"""What rules and safety checks say, as issues of an OperationOutcome: each names its rule and its code."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from chassis.errors import SocleError
from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names
from .faults import Notice
from .line_status import slug
from .outcome import OWN

Json = dict[str, Any]
SEVERITIES = {
    pb.SEVERITY_REFUSAL: "error",
    pb.SEVERITY_WARNING: "warning",
    pb.SEVERITY_DUTY: "warning",
    pb.SEVERITY_INFORMATION: "information",
}
# V1 to V23 are rules of law, I and P checks of safety. A refusal names a finding first: `V7: why`, or with
# the code that a decision takes, `I1/line/about: why`.
CODE = re.compile(r"(?P<rule>[A-Z]\d{1,2})(?P<rest>/.*?)?(: |$)")


def write_outcome(
    findings: Sequence[pb.Finding], places: Mapping[str, str], issues: Sequence[Json] = ()
) -> Json | None:
    """The outcome of a success; None when there is nothing to say. `places`: line -> FHIRPath."""
    written = [*issues, *(_finding(one, places) for one in findings)]
    return {"resourceType": "OperationOutcome", "issue": written} if written else None


def _finding(finding: pb.Finding, places: Mapping[str, str]) -> Json:
    codings = [
        {"system": names.RULE, "code": finding.rule},
        {"system": names.SEVERITY, "code": slug(pb.Severity, finding.severity)},
        {"system": names.FINDING, "code": finding.code},
    ]
    issue: Json = {
        "severity": SEVERITIES.get(finding.severity, "information"),
        "code": "business-rule",
        "details": {"coding": [one for one in codings if one["code"]], "text": finding.sentence},
    }
    if told := " ".join(one for one in (finding.hint, finding.article) if one):
        issue["diagnostics"] = told
    if finding.line_id in places:
        issue["expression"] = [places[finding.line_id]]
    return issue


def write_cancellation(one: pb.LineCancellation, places: Mapping[str, str]) -> Json:
    """What a cancellation did to one line, by the codes of NHS EPS (R-0001...)."""
    done = one.outcome == pb.CANCEL_OUTCOME_CANCELLED
    name = slug(pb.CancelOutcome, one.outcome)
    coding = [{"system": names.CANCEL_OUTCOME, "code": code} for code in (one.code, name) if code]
    issue: Json = {
        "severity": "information" if done else "warning",
        "code": "informational" if done else "business-rule",
        "details": {"coding": coding, "text": name.replace("-", " ")},
    }
    return issue | ({"expression": [places[one.line_id]]} if one.line_id in places else {})


def write_notices(notices: Iterable[Notice]) -> list[Json]:
    """What was not kept of a request that was accepted all the same."""
    return [
        {
            "severity": "information",
            "code": "incomplete",
            "details": {"coding": [{"system": OWN, "code": one.code}], "text": one.text},
            "diagnostics": f"{one.at} {one.text}.",
            "expression": [one.at],
        }
        for one in notices
    ]


def with_rule_codes(outcome: Json, error: SocleError) -> Json:
    """Adds to each issue the rule that refuses, and the code that a decision would name."""
    for issue, violation in zip_longest(outcome["issue"], error.violations):
        found = CODE.match(violation.problem) if violation is not None else None
        rules = list(error.rules) if violation is None else []
        codings = issue["details"].setdefault("coding", [])
        if found:
            rules = [found["rule"]]
        codings += [{"system": names.RULE, "code": rule} for rule in rules]
        if found and found["rest"]:
            codings.append({"system": names.FINDING, "code": found["rule"] + found["rest"]})
    return outcome
