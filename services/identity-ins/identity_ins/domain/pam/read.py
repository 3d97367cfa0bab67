"""Incoming messages, read by the French rules: what may be kept of them, and what must be dropped."""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date

from chassis.errors import InvalidInput, Violation
from identity_ins.domain.ins import Authority, Ins, Platform, parse_ins
from identity_ins.domain.namelist import split_first_names
from identity_ins.domain.places import Remark
from identity_ins.domain.traits import Precision, Sex, Traits, TraitsWrong, check_traits, civil_form

from .er7 import Message, PamMalformed, Repetition, malformed, parse

QUALIFIED = "VALI"
STATUSES = {QUALIFIED, "PROV"}
FORBIDDING = {"DOUT", "FICT"}
# Table 0445 of the extension, beside the two statuses.
COMMENTS = set(
    "VIDE DOUB DESA DPOT DOUA COLP COLV FILI CACH ANOM IDVER RECD IDRA USUR HOMD HOMA DOUT FICT INVA".split()
)
# Types of identifier (CX-5): the INS, and the one computed out of the traits before it.
CURRENT, COMPUTED = "INS", "INS-C"
TRIGGER = re.compile(r"A\d\d", re.ASCII)
CHANGE_IDENTIFIER = "A47"
# A date of HL7: as many parts as are known, then a time that does not count here.
BIRTH_DATE = re.compile(r"(\d{4})(\d\d)?(\d\d)?(\d{2,6}(\.\d+)?)?([+-]\d{4})?", re.ASCII)
FIELD_OF = {"birth_date": "PID-7", "birth_place": "PID-11"}


@dataclass(frozen=True, slots=True)
class PamRead:
    """What a message says once the rules are applied."""

    trigger: str
    # None in a change of identifier that tells no traits.
    traits: Traits | None
    ins: Ins | None
    ipp: str
    qualified: bool
    comments: tuple[str, ...]
    # Numbers of MRG-1: no longer those of the person.
    removed: tuple[Ins, ...]
    remarks: tuple[Remark, ...]

    def __repr__(self) -> str:
        return f"PamRead({self.trigger}, hidden)"


def read(content: str, platform: Platform, today: date) -> PamRead:
    """The message of an ER7 text, segments ended by CR or LF; raises PamMalformed with the field at fault.

    A number that may not be kept is dropped, with the reason among the remarks: the message is kept.
    """
    message, odd = parse(content), list[Remark]()
    trigger = _trigger(message)
    if "PID" not in message.segments:
        raise malformed("PID", "the segment is missing")
    codes = _codes(message, odd)
    return PamRead(
        trigger,
        None if _tells_no_traits(message, trigger) else _traits(message, today, odd),
        _kept(message, platform, codes, odd),
        _ipp(message),
        QUALIFIED in codes,
        tuple(code for code in codes if code in COMMENTS),
        _removed(message, trigger, platform, odd),
        tuple(odd),
    )


def _trigger(message: Message) -> str:
    for one in message.field("MSH", 9):
        if one.at(1) == "ADT" and TRIGGER.fullmatch(one.at(2)):
            return one.at(2)
    raise malformed("MSH-9", "messages of type ADT are read, with their trigger: A28, A31, A47...")


def _codes(message: Message, odd: list[Remark]) -> list[str]:
    codes = [one.at(1) for one in message.field("PID", 32)]
    if not set(codes) <= STATUSES | COMMENTS:
        odd.append(_remark("PID-32", "CODE_UNKNOWN", "A code is not of table 0445: it does not count."))
    return list(dict.fromkeys(codes))


def _tells_no_traits(message: Message, trigger: str) -> bool:
    return trigger == CHANGE_IDENTIFIER and not (message.field("PID", 5) or message.field("PID", 7))


def _kept(message: Message, platform: Platform, codes: Sequence[str], odd: list[Remark]) -> Ins | None:
    """The number that may be kept; the permanent one when the waiting one comes along."""
    identifiers = message.field("PID", 3)
    odd.extend(_odd_identifiers(identifiers))
    sent = [one for one in identifiers if one.at(5) == CURRENT]
    if not sent:
        if QUALIFIED in codes:
            odd.append(_remark("PID-32", "VALI_WITHOUT_INS", "VALI says qualifiée, and PID-3 has no INS."))
        return None
    if why := _forbidden(message, codes):
        odd.append(_remark("PID-3", why[0], f"The INS is dropped: {why[1]}."))
        return None
    numbers = _numbers(sent, "PID-3", platform, odd)
    permanent = [ins for ins in numbers if ins.oid is not Authority.NIA] or numbers
    if len(permanent) > 1:
        odd.append(_remark("PID-3", "INS_SEVERAL", "Each INS is dropped: a person has one at a time."))
        return None
    return permanent[0] if permanent else None


def _odd_identifiers(identifiers: Sequence[Repetition]) -> Iterator[Remark]:
    if any(one.is_null for one in identifiers):
        yield _remark("PID-3", "INS_REMOVED", "Null: every INS held for this person is to be dropped.")
    if any(one.at(5) == COMPUTED for one in identifiers):
        yield _remark("PID-3", "INS_COMPUTED", "The INS-C is dropped: it identifies nobody any more.")


def _forbidden(message: Message, codes: Sequence[str]) -> tuple[str, str] | None:
    if QUALIFIED not in codes:
        return "INS_WITHOUT_VALI", "PID-32 does not say VALI"
    if not FORBIDDING.isdisjoint(codes):
        return "INS_OF_DOUBTFUL", "PID-32 says DOUT or FICT beside VALI"
    if message.text("ZFD", 4) == "Y":
        return "INS_WITH_DATE_CORRECTED", "ZFD-4 says that the date of birth was corrected"
    return None


def _numbers(
    identifiers: Sequence[Repetition], field: str, platform: Platform, odd: list[Remark]
) -> list[Ins]:
    numbers = []
    for one in identifiers:
        try:
            numbers.append(parse_ins(one.at(1), one.at(4, 2), platform))
        except InvalidInput as error:
            problem = f"The INS is dropped. {error.sentence} Next: {error.violations[0].problem}."
            odd.append(_remark(field, error.reason, problem))
    return list(dict.fromkeys(numbers))


def _ipp(message: Message) -> str:
    ipp = next((one.at(1) for one in message.field("PID", 3) if one.at(5) == "PI"), "")
    if not ipp.isprintable():
        raise malformed("PID-3", "an identifier holds a control character")
    return ipp


def _removed(message: Message, trigger: str, platform: Platform, odd: list[Remark]) -> tuple[Ins, ...]:
    identifiers = message.field("MRG", 1)
    if trigger == CHANGE_IDENTIFIER and not identifiers:
        raise malformed("MRG-1", "an A47 names the identifier that is changed")
    numbers = [one for one in identifiers if one.at(5) == CURRENT]
    return tuple(_numbers(numbers, "MRG-1", platform, odd))


def _traits(message: Message, today: date, odd: list[Remark]) -> Traits:
    names = {one.at(7): one for one in reversed(message.field("PID", 5))}
    birth, used = names.get("L"), names.get("D", Repetition(()))
    if birth is None:
        raise malformed("PID-5", "the birth name is needed: the repetition of type L")
    born, precision = _birth_date(message.text("PID", 7))
    place = _birth_place(message)
    raw = Traits(
        birth.at(1),
        _first_names(birth, odd),
        _sex(message.text("PID", 8)),
        born,
        place.at(9),
        used.at(1),
        used.at(2),
        place.at(3),
        precision,
    )
    try:
        return check_traits(raw, today)
    except TraitsWrong as error:
        raise PamMalformed(violations=[_at_field(one) for one in error.violations]) from None


def _first_names(birth: Repetition, odd: list[Remark]) -> tuple[str, ...]:
    first, listed = birth.at(2), birth.at(3) or birth.at(2)
    names = split_first_names(listed, first)
    if first and civil_form(first) not in names[:1]:
        text = "The first first name does not begin the list of first names: the list counts."
        odd.append(_remark("PID-5", "FIRST_NAME_NOT_FIRST", text))
    return names


def _birth_date(text: str) -> tuple[date, Precision]:
    """What is not known is held as the last day that it can be."""
    match = BIRTH_DATE.fullmatch(text)
    try:
        year, month, day = (int(part or 0) for part in match.groups()[:3])  # type: ignore[union-attr]
        last = monthrange(year, month or 12)[1]
        precision = Precision.DAY if day else Precision.MONTH if month else Precision.YEAR
        return date(year, month or 12, day or last), precision
    except (AttributeError, ValueError):
        raise malformed("PID-7", "a date of birth that exists is needed: YYYYMMDD, YYYYMM or YYYY") from None


def _sex(text: str) -> Sex:
    if text not in ("", *Sex):
        raise malformed("PID-8", "the sex is F, M or U")
    return Sex(text or Sex.UNKNOWN)


def _birth_place(message: Message) -> Repetition:
    return next((one for one in message.field("PID", 11) if one.at(7) == "BDL"), Repetition(()))


def _at_field(violation: Violation) -> Violation:
    name = violation.field.removeprefix("traits.").partition("[")[0]
    return Violation(f"content.{FIELD_OF.get(name, 'PID-5')}", violation.problem)


def _remark(field: str, code: str, text: str) -> Remark:
    return Remark(f"content.{field}", code, text)
