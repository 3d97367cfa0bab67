"""The test kit itself: what it says of a service must be able to say no."""

import asyncio
from pathlib import Path
from types import ModuleType

import pytest

from chassis.call import Call
from chassis.testing import (
    NOW,
    REWRITE,
    Matrix,
    callers,
    clock,
    doors,
    events_of,
    running,
    same_as_golden,
    until,
)
from socle.dmp.v1 import events_pb2


def test_a_golden_that_differs_is_a_failure_that_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(REWRITE, raising=False)
    path = tmp_path / "golden.txt"
    with pytest.raises(AssertionError, match="is missing"):
        same_as_golden(path, "one")
    monkeypatch.setenv(REWRITE, "1")
    same_as_golden(path, "one")
    monkeypatch.delenv(REWRITE)
    same_as_golden(path, "one")
    with pytest.raises(AssertionError, match=r"golden\.txt changed"):
        same_as_golden(path, "two")


def test_matrix_is_a_table_that_a_doctor_can_read() -> None:
    matrix = Matrix("Who may")
    matrix.add("ReadNote", "own note", "professional", "permitted")
    matrix.add("ReadNote", "own note", "citizen", "not found")
    matrix.add("ReadNote", "secret", "professional", "not found")
    assert matrix.text().splitlines() == [
        "Who may",
        "",
        "RPC       situation  citizen    professional",
        "ReadNote  own note   not found  permitted",
        "ReadNote  secret                not found",
    ]


def test_doors_are_those_of_the_contract(probe: ModuleType) -> None:
    class Servicer:
        service = probe.DESCRIPTOR.services_by_name["ProbeService"]

    matrix = Matrix("Doors")
    doors(matrix, Servicer())
    head, *lines = [line.split() for line in matrix.text().splitlines()[2:]]
    opened = {
        line[0]: [who for who, door in zip(head[2:], line[3:], strict=True) if door == "open"]
        for line in lines
    }
    assert opened == {
        "WriteNote": ["professional"],
        "ReadNote": ["citizen", "professional"],
        "Wait": ["professional"],
    }


def test_events_are_listed_with_subject_and_fields(probe: ModuleType) -> None:
    text = events_of(probe)
    assert "NoteWritten -> socle.probe.note.written.v1 of note_id\n  1 note_id" in text
    assert "NotAnEvent" not in text
    assert events_of(events_pb2).count(" -> socle.dmp.") > 0


def test_callers_cover_every_kind_and_are_all_different() -> None:
    found = callers.every_kind()
    assert set(found) == {"citizen", "professional", "staff", "machine", "service", "operator", "auditor"}
    assert len({c.subject for c in found.values()}) == len(found)


def test_clock_gives_moments_one_after_the_other() -> None:
    moments = clock()
    first, second = next(moments), next(moments)
    assert (first, (second - first).total_seconds()) == (NOW, 1.0)


def test_a_call_has_one_moment() -> None:
    moments = clock()
    call = Call(callers.doctor, clock=lambda: next(moments))
    assert call.now() == call.now() == NOW


async def test_until_fails_when_the_fact_does_not_come() -> None:
    with pytest.raises(TimeoutError):
        await until(lambda: False, 0.1)


async def test_running_kills_at_the_end() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            ended.append("killed")

    async with running(work()):
        await asyncio.sleep(0)
    assert ended == ["killed"]
