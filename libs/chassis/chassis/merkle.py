"""Merkle trees of RFC 9162 (those of RFC 6962), SHA-256: roots, proofs, and the two verifications. Pure.

A tree is kept as the roots of its complete subtrees, which never change once they stand. Whatever else a
proof names is folded from those, so a proof costs a number of readings that grows with the logarithm of the
tree.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

# Of a tree without leaves (2.1.1).
EMPTY = sha256().digest()


class Place(NamedTuple):
    """A complete subtree: the `2**level` leaves from `position * 2**level` on."""

    level: int
    position: int


# Leaves `start` (included) to `end` (excluded), the start being where a subtree may begin.
Range = tuple[int, int]


def leaf_hash(line: bytes) -> bytes:
    """The leaf of a line; the byte before it keeps a node from passing for a leaf."""
    return sha256(b"\x00" + line).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """The node above two others."""
    return sha256(b"\x01" + left + right).digest()


def covering(start: int, end: int) -> list[Place]:
    """The complete subtrees that make up these leaves, from left to right: the larger before the smaller."""
    places = []
    while start < end:
        level = (end - start).bit_length() - 1
        places.append(Place(level, start >> level))
        start += 1 << level
    return places


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root above complete subtrees given from left to right."""
    if not hashes:
        return EMPTY
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


def inclusion(index: int, size: int) -> list[Range]:
    """What the audit path of a leaf names, lowest first (2.1.3.1); `index` < `size`."""
    path: list[Range] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency(first: int, second: int) -> list[Range]:
    """What proves that the tree of `first` leaves is the beginning of that of `second` (2.1.4.1).

    Empty when there is nothing to prove: no leaf at first, or none since.
    """
    if not 0 < first < second:
        return []
    path: list[Range] = []
    start, end, whole = 0, second, True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start, whole = middle, False
    # The subtree where both trees part is known to who knows the first root, unless it is a part of it only.
    return ([] if whole else [(start, end)]) + path[::-1]


def _split(size: int) -> int:
    """The largest power of two below `size` (at least 2)."""
    return 1 << ((size - 1).bit_length() - 1)


def places(ranges: Iterable[Range]) -> set[Place]:
    """The complete subtrees to be read for these ranges."""
    return {place for start, end in ranges for place in covering(start, end)}


def folded(ranges: Iterable[Range], known: Mapping[Place, bytes]) -> list[bytes]:
    """The hash of each range. One whose subtrees are not all known is empty: no verification takes it."""
    hashes = []
    for start, end in ranges:
        parts = [known.get(place, b"") for place in covering(start, end)]
        hashes.append(fold(parts) if all(parts) else b"")
    return hashes


class Edge:
    """The right edge of a growing tree: its leaves so far as complete subtrees, from left to right."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """`hashes`: those of `covering(0, size)`."""
        self.size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise ValueError(f"{size} leaves make {size.bit_count()} complete subtrees")

    @property
    def root(self) -> bytes:
        """The root of the tree as it stands."""
        return fold(self._hashes)

    def add(self, leaf: bytes) -> list[tuple[Place, bytes]]:
        """Adds a leaf; the subtrees above it that it completes, lowest first."""
        completed = []
        level, position = 0, self.size
        while position & 1:
            leaf = node_hash(self._hashes.pop(), leaf)
            level, position = level + 1, position >> 1
            completed.append((Place(level, position), leaf))
        self._hashes.append(leaf)
        self.size += 1
        return completed

    def copy(self) -> Edge:
        """Another one that grows by itself."""
        return Edge(self.size, self._hashes)


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> bool:
    """Whether this leaf stands there in the tree of that root (2.1.3.2)."""
    if not 0 <= index < size:
        return False
    place, last, above = index, size - 1, leaf
    for node in path:
        if last == 0:
            return False
        if place & 1 or place == last:
            above = node_hash(node, above)
            # A node without a right sibling goes up as it is.
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            above = node_hash(above, node)
        place, last = place >> 1, last >> 1
    return last == 0 and above == root


def verify_consistency(
    first: int, second: int, first_root: bytes, second_root: bytes, path: Sequence[bytes]
) -> bool:
    """Whether the tree of the first root is the beginning of that of the second (2.1.4.2)."""
    if not 0 <= first <= second:
        return False
    if first == second:
        return not path and first_root == second_root
    if first == 0:
        return not path and first_root == EMPTY
    if not path:
        return False
    # A first tree that is complete is a node of the second one: the proof leaves it out.
    nodes = [first_root, *path] if first & (first - 1) == 0 else list(path)
    place, last = first - 1, second - 1
    while place & 1:
        place, last = place >> 1, last >> 1
    old = new = nodes[0]
    for node in nodes[1:]:
        if last == 0:
            return False
        if place & 1 or place == last:
            old, new = node_hash(node, old), node_hash(node, new)
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            new = node_hash(new, node)
        place, last = place >> 1, last >> 1
    return last == 0 and old == first_root and new == second_root
