"""An error keeps all it says on its way: gRPC there and back, problem+json, OperationOutcome."""

from collections.abc import Sequence
from typing import Any

import grpc
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis import http, status
from chassis.errors import (
    BY_KIND,
    InvalidInput,
    Kind,
    NotFound,
    RuleViolated,
    SocleError,
    TooMany,
    Violation,
    snake,
)

TRACE = "a" * 32


class IdentityDoubtful(RuleViolated):
    """An identity marked douteuse may not be sent to INSi.

    This second paragraph is for the programmer.
    """


def over_the_wire(error: SocleError) -> SocleError:
    """What the other service makes of it."""
    wire = status.to_status(error)
    metadata = grpc.aio.Metadata((status.DETAILS, wire.SerializeToString()))
    code = getattr(grpc.StatusCode, error.kind.grpc)
    return status.from_status(grpc.aio.AioRpcError(code, grpc.aio.Metadata(), metadata, wire.message))


def bare(code: grpc.StatusCode, trailing: Sequence[tuple[str, Any]] = ()) -> SocleError:
    """What gRPC itself said, without any detail of ours."""
    error = grpc.aio.AioRpcError(code, grpc.aio.Metadata(), grpc.aio.Metadata(*trailing), "words of gRPC")
    return status.from_status(error)


@pytest.mark.parametrize("kind", Kind)
def test_wire_for_each_kind_then_nothing_is_lost(kind: Kind) -> None:
    sent = BY_KIND[kind](
        "A sentence, with é.",
        field="traits.birth_date",
        hint="Do this.",
        violations=[Violation("a", "is required"), Violation("b[1].c", "is not a UUID")],
        rules=["R1111-46", "dmp.blocked"],
        retry_after=1.5,
        reason="A_REASON",
    )
    got = over_the_wire(sent)
    assert type(got) is BY_KIND[kind]
    names = "kind sentence field hint violations rules retry_after reason".split()
    assert {n: getattr(got, n) for n in names} == {n: getattr(sent, n) for n in names}


def test_wire_for_a_class_of_a_service_then_its_kind_and_its_reason_arrive() -> None:
    got = over_the_wire(IdentityDoubtful(field="identity_id"))
    assert (type(got), got.reason, got.field) == (RuleViolated, "IDENTITY_DOUBTFUL", "identity_id")
    assert got.sentence == "An identity marked douteuse may not be sent to INSi."
    assert (got.hint, got.rules, got.violations, got.retry_after) == ("", (), (), None)


def test_wire_when_thousands_of_violations_then_the_first_ones_fit_a_header() -> None:
    many = [Violation(f"documents[{n}].title", "has more than 255 characters") for n in range(5000)]
    wire = status.to_status(InvalidInput(violations=many))
    assert len(wire.SerializeToString()) < 8000
    assert over_the_wire(InvalidInput(violations=many)).violations == tuple(many[: status.VIOLATIONS_MOST])


def test_wire_when_gone_then_retrying_is_told() -> None:
    got = bare(grpc.StatusCode.UNAVAILABLE)
    assert got.kind is Kind.UNAVAILABLE
    assert got.retry_after == 1.0
    assert "words of gRPC" not in got.sentence


def test_wire_when_grpc_refuses_the_size_then_it_is_no_rate_limit() -> None:
    assert bare(grpc.StatusCode.RESOURCE_EXHAUSTED).reason == "MESSAGE_TOO_LARGE"


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (grpc.StatusCode.DEADLINE_EXCEEDED, Kind.TIMED_OUT),
        (grpc.StatusCode.UNIMPLEMENTED, Kind.INTERNAL),
        (grpc.StatusCode.CANCELLED, Kind.UNAVAILABLE),
        (grpc.StatusCode.NOT_FOUND, Kind.NOT_FOUND),
    ],
)
def test_wire_without_details_then_the_code_decides(code: grpc.StatusCode, kind: Kind) -> None:
    assert bare(code).kind is kind


def test_wire_with_broken_details_then_the_code_decides() -> None:
    assert bare(grpc.StatusCode.NOT_FOUND, [(status.DETAILS, b"\xff\xff\xff")]).kind is Kind.NOT_FOUND


def test_http_statuses_are_those_of_the_house() -> None:
    wanted = [400, 401, 403, 404, 409, 422, 409, 429, 503, 504, 500]
    assert [kind.http for kind in Kind] == wanted


def test_problem_has_what_is_known_and_nothing_empty() -> None:
    error = IdentityDoubtful(field="identity_id", hint="Remove the attribute first.", rules=["INS-12"])
    assert http.to_problem(error, TRACE) == {
        "type": "urn:socle:error:identity-doubtful",
        "title": "An identity marked douteuse may not be sent to INSi.",
        "status": 422,
        "code": "IDENTITY_DOUBTFUL",
        "field": "identity_id",
        "hint": "Remove the attribute first.",
        "rules": ["INS-12"],
        "trace_id": TRACE,
    }
    assert set(http.to_problem(NotFound(), "")) == {"type", "title", "status", "code"}


def test_outcome_has_an_issue_a_violation() -> None:
    faults = [Violation("entry[0].name", "is required"), Violation("entry[1].date", "is not a date")]
    outcome = http.to_outcome(InvalidInput(violations=faults, hint="Correct them."), TRACE)
    assert outcome["resourceType"] == "OperationOutcome"
    assert [i["expression"] for i in outcome["issue"]] == [["entry[0].name"], ["entry[1].date"]]
    assert {i["code"] for i in outcome["issue"]} == {"invalid"}
    assert "entry[0].name is required. Correct them." in outcome["issue"][0]["diagnostics"]
    assert outcome["issue"][0]["details"]["coding"] == [
        {"system": "urn:socle:error", "code": "INVALID_INPUT"}
    ]


def test_outcome_for_the_whole_then_one_issue() -> None:
    (issue,) = http.to_outcome(NotFound(), "")["issue"]
    assert (issue["severity"], issue["code"]) == ("error", "not-found")
    assert "expression" not in issue
    assert "trace" not in issue["diagnostics"]


def test_outcome_for_a_fault_of_ours_is_fatal() -> None:
    assert http.to_outcome(SocleError(), TRACE)["issue"][0]["severity"] == "fatal"


@pytest.mark.parametrize("kind", Kind)
def test_outcome_for_each_kind_then_a_code_of_fhir(kind: Kind) -> None:
    (issue,) = http.to_outcome(BY_KIND[kind](), "")["issue"]
    assert issue["code"] == http.ISSUE[kind]


def test_headers_say_how_to_log_in_and_when_to_retry() -> None:
    assert http.headers(BY_KIND[Kind.UNAUTHENTICATED]()) == {"WWW-Authenticate": 'Bearer realm="socle"'}
    assert http.headers(TooMany(retry_after=0.2)) == {"Retry-After": "1"}
    assert http.headers(TooMany(retry_after=7.4)) == {"Retry-After": "7"}
    assert http.headers(NotFound()) == {}


@given(st.from_regex(r"([A-Z][a-z0-9]+){1,5}", fullmatch=True))
def test_reason_of_a_class_is_its_words(name: str) -> None:
    assert snake(name).replace("_", "") == name.lower()
    assert snake(name).count("_") == sum(c.isupper() for c in name) - 1


class DrawerNotFound(NotFound):
    """There is no such drawer."""

    where = "drawer_id"
    remedy = "List the drawers."


def test_class_that_says_where_and_what_to_do_then_whoever_raises_it_need_not() -> None:
    bare_one, told = DrawerNotFound(), DrawerNotFound(field="shelf_id", hint="Climb.")
    assert (bare_one.field, bare_one.hint) == ("drawer_id", "List the drawers.")
    assert (told.field, told.hint) == ("shelf_id", "Climb.")
