"""The checks of the contract: every violation at once, nothing that PostgreSQL or a datetime chokes on."""

import sys
from collections.abc import Callable
from datetime import date
from types import ModuleType
from typing import Any
from uuid import UUID

import pytest
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from hypothesis import given
from hypothesis import strategies as st

from chassis import checks

ID = "01900000-0000-7000-8000-00000000000a"
Faults = Callable[..., dict[str, str]]


@pytest.fixture(scope="module")
def faults(probe: ModuleType) -> Faults:
    """The violations of a WriteNoteRequest with these fields, by path."""

    def of(**fields: Any) -> dict[str, str]:
        request = ParseDict({"note_id": ID, **fields}, probe.WriteNoteRequest())
        try:
            checks.check(request)
        except checks.MalformedRequest as error:
            return {v.field: v.problem for v in error.violations}
        return {}

    return of


def test_good_request_passes(faults: Faults) -> None:
    whole = {"body": "é" * 20, "inners": [{"name": "a"}], "day": "2024-02-29", "color": 1, "code": "AB"}
    assert faults(**whole, colors=[0, 1], at="2026-06-12T10:00:00Z", scan="S1\x1dS2\x1e", raw="a\0\x1b") == {}


@pytest.mark.parametrize(
    ("fields", "path", "problem"),
    [
        ({"note_id": ""}, "note_id", "is required"),
        ({"note_id": "7"}, "note_id", "is not a UUID"),
        ({"note_id": ID.upper()}, "note_id", "is not a UUID"),
        ({"note_id": ID.replace("-", "")}, "note_id", "is not a UUID"),
        ({"note_id": f"{{{ID}}}"}, "note_id", "is not a UUID"),
        ({"body": "é" * 21}, "body", "has more than 20 characters"),
        ({"body": "a\x00b"}, "body", "holds a control character"),
        ({"body": "a\x1bb"}, "body", "holds a control character"),
        ({"inners": [{"name": "a"}] * 3}, "inners", "has more than 2 items"),
        ({"inners": [{"name": "a"}, {"name": "abcdef"}]}, "inners[1].name", "has more than 5 characters"),
        ({"inners": [{}]}, "inners[0].name", "is required"),
        ({"day": "2026-02-29"}, "day", "is not a date that exists, YYYY-MM-DD"),
        ({"day": "20260228"}, "day", "is not a date that exists, YYYY-MM-DD"),
        ({"color": 9}, "color", "is not a value of the contract"),
        ({"colors": [1, 9]}, "colors", "is not a value of the contract"),
        ({"code": "ab"}, "code", "does not have the form [A-Z]+"),
        ({"code": "AB\n"}, "code", "does not have the form [A-Z]+"),
        ({"tags": ["ok", "a\x00"]}, "tags", "holds a control character"),
        ({"thumb": "AAAAAA=="}, "thumb", "has more than 3 bytes"),
        ({"scan": "S1\x1b"}, "scan", "holds a control character"),
        ({"scan": "S1\x00"}, "scan", "holds a control character"),
        ({"body": "S1\x1d"}, "body", "holds a control character"),
    ],
)
def test_each_check(faults: Faults, fields: dict[str, Any], path: str, problem: str) -> None:
    assert faults(**fields) == {path: problem}


def test_every_violation_at_once(faults: Faults) -> None:
    found = faults(note_id="", body="x" * 30, day="never", inners=[{}, {"name": "\x00"}])
    assert set(found) == {"note_id", "body", "day", "inners[0].name", "inners[1].name"}


@pytest.mark.parametrize(
    ("seconds", "nanos"), [(2**62, 0), (-(2**62), 0), (253_402_300_800, 0), (0, 10**9), (0, -1)]
)
def test_a_moment_that_no_datetime_holds(probe: ModuleType, seconds: int, nanos: int) -> None:
    request = probe.WriteNoteRequest(note_id=ID)
    request.at.seconds, request.at.nanos = seconds, nanos
    with pytest.raises(checks.MalformedRequest) as error:
        checks.check(request)
    assert [v.field for v in error.value.violations] == ["at"]


@given(st.integers(-(2**40), 2**40))
def test_a_moment_that_passes_can_be_read(seconds: int) -> None:
    request = sys.modules["probe_pb2"].WriteNoteRequest(note_id=ID)
    request.at.seconds = seconds
    try:
        checks.check(request)
    except checks.MalformedRequest:
        with pytest.raises((ValueError, OverflowError)):
            request.at.ToDatetime()
    else:
        assert request.at.ToDatetime().year >= 1


@given(st.text(max_size=20))
def test_a_text_that_passes_can_be_stored(text: str) -> None:
    request = sys.modules["probe_pb2"].WriteNoteRequest(note_id=ID, body=text)
    try:
        checks.check(request)
    except checks.MalformedRequest:
        assert any(not c.isprintable() for c in text)
    else:
        assert "\x00" not in text


@given(st.dates())
def test_every_date_passes(day: date) -> None:
    checks.check(sys.modules["probe_pb2"].WriteNoteRequest(note_id=ID, day=day.isoformat()))


@given(st.uuids())
def test_every_uuid_passes_in_one_spelling(value: UUID) -> None:
    checks.check(sys.modules["probe_pb2"].WriteNoteRequest(note_id=str(value)))


def test_a_map_is_found_wherever_it_hides(probe: ModuleType) -> None:
    assert checks.unchecked(Struct.DESCRIPTOR) == "google.protobuf.Struct.fields"
    assert checks.unchecked(probe.WithMap.DESCRIPTOR) == "socle.probe.v1.Mapped.labels"
    assert checks.unchecked(probe.WriteNoteRequest.DESCRIPTOR) == ""
