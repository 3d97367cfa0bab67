"""A lot of verifications: its states, its lines as received, and what is wrong with a line."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum

from chassis.caller import Caller, CallerKind
from chassis.errors import InvalidInput, NotFound, RuleViolated, Violation
from chassis.ids import Id

from .ins import Ins, InsKeyWrong, Platform, parse_ins
from .insi import InsFourni, id_of
from .namelist import split_first_names
from .traits import PLACE, PROBLEM_OF_NAME, TraitsWrong, civil_form, is_name, parse_birth_date

MOST_LINES = 100_000
# Longest texts kept, by field: what is longer is cut there, one character too long to be right.
KEPT = {"liste_prenom": 500, "nom_naissance": 100, "reference": 100}
KEPT_OTHERS = 40
# What `int` takes for digits is more than what a date is written with.
DATE = re.compile(r"\d{4}(-\d{2}){0,2}", re.ASCII)
KEY = re.compile(r"\d{2}", re.ASCII)
CONTROL = re.compile(r"[\x00-\x1f\x7f]")
CHECK_SOURCE = "read it again from its source"


class LotId(Id):
    """A lot of verifications."""

    __slots__ = ()


class LotState(StrEnum):
    """Where a lot stands."""

    OPEN = "open"
    SUBMITTED = "submitted"
    RUNNING = "running"
    DONE = "done"
    ABANDONED = "abandoned"


class LotStep(StrEnum):
    """What may be done to a lot."""

    FILL = "fill"
    SUBMIT = "submit"
    WORK = "work"
    ABANDON = "abandon"


class Outcome(StrEnum):
    """What became of a line."""

    CONFIRMED = "confirmed"
    NOT_CONFIRMED = "not_confirmed"
    BROKEN = "broken"


class LotNotFound(NotFound):
    """There is no such lot of verifications in your structure."""

    where = "lot_id"
    remedy = "List the lots of your structure; they are deleted after a while."


class LotAlreadySubmitted(RuleViolated):
    """This lot is submitted: it takes no more lines."""


class LotAbandoned(RuleViolated):
    """This lot is abandoned."""


class LotDone(RuleViolated):
    """Every line of this lot has its result."""


class LotNotSubmitted(RuleViolated):
    """This lot is not submitted yet."""


class LotEmpty(RuleViolated):
    """A lot without any line cannot be submitted."""


class LotFull(RuleViolated):
    """A lot holds 100,000 lines at most."""


class LinesMissing(RuleViolated):
    """Lines are missing before these."""


class LinesDiffer(RuleViolated):
    """This lot holds another line at this position already."""


class LineWrong(InvalidInput):
    """The line cannot be asked at INSi: see each field."""


ALLOWED: dict[tuple[LotState, LotStep], LotState] = {
    (LotState.OPEN, LotStep.FILL): LotState.OPEN,
    (LotState.OPEN, LotStep.SUBMIT): LotState.SUBMITTED,
    (LotState.SUBMITTED, LotStep.WORK): LotState.RUNNING,
    (LotState.RUNNING, LotStep.WORK): LotState.RUNNING,
    (LotState.OPEN, LotStep.ABANDON): LotState.ABANDONED,
    (LotState.SUBMITTED, LotStep.ABANDON): LotState.ABANDONED,
    (LotState.RUNNING, LotStep.ABANDON): LotState.ABANDONED,
}
# Why a step is refused depends on the state alone.
REFUSED: dict[LotState, type[RuleViolated]] = {
    LotState.OPEN: LotNotSubmitted,
    LotState.SUBMITTED: LotAlreadySubmitted,
    LotState.RUNNING: LotAlreadySubmitted,
    LotState.DONE: LotDone,
    LotState.ABANDONED: LotAbandoned,
}


@dataclass(frozen=True, slots=True)
class Lot:
    """A lot of one structure, in the name of whoever opened it."""

    id: LotId
    domain: str
    label: str
    author: Caller
    opened_at: datetime
    state: LotState = LotState.OPEN
    lines: int = 0
    confirmed: int = 0
    not_confirmed: int = 0
    broken: int = 0
    submitted_at: datetime | None = None
    finished_at: datetime | None = None

    @property
    def done(self) -> int:
        """Lines that have a result; lines are done in their order, so also the position of the next one."""
        return self.confirmed + self.not_confirmed + self.broken


@dataclass(frozen=True, slots=True, repr=False)
class Line:
    """One line as received, in the words of the téléservice. Printing it shows nothing."""

    num_identifiant: str
    cle: str
    oid: str
    nom_naissance: str
    liste_prenom: str
    sexe: str
    date_naissance: str
    lieu_naissance: str
    # The caller's own mark.
    reference: str = ""

    def __repr__(self) -> str:
        return "Line(hidden)"


@dataclass(frozen=True, slots=True)
class LineResult:
    """What became of a line, and why a broken one could not be asked."""

    outcome: Outcome
    problem: str = ""


def open_lot(id: LotId, caller: Caller, label: str, now: datetime) -> Lot:
    """An empty lot; lines are asked in the name of whoever opens it."""
    return Lot(id, caller.organisation, label, author_of(caller), now)


def author_of(caller: Caller) -> Caller:
    """What the lot remembers of whoever opened it: no token, no purpose of the moment."""
    return Caller(
        CallerKind(caller.kind),
        caller.public_subject,
        caller.organisation,
        name=caller.name,
        client=caller.client,
    )


def step(lot: Lot, wanted: LotStep) -> LotState:
    """The state that a step leads to; raises the refusal of the present state."""
    if (lot.state, wanted) not in ALLOWED:
        raise REFUSED[lot.state](field="lot_id", hint="Read the lot to see where it stands, or open another.")
    return ALLOWED[lot.state, wanted]


def fill(lot: Lot, first: int, held: Sequence[Line], sent: Sequence[Line]) -> tuple[Lot, Sequence[Line]]:
    """The lot and the lines to add to it; `held` are the lines that stand from position `first` on.

    Raises LinesMissing, LinesDiffer, LotFull or the refusal of the state.
    """
    step(lot, LotStep.FILL)
    if first > lot.lines:
        raise LinesMissing(field="first", hint=f"Send the lines from position {lot.lines} on.")
    for offset, (old, new) in enumerate(zip(held, sent, strict=False)):
        if old != new:
            hint = (
                f"Position {first + offset} is filled: go on from position {lot.lines}, or open another lot."
            )
            raise LinesDiffer(field=f"lines[{offset}]", hint=hint)
    added = sent[len(held) :]
    if lot.lines + len(added) > MOST_LINES:
        raise LotFull(
            field="lines", hint=f"Send {MOST_LINES - lot.lines} lines here, the others in another lot."
        )
    return replace(lot, lines=lot.lines + len(added)), added


def submit(lot: Lot, now: datetime) -> Lot:
    """The lot, closed to new lines."""
    state = step(lot, LotStep.SUBMIT)
    if not lot.lines:
        raise LotEmpty(field="lot_id", hint="Add lines first.")
    return replace(lot, state=state, submitted_at=now)


def abandon(lot: Lot, now: datetime) -> Lot:
    """The lot, stopped where it is."""
    return replace(lot, state=step(lot, LotStep.ABANDON), finished_at=now)


def work(lot: Lot) -> Lot:
    """The lot in the hands of a worker."""
    return replace(lot, state=step(lot, LotStep.WORK))


def progress(lot: Lot, results: Sequence[LineResult], now: datetime) -> Lot:
    """The lot with its next lines done; done itself after the last one."""
    outcomes = [result.outcome for result in results]
    after = replace(
        lot,
        confirmed=lot.confirmed + outcomes.count(Outcome.CONFIRMED),
        not_confirmed=lot.not_confirmed + outcomes.count(Outcome.NOT_CONFIRMED),
        broken=lot.broken + outcomes.count(Outcome.BROKEN),
    )
    return replace(after, state=LotState.DONE, finished_at=now) if after.done == lot.lines else after


def kept(line: Line) -> Line:
    """The line as it is stored, nothing of it boundless: a text that is cut is still too long to be right."""
    return Line(**{name: getattr(line, name)[: KEPT.get(name, KEPT_OTHERS) + 1] for name in line.__slots__})


def check_line(line: Line, platform: Platform, today: date, at: str = "") -> InsFourni:
    """The question that a line asks; raises LineWrong with every violation, its field after `at`."""
    ins, violations = _number(line, platform)
    violations += [*_text_violations(line), *_trait_violations(line, today)]
    if ins is None or violations:
        raise LineWrong(
            field=at.rstrip("."), violations=[Violation(at + v.field, v.problem) for v in violations]
        )
    number = id_of(ins)
    return InsFourni(
        number.num_identifiant,
        number.cle,
        number.oid,
        number.type_matricule,
        civil_form(line.nom_naissance),
        civil_form(line.liste_prenom),
        line.sexe,
        line.date_naissance,
        line.lieu_naissance.upper(),
    )


def problem_of(error: LineWrong) -> str:
    """What is wrong with a broken line, in one text: fields and reasons, never the content."""
    return "; ".join(f"{violation.field}: {violation.problem}" for violation in error.violations)


def _text_violations(line: Line) -> Iterator[Violation]:
    for name in line.__slots__:
        text, most = getattr(line, name), KEPT.get(name, KEPT_OTHERS)
        if len(text) > most:
            yield Violation(name, f"at most {most} characters are taken")
        elif CONTROL.search(text):
            yield Violation(name, "control characters are not taken")


def _trait_violations(line: Line, today: date) -> Iterator[Violation]:
    if not is_name(civil_form(line.nom_naissance)):
        yield Violation("nom_naissance", PROBLEM_OF_NAME)
    names = split_first_names(line.liste_prenom)
    if not names or not all(map(is_name, names)):
        yield Violation("liste_prenom", "first names separated by a space are needed")
    if line.sexe not in ("M", "F"):
        yield Violation("sexe", "INSi knows M and F only")
    yield from _date_violations(line.date_naissance, today)
    if not PLACE.fullmatch(line.lieu_naissance.upper()):
        yield Violation("lieu_naissance", "a COG code has 5 characters, such as 75056, 2A004 or 99352")


def _date_violations(text: str, today: date) -> Iterator[Violation]:
    try:
        born, _ = parse_birth_date(text if DATE.fullmatch(text) else "", "date_naissance")
    except TraitsWrong as error:
        yield from error.violations
        return
    if born > today:
        yield Violation("date_naissance", "this date is in the future")


def _number(line: Line, platform: Platform) -> tuple[Ins | None, list[Violation]]:
    """The number, or what is wrong with it; thirteen characters and two digits are not fifteen and none."""
    if len(line.num_identifiant.strip()) != 13:
        return None, [Violation("num_identifiant", "13 characters are needed, the 2 digits of the key apart")]
    if not KEY.fullmatch(line.cle.strip()):
        return None, [Violation("cle", "2 digits are needed")]
    try:
        return parse_ins(line.num_identifiant + line.cle, line.oid, platform), []
    except InvalidInput as error:
        return None, [_number_violation(error)]


def _number_violation(error: InvalidInput) -> Violation:
    """The violation under the name that the téléservice gives the field."""
    [violation] = error.violations
    if violation.field.endswith(".oid"):
        return Violation("oid", violation.problem)
    if isinstance(error, InsKeyWrong):
        return Violation("cle", f"does not match num_identifiant: {CHECK_SOURCE}")
    return Violation("num_identifiant", f"this is not the number of an INS: {CHECK_SOURCE}")
