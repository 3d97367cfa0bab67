"""Reads back the text of the PDF that was drawn: as much of ISO 32000 as reportlab writes with TrueType."""

import re
import zlib
from base64 import a85decode

OBJECT = re.compile(rb"(\d+) 0 obj(.*?)endobj", re.DOTALL)
STREAM = re.compile(rb"stream\r?\n(.*?)endstream", re.DOTALL)
FONT = re.compile(rb"/(F\d+\+\d+) (\d+) 0 R")
SHOWN = re.compile(rb"/(F[\d+]+) [\d.]+ Tf|\(((?:\\.|[^\\()])*)\) Tj|(T\*|BT)", re.DOTALL)
MAPPED = re.compile(rb"<([0-9A-Fa-f]{2})> <([0-9A-Fa-f]{4,})>")
RANGE = re.compile(rb"<([0-9A-Fa-f]{2})> <([0-9A-Fa-f]{2})> \[([^\]]*)\]")
ESCAPE = re.compile(rb"\\([0-7]{1,3}|.)", re.DOTALL)


class Pdf:
    """The objects of a file."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.objects = {int(number): body for number, body in OBJECT.findall(data)}
        self._maps = {name: self._unicode(int(number)) for name, number in FONT.findall(data)}

    def pages(self) -> list[str]:
        """The text of each page, in the order it was drawn, a line break where one was drawn."""
        return [self._text(content) for content in self.contents()]

    def contents(self) -> list[bytes]:
        """What each page draws."""
        pages = [body for body in self.objects.values() if b"/Type /Page\n" in body]
        named = [re.search(rb"/Contents (\d+) 0 R", page) for page in pages]
        return [self.stream(int(one.group(1))) for one in named if one]

    def stream(self, number: int) -> bytes:
        body = self.objects[number]
        held = STREAM.search(body)
        assert held, "no stream"
        raw = held.group(1).strip()
        return zlib.decompress(a85decode(b"<~" + raw, adobe=True) if b"ASCII85" in body else raw)

    def _unicode(self, font: int) -> dict[int, str]:
        named = re.search(rb"/ToUnicode (\d+) 0 R", self.objects[font])
        if not named:
            return {}
        cmap = self.stream(int(named.group(1)))
        found = {}
        for first, _, many in RANGE.findall(cmap):
            for at, code in enumerate(re.findall(rb"<([0-9A-Fa-f]+)>", many)):
                found[int(first, 16) + at] = _character(code)
        for code, character in MAPPED.findall(RANGE.sub(b"", cmap)):
            found[int(code, 16)] = _character(character)
        return found

    def _text(self, content: bytes) -> str:
        out, current = [], {}
        for font, shown, line in SHOWN.findall(content):
            if font:
                current = self._maps.get(font, {})
            elif line:
                out.append("\n")
            else:
                out.append("".join(current.get(code, "\ufffd") for code in _unescaped(shown)))
        return "".join(out)


def squeezed(text: str) -> str:
    """Spaces and line breaks as one space."""
    return " ".join(text.split())


def _character(code: bytes) -> str:
    return bytes.fromhex(code.decode()).decode("utf-16-be")


def _unescaped(text: bytes) -> bytes:
    named = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f"}

    def one(match: re.Match[bytes]) -> bytes:
        escaped = match.group(1)
        return bytes([int(escaped, 8)]) if escaped.isdigit() else named.get(escaped, escaped)

    return ESCAPE.sub(one, text)
