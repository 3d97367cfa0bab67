"""ER7, the text form of HL7 v2: segments, fields, repetitions, components, and what is escaped in them.

The library cuts a message into its parts. Escaping is ours: the library's writes what it cannot read into the
log, patient data and all, and turns the letters of a UTF-8 message into hexadecimal.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import hl7

from chassis.errors import InvalidInput, Violation

# The only separators that the extension allows.
BEGINNING = "MSH|^~\\&|"
ESCAPES = {"|": "F", "^": "S", "&": "T", "~": "R", "\\": "E", "\r": "X0D", "\n": "X0A"}
ESCAPED = str.maketrans({char: f"\\{code}\\" for char, code in ESCAPES.items()})
CHARACTER = {code: char for char, code in ESCAPES.items()} | {".br": "\n"}
SEQUENCE = re.compile(r"\\([^\\]*)\\")
HEXADECIMAL = re.compile(r"X((?:[0-9A-Fa-f]{2})+)")
SEGMENT = re.compile(r"[A-Z][A-Z0-9]{2}")
ENDS = re.compile(r"[\r\n]+")
# "Delete what you hold here", where an empty text means "as it was".
NULL = '""'


class PamMalformed(InvalidInput):
    """This is not an HL7 v2 PAM message that can be read: see each field."""


def malformed(field: str, problem: str) -> PamMalformed:
    """The refusal of one field (`PID-7`); `problem` never quotes it."""
    return PamMalformed(field=f"content.{field}", violations=[Violation(f"content.{field}", problem)])


def escape(text: str) -> str:
    """A value as it stands in a message."""
    return text.translate(ESCAPED)


def segment(name: str, fields: Mapping[int, str]) -> str:
    """A segment out of its fields by number, from 1; already escaped."""
    return "|".join((name, *(fields.get(n, "") for n in range(1, max(fields) + 1))))


@dataclass(frozen=True, slots=True, repr=False)
class Repetition:
    """One value of a field, by component and subcomponent."""

    components: Sequence[Sequence[str]]

    def at(self, component: int, part: int = 1) -> str:
        """The text there, both numbers from 1; "" when it is absent or null."""
        try:
            text = self.components[component - 1][part - 1]
        except IndexError:
            return ""
        return "" if text == NULL else SEQUENCE.sub(_unescaped, text).strip()

    @property
    def is_null(self) -> bool:
        return list(map(list, self.components)) == [[NULL]]


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """The first segment of each name."""

    segments: Mapping[str, Sequence[object]]

    def field(self, name: str, number: int) -> list[Repetition]:
        """The repetitions of a field that are not empty."""
        fields = self.segments.get(name, ())
        held = _list(fields[number]) if number < len(fields) else []
        found = [Repetition([_texts(component) for component in _list(one)]) for one in held]
        return [one for one in found if any(any(component) for component in one.components)]

    def text(self, name: str, number: int) -> str:
        """The first component of a field; "" when there is none."""
        return next((one.at(1) for one in self.field(name, number)), "")


def parse(content: str) -> Message:
    """The message of a text whose segments end with CR, LF or both; raises PamMalformed."""
    lines = [line for line in ENDS.split(content.strip().removeprefix("\ufeff")) if line]
    if not lines or not lines[0].startswith(BEGINNING):
        raise malformed("MSH", "a message begins with MSH and the separators |^~\\&")
    if any(line.startswith("MSH") for line in lines[1:]):
        raise malformed("MSH", "send one message at a time")
    segments: dict[str, Sequence[object]] = {}
    for number, name, fields in _cut(lines):
        if not SEGMENT.fullmatch(name):
            raise malformed(f"segment {number}", "a segment begins with its name of three characters, then |")
        segments.setdefault(name, fields)
    return Message(segments)


def _cut(lines: Sequence[str]) -> Iterator[tuple[int, str, Sequence[object]]]:
    try:
        # A segment without any field is not one to the library.
        parsed = hl7.parse("\r".join(line if "|" in line else f"{line}|" for line in lines))
    except (hl7.HL7Exception, LookupError, ValueError):
        raise malformed("MSH", "the message cannot be cut into segments and fields") from None
    for number, fields in enumerate(parsed, 1):
        yield number, str(fields[0]), fields


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def _texts(component: object) -> list[str]:
    return [str(part) for part in _list(component)]


def _unescaped(sequence: re.Match[str]) -> str:
    """What a sequence stands for; nothing for those of presentation, which a value does without."""
    code = sequence[1]
    if code in CHARACTER:
        return CHARACTER[code]
    hexadecimal = HEXADECIMAL.fullmatch(code)
    return bytes.fromhex(hexadecimal[1]).decode(errors="ignore") if hexadecimal else ""
