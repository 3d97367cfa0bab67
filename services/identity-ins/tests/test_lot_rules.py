"""Lots of verifications: every state with every step, lines in their place, reasons of broken lines."""

from dataclasses import fields, replace
from datetime import UTC, date, datetime
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import RuleViolated
from chassis.testing import callers
from identity_ins import seed
from identity_ins.domain import Platform, lot
from identity_ins.domain.lot import (
    ALLOWED,
    MOST_LINES,
    REFUSED,
    LineResult,
    LinesDiffer,
    LinesMissing,
    LineWrong,
    LotEmpty,
    LotFull,
    LotId,
    LotState,
    LotStep,
    Outcome,
)

from .lots_given import line_of

NOW = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
TODAY = date(2026, 6, 12)
OPEN = lot.open_lot(LotId.new(), callers.staff, "June", NOW)
GOOD = line_of(seed.person(7), "IPP-7")
MORE = [line_of(seed.person(n)) for n in (1, 2, 3)]


@pytest.mark.parametrize(("state", "wanted"), list(product(LotState, LotStep)))
def test_step_when_taken_in_a_state_then_allowed_or_refused_by_that_state(
    state: LotState, wanted: LotStep
) -> None:
    standing = replace(OPEN, state=state, lines=1)
    if (state, wanted) in ALLOWED:
        assert lot.step(standing, wanted) is ALLOWED[state, wanted]
    else:
        with pytest.raises(REFUSED[state]) as told:
            lot.step(standing, wanted)
        assert isinstance(told.value, RuleViolated)
        assert told.value.hint


def test_lot_when_opened_then_remembers_its_author_without_the_moment() -> None:
    hurried = replace(callers.staff, reason="urgent", assurance="eidas2")
    assert lot.open_lot(LotId.new(), hurried, "", NOW).author == replace(callers.staff, assurance="")


def test_fill_when_lines_come_in_order_then_added() -> None:
    after, added = lot.fill(OPEN, 0, [], MORE)
    assert (after.lines, list(added)) == (3, MORE)


def test_fill_when_the_same_lines_come_again_then_not_doubled() -> None:
    after, added = lot.fill(replace(OPEN, lines=3), 0, MORE, MORE)
    assert (after.lines, list(added)) == (3, [])


def test_fill_when_some_are_there_already_then_the_rest_is_added() -> None:
    after, added = lot.fill(replace(OPEN, lines=2), 1, MORE[1:2], MORE[1:])
    assert (after.lines, list(added)) == (3, MORE[2:])


def test_fill_when_another_line_is_there_then_refused_saying_where_and_never_what() -> None:
    with pytest.raises(LinesDiffer) as told:
        lot.fill(replace(OPEN, lines=3), 1, MORE[1:], [MORE[1], GOOD])
    assert told.value.field == "lines[1]"
    assert "Position 2 is filled" in told.value.hint
    assert "ECETINSI" not in str(vars(told.value))


def test_fill_when_lines_are_missing_before_then_refused_saying_which() -> None:
    with pytest.raises(LinesMissing) as told:
        lot.fill(replace(OPEN, lines=3), 5, [], MORE)
    assert told.value.hint == "Send the lines from position 3 on."


def test_fill_when_the_lot_would_overflow_then_refused_saying_how_many_fit() -> None:
    almost = replace(OPEN, lines=MOST_LINES - 2)
    with pytest.raises(LotFull) as told:
        lot.fill(almost, MOST_LINES - 2, [], MORE)
    assert told.value.hint.startswith("Send 2 lines here")
    assert lot.fill(almost, MOST_LINES - 2, [], MORE[:2])[0].lines == MOST_LINES


def test_submit_when_there_is_no_line_then_refused() -> None:
    with pytest.raises(LotEmpty):
        lot.submit(OPEN, NOW)
    assert lot.submit(replace(OPEN, lines=1), NOW).submitted_at == NOW


def test_progress_when_the_last_line_is_done_then_the_lot_is() -> None:
    running = replace(OPEN, state=LotState.RUNNING, lines=4)
    results = [
        LineResult(Outcome.CONFIRMED),
        LineResult(Outcome.BROKEN, "why"),
        LineResult(Outcome.CONFIRMED),
    ]
    after = lot.progress(running, results, NOW)
    assert (after.state, after.done, after.confirmed, after.broken) == (LotState.RUNNING, 3, 2, 1)
    done = lot.progress(after, [LineResult(Outcome.NOT_CONFIRMED)], NOW)
    assert (done.state, done.done, done.finished_at) == (LotState.DONE, 4, NOW)


def test_line_when_right_then_the_question_of_the_person() -> None:
    lower = replace(GOOD, nom_naissance="Ecetinsi", num_identifiant=f" {GOOD.num_identifiant} ")
    question = lot.check_line(lower, Platform.TEST, TODAY)
    assert question.ins == seed.person(7).ins
    assert (question.nom_naissance, question.type_matricule) == ("ECETINSI", "NIR")


BROKEN = [
    ({"cle": "88"}, "cle: does not match num_identifiant"),
    ({"cle": "8"}, "cle: 2 digits"),
    ({"cle": ""}, "cle: 2 digits"),
    ({"num_identifiant": ""}, "num_identifiant: 13 characters"),
    ({"num_identifiant": "109076322083489", "cle": ""}, "num_identifiant: 13 characters"),
    ({"num_identifiant": "10907632208é4"}, "num_identifiant: this is not the number of an INS"),
    ({"num_identifiant": "7090763220834"}, "num_identifiant: this is not"),
    ({"oid": ""}, "oid: use an OID"),
    ({"oid": "1.2.250.1.213.1.4.8"}, "oid: this is a test platform"),
    ({"nom_naissance": ""}, "nom_naissance: 1 to 100 Latin letters"),
    ({"nom_naissance": "A" * 101}, "nom_naissance: "),
    ({"nom_naissance": "ECET1NSI"}, "nom_naissance: "),
    ({"nom_naissance": "\u0415CETINSI"}, "nom_naissance: "),
    ({"nom_naissance": "ECE\tTINSI"}, "nom_naissance: control characters"),
    ({"liste_prenom": ""}, "liste_prenom: first names"),
    ({"liste_prenom": "PIERRE, ALAIN"}, "liste_prenom: first names"),
    ({"sexe": "U"}, "sexe: INSi knows M and F only"),
    ({"sexe": ""}, "sexe: "),
    ({"date_naissance": "2009-02-30"}, "date_naissance: this date does not exist"),
    ({"date_naissance": "14/07/2009"}, "date_naissance: this date does not exist"),
    ({"date_naissance": "+009"}, "date_naissance: this date does not exist"),
    ({"date_naissance": "2026-06-13"}, "date_naissance: this date is in the future"),
    ({"lieu_naissance": ""}, "lieu_naissance: a COG code"),
    ({"lieu_naissance": "2C004"}, "lieu_naissance: a COG code"),
    ({"reference": "R" * 101}, "reference: at most 100 characters"),
    ({"reference": "a\tb"}, "reference: control characters"),
]


@pytest.mark.parametrize(("changes", "reason"), BROKEN)
def test_line_when_broken_then_the_reason_names_the_field_and_never_its_content(
    changes: dict[str, str], reason: str
) -> None:
    with pytest.raises(LineWrong) as told:
        lot.check_line(lot.kept(replace(GOOD, **changes)), Platform.TEST, TODAY)
    problem = lot.problem_of(told.value)
    assert problem.startswith(reason)
    for content in (*changes.values(), "ECETINSI", "PIERRE", GOOD.num_identifiant):
        assert len(content) < 3 or content not in problem


def test_line_when_broken_in_several_places_then_each_is_told() -> None:
    wrong = replace(GOOD, sexe="X", oid="1", lieu_naissance="?")
    with pytest.raises(LineWrong) as told:
        lot.check_line(wrong, Platform.TEST, TODAY, "line.")
    assert [violation.field for violation in told.value.violations] == [
        "line.oid",
        "line.sexe",
        "line.lieu_naissance",
    ]


LINES = st.builds(lot.Line, **{field.name: st.text(max_size=150) for field in fields(lot.Line)})


@given(LINES)
def test_line_when_anything_at_all_then_a_question_or_a_reason(line: lot.Line) -> None:
    kept = lot.kept(line)
    assert lot.kept(kept) == kept
    assert all(len(getattr(kept, field.name)) <= 501 for field in fields(kept))
    with pytest.raises(LineWrong) as told:
        lot.check_line(kept, Platform.TEST, TODAY)
    assert told.value.violations
