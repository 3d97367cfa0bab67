"""Bounds on CBOR (RFC 8949) that a stranger sends, looked at before any decoder sees it.

A few bytes can say "an array of four thousand million items" or nest thousands deep, and a tag can ask a
decoder to build a regular expression. A prescription's code needs none of that.
"""

from __future__ import annotations

from typing import Final

DEEPEST: Final = 5
MOST_ITEMS: Final = 1200
# COSE_Sign1 (RFC 9052).
SIGN1: Final = 18
BYTES, TEXT, ARRAY, MAP, TAG, SIMPLE = 2, 3, 4, 5, 6, 7
# Bytes of the argument, by the low five bits of the head.
WIDTH: Final = {24: 1, 25: 2, 26: 4, 27: 8}


class _Beyond(Exception):
    """Not CBOR of the kind we write."""


def holds(data: bytes) -> bool:
    """One whole item of definite lengths, at most `DEEPEST` deep, `MOST_ITEMS` long, without strange tags."""
    walk = _Walk(data)
    try:
        walk.item(0)
    except (_Beyond, IndexError):
        return False
    return walk.at == len(data)


class _Walk:
    """Reads heads only."""

    def __init__(self, data: bytes) -> None:
        self.data, self.at, self.items = data, 0, 0

    def item(self, depth: int) -> None:
        self.items += 1
        if depth > DEEPEST or self.items > MOST_ITEMS:
            raise _Beyond
        major, argument = self._head()
        if major in (BYTES, TEXT):
            self._skip(argument)
        elif major in (ARRAY, MAP):
            for _ in range(argument * (2 if major == MAP else 1)):
                self.item(depth + 1)
        elif major == TAG:
            if argument != SIGN1 or depth:
                raise _Beyond
            self.item(depth + 1)
        elif major == SIMPLE:
            raise _Beyond

    def _head(self) -> tuple[int, int]:
        first = self.data[self.at]
        self.at += 1
        low = first & 0x1F
        if low < 24:
            return first >> 5, low
        # 31 is an indefinite length.
        if low not in WIDTH:
            raise _Beyond
        start = self.at
        self._skip(WIDTH[low])
        return first >> 5, int.from_bytes(self.data[start : self.at])

    def _skip(self, length: int) -> None:
        if self.at + length > len(self.data):
            raise _Beyond
        self.at += length
