"""Which hops become spans, with which identifiers, and what they may say."""

import asyncio
import time
from collections.abc import Iterator

import pytest
from opentelemetry import trace
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from chassis import telemetry
from chassis.telemetry import SpanKind, traces
from chassis.telemetry.spans import Spans

SENT = "00-" + "a" * 32 + "-" + "b" * 16 + "-01"
NOT_SENT = SENT[:-2] + "00"
SECRET = "DUPONT Marie 2 79 12 75 120 005 14"


class Told:
    """The spans that left, and how much is drawn."""

    def __init__(self) -> None:
        self._memory = InMemorySpanExporter()
        self.spans = Spans(Resource({"service.name": "probe"}), SimpleSpanProcessor(self._memory))

    def draw(self, ratio: float) -> None:
        telemetry.write_to(self.spans, ratio)

    def all(self) -> list[ReadableSpan]:
        return list(self._memory.get_finished_spans())

    def names(self) -> list[str]:
        return [span.name for span in self.all()]


@pytest.fixture
def told() -> Iterator[Told]:
    made = Told()
    made.draw(0)
    yield made
    telemetry.write_to(None)


def ids(span: ReadableSpan) -> tuple[str, str, str]:
    assert span.context is not None
    parent = f"{span.parent.span_id:016x}" if span.parent else ""
    return f"{span.context.trace_id:032x}", f"{span.context.span_id:016x}", parent


@pytest.mark.parametrize(
    "sent",
    [
        "",
        "nonsense",
        SECRET,
        "00-" + "0" * 32 + "-" + "b" * 16 + "-00",
        "00-" + "a" * 32 + "-" + "0" * 16 + "-00",
        "00-" + "A" * 32 + "-" + "b" * 16 + "-00",
        SENT + "\n",
        "01" + SENT[2:],
    ],
)
def test_a_trace_of_another_form_is_replaced(sent: str) -> None:
    for made in (telemetry.door(sent), telemetry.hop(SpanKind.SERVER, "x", sent)):
        assert telemetry.TRACEPARENT.fullmatch(made.traceparent)
        assert made.trace_id not in ("0" * 32, "a" * 32)
        assert made.parent_id == ""


def test_a_trace_of_the_caller_goes_on_below_our_own_part_of_it(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", SENT) as hop:
        assert hop.traceparent == f"00-{'a' * 32}-{hop.span_id}-01"
    (span,) = told.all()
    assert ids(span) == ("a" * 32, hop.span_id, "b" * 16)


def test_a_trace_that_was_not_drawn_costs_no_span(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", NOT_SENT) as hop:
        assert hop.traceparent[-2:] == "00"
    assert told.all() == []


def test_a_failure_of_ours_is_kept_with_the_identifiers_that_travelled(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "outer", NOT_SENT) as outer:
        travelled = outer.traceparent
        with telemetry.hop(SpanKind.CLIENT, "inner", travelled) as inner:
            inner.coded("/p.S/M", "INTERNAL")
        outer.coded("/p.S/M", "INTERNAL")
    inside, outside = told.all()
    assert ids(inside) == ("a" * 32, inner.span_id, outer.span_id)
    assert ids(outside) == ("a" * 32, travelled[36:52], "b" * 16)
    assert outside.status.status_code is StatusCode.ERROR
    assert outside.attributes is not None
    assert outside.attributes["error.type"] == "INTERNAL"
    assert outside.attributes["rpc.grpc.status_code"] == 13


@pytest.mark.parametrize("code", ["OK", "NOT_FOUND", "PERMISSION_DENIED", "ABORTED", "CANCELLED"])
def test_an_answer_is_no_failure(told: Told, code: str) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", NOT_SENT) as hop:
        hop.coded("/p.S/M", code)
    assert told.all() == []


def test_what_is_slow_is_kept(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traces, "SLOW", 20_000_000)
    with telemetry.hop(SpanKind.SERVER, "slow", NOT_SENT):
        time.sleep(0.03)
    with telemetry.hop(SpanKind.SERVER, "quick", NOT_SENT):
        pass
    (span,) = told.all()
    assert span.name == "slow"
    assert span.end_time is not None
    assert span.start_time is not None
    assert 0.03 <= (span.end_time - span.start_time) / 1e9 < 1


def test_a_stranger_gives_the_identifier_and_never_the_decision(told: Told) -> None:
    for sent in (SENT, ""):
        assert telemetry.door(sent).traceparent.endswith("-00")
    told.draw(1.0)
    for sent in (NOT_SENT, ""):
        assert telemetry.door(sent).traceparent.endswith("-01")
    assert telemetry.door(SENT).trace_id == "a" * 32
    assert not telemetry.door(SENT, drawn=False).sampled


def test_as_many_are_drawn_as_was_asked(told: Told) -> None:
    told.draw(0.25)
    drawn = sum(telemetry.door(SENT).sampled for _ in range(4000))
    assert 850 < drawn < 1150


async def test_each_task_has_its_own_trace(told: Told) -> None:
    async def request(letter: str) -> str:
        with telemetry.hop(SpanKind.SERVER, letter, SENT.replace("a", letter)):
            await asyncio.sleep(0.01)
            here = telemetry.here()
            return here.trace_id if here else ""

    assert await asyncio.gather(*map(request, "cdef")) == [letter * 32 for letter in "cdef"]
    assert telemetry.here() is None


def test_who_asks_opentelemetry_is_told_the_trace_that_was_drawn(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", SENT) as hop:
        assert f"{trace.get_current_span().get_span_context().span_id:016x}" == hop.span_id
    with telemetry.hop(SpanKind.SERVER, "x", NOT_SENT):
        assert not trace.get_current_span().get_span_context().is_valid


def test_a_statement_says_operation_tables_and_who_asked(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", SENT) as hop, telemetry.statement("SELECT note, person"):
        pass
    statement, _ = told.all()
    assert (statement.name, ids(statement)[2]) == ("SELECT note, person", hop.span_id)
    assert dict(statement.attributes or {}) == {
        "db.system.name": "postgresql",
        "db.operation.name": "SELECT",
        "db.collection.name": "note, person",
        "db.query.summary": "SELECT note, person",
        "code.function.name": f"{__name__}.test_a_statement_says_operation_tables_and_who_asked",
    }


def test_a_statement_that_fails_tells_the_type_and_no_word(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", SENT), pytest.raises(ValueError, match="DUPONT"):  # noqa: SIM117
        with telemetry.statement("SELECT note"):
            raise ValueError(SECRET)
    statement, _ = told.all()
    assert (statement.attributes or {})["error.type"] == "ValueError"
    assert SECRET not in statement.to_json()


def test_statements_outside_a_request_or_of_one_not_drawn_make_no_span(told: Told) -> None:
    with telemetry.statement("SELECT note"):
        pass
    with telemetry.hop(SpanKind.SERVER, "x", NOT_SENT), telemetry.statement("SELECT note"):
        pass
    assert told.all() == []


def test_an_attribute_that_is_not_on_the_list_does_not_leave(told: Told) -> None:
    with telemetry.hop(SpanKind.SERVER, "x", SENT) as hop:
        hop.attributes = {"patient.name": SECRET, "http.route": "/v1/x"}
    (span,) = told.all()
    assert dict(span.attributes or {}) == {"http.route": "/v1/x"}


def test_without_an_exporter_nothing_is_drawn_and_a_statement_is_nothing() -> None:
    assert not telemetry.door("").sampled
    with telemetry.hop(SpanKind.SERVER, "x", SENT):
        assert telemetry.statement("SELECT note") is telemetry.NOTHING
