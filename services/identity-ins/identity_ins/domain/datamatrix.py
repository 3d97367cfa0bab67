"""The Datamatrix INS: what a wristband or a label tells of a qualifiée identity, written and read.

Source: ANS, Datamatrix INS v2.2 (February 2022): a header of 26 characters, then records S1 to S7.
"""

from __future__ import annotations

import re
from datetime import date

from chassis.errors import InvalidInput, RuleViolated, Violation

from .identity import Identity, Status
from .ins import Ins, Platform, parse_ins
from .namelist import split_first_names
from .places import UNKNOWN_PLACE
from .traits import Precision, Sex, Traits, TraitsWrong, check_traits

HEADER = "IS01" + "0" * 22
# Group separator: the end of a field of variable length.
GS = "\x1d"
MATRICULE, OID, FIRST_NAMES, BIRTH_NAME, SEX, BIRTH_DATE, BIRTH_PLACE = range(1, 8)
# Characters of each record; those of FIXED have no fewer.
LENGTH = {MATRICULE: 15, OID: 20, FIRST_NAMES: 100, BIRTH_NAME: 100, SEX: 1, BIRTH_DATE: 10, BIRTH_PLACE: 5}
FIXED = {MATRICULE, SEX, BIRTH_DATE, BIRTH_PLACE}
DATE = re.compile(r"(\d{2})-(\d{2})-(\d{4})", re.ASCII)
RECORD_OF = {
    "birth_name": BIRTH_NAME,
    "birth_first_names": FIRST_NAMES,
    "birth_date": BIRTH_DATE,
    "birth_place": BIRTH_PLACE,
}


class DatamatrixNeedsQualified(RuleViolated):
    """A Datamatrix INS is printed for an identity qualifiée only."""


class DatamatrixNeedsDay(RuleViolated):
    """A Datamatrix INS holds a whole date of birth, and the day of this one is not known."""


class DatamatrixMalformed(InvalidInput):
    """This is not the text of a Datamatrix INS: see each record."""


def write(identity: Identity) -> str:
    """What the symbol of an identity holds.

    First names beyond 100 characters are left out, each one whole: the place is all that the symbol has.
    Raises DatamatrixNeedsQualified or DatamatrixNeedsDay.
    """
    retrieval, traits = identity.retrieval, identity.traits
    if identity.status is not Status.QUALIFIEE or identity.merged_into or retrieval is None:
        raise DatamatrixNeedsQualified(field="identity_id", hint="Retrieve the INS and check a paper first.")
    if traits.birth_date_precision is not Precision.DAY:
        raise DatamatrixNeedsDay(field="identity_id", hint="Use another identification document.")
    values = {
        MATRICULE: retrieval.ins.matricule,
        OID: retrieval.ins.oid.value,
        FIRST_NAMES: _fitting(traits.birth_first_names),
        BIRTH_NAME: traits.birth_name,
        SEX: traits.sex.value,
        BIRTH_DATE: f"{traits.birth_date:%d-%m-}{traits.birth_date.year:04d}",
        BIRTH_PLACE: traits.birth_place or UNKNOWN_PLACE,
    }
    return HEADER + "".join(f"S{n}{value}{'' if n in FIXED else GS}" for n, value in values.items())


def read(text: str, platform: Platform, today: date) -> tuple[Ins, Traits]:
    """The number and the traits of a symbol, fields ended by GS or only by the record that follows.

    Each name of the list is taken for a first name: the symbol does not tell a compound one with a space.
    Raises DatamatrixMalformed, TraitsWrong or what `parse_ins` raises, with the record at fault.
    """
    records = _records(text.rstrip("\r\n" + GS))
    return _ins(records, platform), _traits(records, today)


def _fitting(names: tuple[str, ...]) -> str:
    text = names[0]
    for name in names[1:]:
        if len(text) + 1 + len(name) > LENGTH[FIRST_NAMES]:
            break
        text += f" {name}"
    return text


def _records(text: str) -> dict[int, str]:
    if not text.startswith(HEADER):
        raise _malformed("text", "it begins with IS01 and zeros, 26 characters in all")
    rest, ended_by_gs = text[len(HEADER) :], GS in text
    records = {}
    for record in LENGTH:
        if not rest.startswith(f"S{record}"):
            raise _malformed(f"text.S{record}", "this record is missing, or not in its place")
        records[record], rest = _cut(record, rest[2:], ended_by_gs)
    if rest:
        raise _malformed("text", "nothing follows the record S7")
    return records


def _cut(record: int, rest: str, ended_by_gs: bool) -> tuple[str, str]:
    """The value of a record, and what follows it."""
    if record in FIXED:
        value, rest = rest[: LENGTH[record]], rest[LENGTH[record] :].removeprefix(GS)
        wrong = len(value) < LENGTH[record]
    else:
        # Neither an OID nor a name holds "S" and a digit: the first one found is the next record.
        value, end, rest = rest.partition(GS if ended_by_gs else f"S{record + 1}")
        rest = rest if ended_by_gs else end + rest
        wrong = not (end and 0 < len(value) <= LENGTH[record])
    if wrong:
        raise _malformed(f"text.S{record}", f"{_extent(record)} characters are needed")
    return value, rest


def _extent(record: int) -> str:
    return str(LENGTH[record]) if record in FIXED else f"1 to {LENGTH[record]}"


def _ins(records: dict[int, str], platform: Platform) -> Ins:
    try:
        return parse_ins(records[MATRICULE], records[OID], platform)
    except InvalidInput as error:
        (wrong,) = error.violations
        where = f"text.S{OID if wrong.field.endswith('.oid') else MATRICULE}"
        raise type(error)(field=where, violations=[Violation(where, wrong.problem)]) from None


def _traits(records: dict[int, str], today: date) -> Traits:
    if records[SEX] not in (Sex.MALE, Sex.FEMALE):
        raise _malformed(f"text.S{SEX}", "the sex is M or F")
    names = split_first_names(records[FIRST_NAMES])
    born, place = _birth_date(records[BIRTH_DATE]), records[BIRTH_PLACE]
    try:
        return check_traits(Traits(records[BIRTH_NAME], names, Sex(records[SEX]), born, place), today)
    except TraitsWrong as error:
        wrong = [Violation(_where(one.field), one.problem) for one in error.violations]
        raise TraitsWrong(field=wrong[0].field, violations=wrong) from None


def _birth_date(text: str) -> date:
    try:
        day, month, year = DATE.fullmatch(text).groups()  # type: ignore[union-attr]
        return date(int(year), int(month), int(day))
    except (AttributeError, ValueError):
        raise _malformed(f"text.S{BIRTH_DATE}", "a date that exists is needed, as DD-MM-YYYY") from None


def _where(field: str) -> str:
    """`traits.birth_first_names[3]` -> `text.S3`."""
    return f"text.S{RECORD_OF[field.removeprefix('traits.').partition('[')[0]]}"


def _malformed(field: str, problem: str) -> DatamatrixMalformed:
    return DatamatrixMalformed(field=field, violations=[Violation(field, problem)])
