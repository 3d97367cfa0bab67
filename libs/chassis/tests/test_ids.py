"""Identifiers: opaque, sorted by the time they were made, one type an aggregate."""

from uuid import UUID

from chassis.ids import Id


class PersonId(Id):
    """A person."""


class RecordId(Id):
    """A record."""


def test_new_ids_are_uuid7_and_sorted_by_time() -> None:
    made = [PersonId.new() for _ in range(500)]
    assert {UUID(i.value).version for i in made} == {7}
    assert [i.value for i in made] == sorted({i.value for i in made})
    assert str(made[0]) == made[0].value


def test_ids_of_two_aggregates_are_never_equal() -> None:
    value = PersonId.new().value
    assert PersonId(value) == PersonId(value)
    assert {PersonId(value), RecordId(value)} == {PersonId(value), RecordId(value)}
    assert len({PersonId(value), RecordId(value)}) == 2
