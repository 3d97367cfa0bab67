"""What may become of the metadata of a document, without a database."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from typing import Any

import pytest

from chassis.errors import InvalidInput, RuleViolated
from chassis.testing import NOW
from dmp import policy
from dmp.domain import (
    Change,
    Confidentiality,
    Document,
    EntryId,
    Status,
    Surroundings,
    announcements,
    changes,
    confidentiality,
    errors,
)
from dmp.domain.announcements import Timers

from .dmp_given import PERSON, codes
from .policy_given import paper

BOTH = policy.Parameters(masked_and_hidden=True)
LATER = NOW + timedelta(hours=1)
MASKED, HIDDEN, KEPT = "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"
FLAGS = [MASKED, HIDDEN, KEPT, "archived"]
EVERY_STATE = [set(s) for s in chain.from_iterable(combinations(FLAGS, n) for n in range(5))]
# (change) -> flag, how it is before, how it is after.
TABLE = {
    Change.MASK: (MASKED, True),
    Change.UNMASK: (MASKED, False),
    Change.SHOW_TO_PATIENT: (HIDDEN, False),
    Change.SHOW_TO_REPRESENTATIVES: (KEPT, False),
    Change.HIDE_FROM_REPRESENTATIVES: (KEPT, True),
    Change.ARCHIVE: ("archived", True),
    Change.UNARCHIVE: ("archived", False),
}


def document(*flags: str, **more: Any) -> Document:
    return paper(PERSON, "N", *(f for f in flags if f != "archived"), archived="archived" in flags, **more)


def flags_of(changed: Document) -> set[str]:
    flags = {c.value for c in changed.facts.confidentiality} - {"N"}
    return flags | {"archived"} if changed.archived else flags


def applied(before: Document, *asked: Change, **around: Any) -> Document:
    usual = {"rules": BOTH, "confirmed": True, **around}
    return changes.apply(before, asked, EntryId("e"), LATER, Surroundings(**usual))


@pytest.mark.parametrize("change", TABLE)
@pytest.mark.parametrize("state", EVERY_STATE, ids=lambda s: "+".join(sorted(s)) or "plain")
def test_every_change_from_every_state(change: Change, state: set[str]) -> None:
    flag, carried = TABLE[change]
    before = document(*state)
    if (flag in state) is carried:
        with pytest.raises(RuleViolated) as refused:
            applied(before, change)
        assert refused.value.hint
        return
    after = applied(before, change)
    assert flags_of(after) == (state | {flag} if carried else state - {flag})
    assert (after.version, after.entry_id.value, after.changed_at) == (2, "e", LATER)
    # Exactly one level, whatever was changed.
    assert confidentiality([c.value for c in after.facts.confidentiality], "x", BOTH)


@pytest.mark.parametrize("change", [Change.SHOW_TO_PATIENT, Change.SHOW_TO_REPRESENTATIVES])
def test_showing_needs_a_confirmation(change: Change) -> None:
    with pytest.raises(errors.ConfirmationMissing) as refused:
        applied(document(HIDDEN, KEPT), change, confirmed=False)
    assert (refused.value.field, refused.value.kind.http) == ("confirmed", 400)


def test_what_was_shown_to_the_representatives_is_not_hidden_from_them_again() -> None:
    with pytest.raises(errors.DocumentWasShown):
        applied(document(), Change.HIDE_FROM_REPRESENTATIVES, shown_to_representatives=True)


def test_masking_what_waits_for_its_announcement_is_refused_unless_the_platform_allows_it() -> None:
    with pytest.raises(errors.DocumentStillHiddenFromPatient):
        applied(document(HIDDEN), Change.MASK, rules=policy.Parameters())
    assert flags_of(applied(document(HIDDEN), Change.MASK)) == {MASKED, HIDDEN}


def test_shown_and_masked_in_one_request() -> None:
    after = applied(document(HIDDEN), Change.SHOW_TO_PATIENT, Change.MASK, rules=policy.Parameters())
    assert flags_of(after) == {MASKED}
    assert after.version == 2


def test_shown_to_the_patient_it_is_masked_where_new_documents_are() -> None:
    after = applied(document(HIDDEN), Change.SHOW_TO_PATIENT, masked_by_default=True)
    assert flags_of(after) == {MASKED}


@pytest.mark.parametrize(
    "asked",
    [
        (),
        (Change.MASK, Change.MASK),
        (Change.MASK, Change.UNMASK),
        (Change.ARCHIVE, Change.UNARCHIVE),
        (Change.DELETE, Change.ARCHIVE),
        (Change.DELETE, Change.DELETE),
    ],
)
def test_changes_that_contradict_each_other_are_refused(asked: tuple[Change, ...]) -> None:
    with pytest.raises(errors.ChangesContradictEachOther):
        applied(document(), *asked)


def test_delete_keeps_the_codes_and_is_final() -> None:
    deleted = applied(document(MASKED), Change.DELETE)
    assert (deleted.status, flags_of(deleted), deleted.version) == (Status.DELETED, {MASKED}, 2)
    for change in Change:
        with pytest.raises(errors.DocumentDeleted):
            applied(deleted, change)


def test_one_refused_change_undoes_the_others() -> None:
    before = document("archived")
    with pytest.raises(errors.DocumentAlreadyArchived):
        applied(before, Change.MASK, Change.ARCHIVE)
    assert before == replace(before)


@pytest.mark.parametrize("level", ["N", "R", "V"])
def test_masked_at_deposit_keeps_the_level(level: str) -> None:
    assert changes.masked_at_deposit(codes(level), policy.Parameters()) == codes(level, MASKED)


def test_masked_at_deposit_leaves_what_waits_for_its_announcement() -> None:
    given = codes("N", HIDDEN)
    assert changes.masked_at_deposit(given, policy.Parameters()) == given
    assert set(changes.masked_at_deposit(given, BOTH)) == {*given, Confidentiality.MASKED}


def test_unknown_kind_of_refusal_is_never_a_fault_of_ours() -> None:
    """Every step of the table names an error that tells the caller what to do."""
    for step in changes.TRANSITIONS.values():
        assert issubclass(step.refused, RuleViolated)
        assert step.refused.remedy
    assert issubclass(errors.ConfirmationMissing, InvalidInput)


# -- the timers


@pytest.mark.parametrize(
    ("hidden", "shown"),
    [
        ((2026, 1, 15), (2026, 2, 15)),
        ((2026, 1, 31), (2026, 2, 28)),
        ((2028, 1, 31), (2028, 2, 29)),
        ((2026, 3, 31), (2026, 4, 30)),
        ((2026, 12, 31), (2027, 1, 31)),
        ((2026, 2, 28), (2026, 3, 28)),
    ],
)
def test_month_is_one_of_the_calendar(hidden: tuple[int, int, int], shown: tuple[int, int, int]) -> None:
    timers = announcements.timers_of(datetime(*hidden, 12, 30, tzinfo=UTC))
    assert timers.show_at == datetime(*shown, 12, 30, tzinfo=UTC)
    assert timers.warn_at - datetime(*hidden, 12, 30, tzinfo=UTC) == timedelta(days=14)


def test_replacement_does_not_restart_the_month() -> None:
    old, new = Timers(NOW, NOW + timedelta(days=3)), announcements.timers_of(NOW)
    assert announcements.sooner(new, old) == old
    assert announcements.sooner(new, None) == new
