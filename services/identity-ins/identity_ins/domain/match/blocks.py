"""The blocks within which duplicates are looked for: two identities of one person share at least one.

A structure of a million identities cannot be compared with each newcomer: only those that share a block are
read. Each kind of block survives other mistakes than its neighbours, so that one slip of the keyboard leaves
most of them in common; each is narrow, so that what is read hardly grows with the structure.
"""

from __future__ import annotations

from collections.abc import Iterator
from hashlib import blake2b
from itertools import product

from .description import Description
from .ear import sound

# Pseudonym of a block: 64 bits, so that it is also the key of an advisory lock.
BYTES = 8
DAY = "day"


def block_keys(structure: str, person: Description) -> frozenset[str]:
    """The pseudonyms (16 hexadecimal digits) of the blocks that a person stands in, inside a structure."""
    return frozenset(_pseudonym(structure, block) for block in _blocks(person))


def wanted_keys(structure: str, person: Description) -> frozenset[str]:
    """The blocks to look for a person in: its own, and those it would stand in with day and month turned."""
    turned = person.turned
    if turned is None:
        return block_keys(structure, person)
    days = (block for block in _blocks(turned) if block[0] == DAY)
    return block_keys(structure, person) | {_pseudonym(structure, block) for block in days}


def _pseudonym(structure: str, block: tuple[str, ...]) -> str:
    return blake2b("\x1f".join((structure, *block)).encode(), digest_size=BYTES).hexdigest()


def lock_of(key: str) -> int:
    """The advisory lock of a block: a signed integer of 64 bits."""
    return int.from_bytes(bytes.fromhex(key), signed=True)


def _blocks(person: Description) -> Iterator[tuple[str, ...]]:
    names = dict.fromkeys(map(sound, person.names))
    firsts = dict.fromkeys(map(sound, person.firsts))
    said, born = dict.fromkeys((*names, *firsts)), person.date_text
    # Sorted, so that names typed in each other's place stay in their block.
    pairs = dict.fromkeys("+".join(sorted(pair)) for pair in product(names, firsts))
    # Any slip in the rest of a name, when the date is right.
    if len(born) == len("YYYY-MM-DD"):
        yield from ((DAY, born, initial) for initial in dict.fromkeys(name[:1] for name in said))
        # A wrong year and a slip in one of both names.
        yield from (("birthday", born[5:], name) for name in said)
    # A wrong day and a slip in one of both names.
    if len(born) >= len("YYYY-MM"):
        yield from (("month", born[:7], name) for name in said)
    # A wrong month, or a day typed as the month.
    if born:
        yield from (("year", born[:4], pair) for pair in pairs)
    # A wrong year, or a date that is not known.
    yield from (("names", pair) for pair in pairs)
