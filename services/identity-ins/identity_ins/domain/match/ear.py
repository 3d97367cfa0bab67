"""How a French name is said: what is written in several ways and heard in one."""

from __future__ import annotations

import re
from functools import lru_cache

import jellyfish

from identity_ins.domain.traits import comparison_key

# Particles say nothing, and are the first thing that a hurried keyboard leaves out.
PARTICLES = frozenset("DE DU DES D L LA LE LES VAN DEN DER VON EL AL".split())
# In this order. The rest of the ear is metaphone's, which was made for English.
HEARD = tuple(
    (re.compile(written), said)
    for written, said in (
        (r"^H", ""),
        (r"PH", "F"),
        (r"SCH|SH", "CH"),
        (r"([TRGDB])H", r"\1"),
        (r"QU|Q|CK|C(?=[AOUKLRT]|$)", "K"),
        (r"GU(?=[EIY])", "G"),
        (r"SC(?=[EIY])|C(?=[EIY])", "S"),
        (r"B(?=V)", ""),
        (r"EAU|AU", "O"),
        (r"[AE][IY]", "E"),
        (r"Y", "I"),
        (r"EN(?![AEIOU])", "AN"),
        (r"EM(?=[BP])", "AM"),
        (r"W", "V"),
        (r"(.)\1+", r"\1"),
        (r"(?<=..)[DSTXZ]+$", ""),
    )
)
FIRST_VOWELS = re.compile(r"^[AEIOU]+")


@lru_cache(maxsize=65_536)
def words(name: str) -> tuple[str, ...]:
    """The words of a name that count, particles left out; all of them when there are no others."""
    every = comparison_key(name).split()
    return tuple(word for word in every if word not in PARTICLES) or tuple(every)


@lru_cache(maxsize=65_536)
def heard(word: str) -> str:
    """A word as it would be written by someone who only heard it."""
    for written, said in HEARD:
        word = written.sub(said, word)
    return word


@lru_cache(maxsize=65_536)
def sound(name: str) -> str:
    """The consonants that are heard in the first word of a name that counts; empty for an empty name."""
    telling = next((word for word in words(name) if len(word) > 1), name)
    if not telling:
        return ""
    spoken = FIRST_VOWELS.sub("A", heard(telling))
    return jellyfish.metaphone(spoken) or telling
