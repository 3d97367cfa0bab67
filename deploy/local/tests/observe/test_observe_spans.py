"""Traces: what is kept, what makes room, how one is told and laid out."""

import pytest

from socle_local.observe import spans as kept
from socle_local.observe.spans import Traces, Wanted, summary_of
from socle_local.observe.waterfall import WIDTH, rows

from .given import TRACE, Sent, export, spans

JOURNEY = (
    Sent(1, "POST /v1/identities", lasts=40),
    Sent(2, "socle.identity_ins.v1.IdentityInsService/CreateIdentity", under=1, after=5, lasts=30),
    Sent(3, "INSERT local_identity", under=2, after=10, lasts=5, service="identity-ins"),
    Sent(4, "publish created", under=2, after=38, lasts=4, service="identity-ins"),
    Sent(5, "process created", under=4, after=45, lasts=15, service="dmp", failed=True),
)


def other(number: int) -> str:
    return f"{number:032x}"


def traces(*sent: Sent, **bounds: int) -> Traces:
    made = Traces(**bounds)
    for span in spans(*sent):
        made.add(span)
    return made


def test_a_trace_is_told_by_its_first_span_and_all_of_its_time() -> None:
    # Exported by each process when it pleases: the first span comes last.
    line = summary_of(traces(*reversed(JOURNEY)).get(TRACE))  # type: ignore[arg-type]
    assert (line.title, line.service, line.spans, line.failures) == ("POST /v1/identities", "gateway", 5, 1)
    assert line.milliseconds == 60
    assert line.services == ("gateway", "identity-ins", "dmp")


def test_without_its_first_span_the_earliest_whose_parent_is_missing_speaks() -> None:
    line = summary_of(traces(*JOURNEY[2:]).get(TRACE))  # type: ignore[arg-type]
    assert line.title == "INSERT local_identity"


def test_a_route_without_a_method_in_its_name_is_given_one() -> None:
    sent = Sent(1, "/v1/medicines", attributes={"http.request.method": "GET"})
    assert spans(sent)[0].title == "GET /v1/medicines"


def test_a_span_sent_again_counts_once() -> None:
    made = traces(*JOURNEY, *JOURNEY)
    assert made.spans == len(JOURNEY)
    assert summary_of(made.get(TRACE)).spans == len(JOURNEY)  # type: ignore[arg-type]


def test_the_oldest_traces_make_room() -> None:
    made = traces(*(Sent(n, "x", trace=other(n)) for n in range(1, 6)), traces_most=3)
    assert [line.trace_id for line in made.newest(Wanted(), 10)] == [other(5), other(4), other(3)]
    assert (len(made), made.spans) == (3, 3)


def test_many_spans_make_room_too() -> None:
    sent = [Sent(10 * n + m, "x", trace=other(n)) for n in (1, 2, 3) for m in range(4)]
    made = traces(*sent, spans_most=9)
    assert (len(made), made.spans) == (2, 8)


def test_one_endless_trace_does_not_push_the_others_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "SPANS_OF_A_TRACE_MOST", 3)
    made = traces(Sent(1, "x", trace=other(1)), *(Sent(n, "loop") for n in range(1, 9)))
    endless = made.get(TRACE)
    assert endless is not None
    assert (len(endless.spans), endless.left_out, made.spans) == (3, 5, 4)


def test_a_span_that_nothing_can_name_is_left_out() -> None:
    request = export(Sent(1, "x"), Sent(2, "y"))
    request.resource_spans[0].scope_spans[0].spans[0].trace_id = b"short"
    assert [span.name for span in kept.spans_of(request.resource_spans)] == ["y"]


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        (Wanted(), [3, 2, 1]),
        (Wanted(service="dmp"), [2]),
        (Wanted(route="DOCUMENTS"), [3, 2]),
        (Wanted(failed=True), [3]),
        (Wanted(at_least=50), [2]),
        (Wanted(trace_id=other(1)[:31].upper()), [3, 2, 1]),
        (Wanted(trace_id=other(1)), [1]),
        (Wanted(service="dmp", failed=True), []),
    ],
)
def test_a_search_holds_all_that_was_asked(wanted: Wanted, found: list[int]) -> None:
    made = traces(
        Sent(1, "GET /readyz", trace=other(1)),
        Sent(2, "GET /documents", trace=other(2), lasts=50, service="dmp"),
        Sent(3, "POST /documents", trace=other(3), failed=True),
    )
    assert [line.trace_id for line in made.newest(wanted, 10)] == [other(n) for n in found]


def test_at_most_as_many_lines_as_asked() -> None:
    made = traces(*(Sent(n, "x", trace=other(n)) for n in range(1, 6)))
    assert len(made.newest(Wanted(), 2)) == 2


def test_a_waterfall_has_each_span_under_its_parent_in_the_order_of_time() -> None:
    trace = traces(*reversed(JOURNEY)).get(TRACE)
    assert trace is not None
    laid = rows(trace)
    assert [(row.span.name.split()[0], row.depth) for row in laid] == [
        ("POST", 0),
        ("socle.identity_ins.v1.IdentityInsService/CreateIdentity", 1),
        ("INSERT", 2),
        ("publish", 2),
        ("process", 3),
    ]
    first, last = laid[0], laid[-1]
    assert first.x == 0
    assert first.width == pytest.approx(WIDTH * 40 / 60, abs=0.1)
    assert last.x + last.width == pytest.approx(WIDTH, abs=0.1)
    assert (last.after, last.colour) == (45, 2)


def test_spans_that_are_each_other_s_parent_are_shown_once_each() -> None:
    trace = traces(Sent(1, "a", under=2), Sent(2, "b", under=1, after=1), Sent(3, "c", under=3, after=2)).get(
        TRACE
    )
    assert trace is not None
    assert sorted(row.span.name for row in rows(trace)) == ["a", "b", "c"]
    assert summary_of(trace).title == "a"


def test_a_span_without_length_and_a_clock_that_ran_back_stay_inside_the_drawing() -> None:
    trace = traces(
        Sent(1, "a", lasts=10), Sent(2, "b", under=1, after=10, lasts=0), Sent(3, "c", after=4, lasts=-9)
    ).get(TRACE)
    assert trace is not None
    assert all(row.x >= 0 and row.x + row.width <= WIDTH and row.width > 0 for row in rows(trace))


def test_attributes_are_bounded_in_number_and_length() -> None:
    many = {f"name-{n:02}": "v" * 5000 for n in range(100)}
    span = spans(Sent(1, "n" * 5000, attributes=many))[0]
    assert len(span.attributes) == 32
    assert {len(value) for value in span.attributes.values()} == {300}
    assert len(span.name) == 300
