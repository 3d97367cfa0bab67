"""ER7, the text form of HL7 v2: segments in their order, fields, repetitions, components.

The library cuts a message into its parts; escaping is ours, because the library's writes into the log what it
cannot read, patient data and all.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import hl7

from .faults import MessageUnreadable

# The only separators that the CI-SIS allows.
BEGINNING = "MSH|^~\\&|"
ENDS = re.compile(r"[\r\n]+")
NAME = re.compile(r"[A-Z][A-Z0-9]{2}")
CHARACTER = {"F": "|", "S": "^", "T": "&", "R": "~", "E": "\\", ".br": "\n", "X0D": "\r", "X0A": "\n"}
ESCAPES = {"|": "\\F\\", "^": "\\S\\", "&": "\\T\\", "~": "\\R\\", "\\": "\\E\\", "\r": " ", "\n": " "}
ESCAPED = str.maketrans(ESCAPES)
SEQUENCE = re.compile(r"\\([^\\]{0,64})\\")
# MSH-18 of table 0211; a message without one is taken for UTF-8.
CHARSETS = {
    "": "utf-8",
    "UNICODE UTF-8": "utf-8",
    "ASCII": "ascii",
    "8859/1": "iso8859-1",
    "8859/15": "iso8859-15",
}
MSH_18 = 17
# A document and its mails; a message of thousands of segments is an attack or a mistake.
MOST_SEGMENTS = 500
# Each part becomes an object: megabytes of separators would hold a processor for long. Base64 has none.
SEPARATORS, MOST_PARTS = "|^~&", 20_000


@dataclass(frozen=True, slots=True, repr=False)
class Repetition:
    """One value of a field, by component and subcomponent. Never printed: it may name a patient."""

    components: Sequence[Sequence[str]]

    def at(self, component: int, part: int = 1) -> str:
        """The text there, both numbers from 1; "" when it is absent or null."""
        try:
            text = self.components[component - 1][part - 1]
        except IndexError:
            return ""
        return "" if text == '""' else SEQUENCE.sub(lambda found: CHARACTER.get(found[1], ""), text).strip()


@dataclass(frozen=True, slots=True, repr=False)
class Segment:
    """A segment and its fields, numbered as the standard does."""

    name: str
    fields: Sequence[object]

    def repetitions(self, number: int) -> list[Repetition]:
        """The values of a field that are not empty."""
        held = _list(self.fields[number]) if number < len(self.fields) else []
        found = [Repetition([_texts(component) for component in _list(one)]) for one in held]
        return [one for one in found if any(any(component) for component in one.components)]

    def text(self, number: int, component: int = 1, part: int = 1) -> str:
        """The text of the first value of a field; "" when there is none."""
        return next((one.at(component, part) for one in self.repetitions(number)), "")


@dataclass(frozen=True, slots=True, repr=False)
class Message:
    """The segments of a message in their order; the first is MSH."""

    segments: Sequence[Segment]

    def all(self, name: str) -> Iterator[Segment]:
        """The segments of a name."""
        return (segment for segment in self.segments if segment.name == name)

    def first(self, name: str) -> Segment:
        """The first segment of a name, an empty one when there is none."""
        return next(self.all(name), Segment(name, ()))

    def has(self, name: str) -> bool:
        return any(self.all(name))


def parse(raw: bytes) -> Message:
    """The message of these bytes, segments ended by CR, LF or both; raises MessageUnreadable."""
    text = _decoded(raw)
    lines = [line for line in ENDS.split(text.strip().removeprefix("\ufeff")) if line]
    if not lines or not lines[0].startswith(BEGINNING):
        raise MessageUnreadable(field="MSH", hint="A message begins with MSH and the separators |^~\\&.")
    if len(lines) > MOST_SEGMENTS or any(line.startswith("MSH") for line in lines[1:]):
        hint = f"Send one message at a time, of {MOST_SEGMENTS} segments at most."
        raise MessageUnreadable(field="MSH", hint=hint)
    if sum(map(text.count, SEPARATORS)) > MOST_PARTS:
        raise MessageUnreadable(field="MSH", hint=f"Send at most {MOST_PARTS} fields and components.")
    return Message([_segment(number, line) for number, line in enumerate(_cut(lines), 1)])


def _decoded(raw: bytes) -> str:
    fields = re.split(rb"[\r\n]", raw, maxsplit=1)[0].split(b"|")
    named = fields[MSH_18].split(b"~")[0].decode("ascii", "replace") if len(fields) > MSH_18 else ""
    charset = CHARSETS.get(named.strip())
    try:
        return raw.decode(charset or "")
    except LookupError:
        hint = f"Write one of {', '.join(filter(None, CHARSETS))}."
        raise MessageUnreadable(field="MSH-18", hint=hint) from None
    except UnicodeDecodeError as error:
        hint = f"Byte {error.start} is not of the character set it announces."
        raise MessageUnreadable(field="MSH-18", hint=hint) from None


def _cut(lines: Sequence[str]) -> Sequence[Sequence[object]]:
    try:
        # A segment without any field is not one to the library.
        return list(hl7.parse("\r".join(line if "|" in line else f"{line}|" for line in lines)))
    except (hl7.HL7Exception, LookupError, ValueError):
        hint = "The message cannot be cut into segments and fields."
        raise MessageUnreadable(field="MSH", hint=hint) from None


def _segment(number: int, fields: Sequence[object]) -> Segment:
    name = str(fields[0])
    if not NAME.fullmatch(name):
        raise MessageUnreadable(
            field=f"segment {number}", hint="A segment begins with its name of three characters, then |."
        )
    return Segment(name, fields)


def escape(text: str) -> str:
    """A value as it stands in a message; line ends become spaces."""
    return text.translate(ESCAPED)


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else [value]


def _texts(component: object) -> list[str]:
    return [str(part) for part in _list(component)]
