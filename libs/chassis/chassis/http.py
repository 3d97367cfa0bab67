"""The errors of the house for HTTP: problem+json (RFC 9457), or an OperationOutcome on FHIR routes."""

from __future__ import annotations

from typing import Any

from .errors import Kind, SocleError, Violation

PROBLEM_JSON = "application/problem+json"
# FHIR issue-type of each kind (http://hl7.org/fhir/issue-type).
ISSUE = {
    Kind.INVALID_INPUT: "invalid",
    Kind.UNAUTHENTICATED: "login",
    Kind.FORBIDDEN: "forbidden",
    Kind.NOT_FOUND: "not-found",
    Kind.ALREADY_EXISTS: "duplicate",
    Kind.RULE_VIOLATED: "business-rule",
    Kind.CONFLICT: "conflict",
    Kind.TOO_MANY: "throttled",
    Kind.UNAVAILABLE: "transient",
    Kind.TIMED_OUT: "timeout",
    Kind.INTERNAL: "exception",
}


def to_problem(error: SocleError, trace_id: str) -> dict[str, Any]:
    """An error as RFC 9457 has it; empty members are left out."""
    members = {
        "type": f"urn:socle:error:{error.reason.lower().replace('_', '-')}",
        "title": error.sentence,
        "status": error.kind.http,
        "code": error.reason,
        "field": error.field,
        "hint": error.hint,
        "rules": list(error.rules),
        "violations": [{"field": v.field, "problem": v.problem} for v in error.violations],
        "trace_id": trace_id,
    }
    return {k: v for k, v in members.items() if v}


def to_outcome(error: SocleError, trace_id: str) -> dict[str, Any]:
    """An error as FHIR R4 has it: an issue a violation, or one for the whole."""
    faults = error.violations or (Violation(error.field, ""),)
    return {
        "resourceType": "OperationOutcome",
        "issue": [_issue(error, fault, trace_id) for fault in faults],
    }


def _issue(error: SocleError, fault: Violation, trace_id: str) -> dict[str, Any]:
    parts = [error.sentence, fault.problem and f"{fault.field} {fault.problem}.", error.hint]
    issue: dict[str, Any] = {
        "severity": "fatal" if error.kind is Kind.INTERNAL else "error",
        "code": ISSUE[error.kind],
        "details": {"coding": [{"system": "urn:socle:error", "code": error.reason}], "text": error.sentence},
        "diagnostics": " ".join(p for p in parts if p) + (f" (trace {trace_id})" if trace_id else ""),
    }
    if fault.field:
        issue["expression"] = [fault.field]
    return issue


def headers(error: SocleError) -> dict[str, str]:
    """`Retry-After` and `WWW-Authenticate`, where they are due."""
    if error.kind is Kind.UNAUTHENTICATED:
        return {"WWW-Authenticate": 'Bearer realm="socle"'}
    if error.retry_after is not None:
        return {"Retry-After": str(max(1, round(error.retry_after)))}
    return {}
