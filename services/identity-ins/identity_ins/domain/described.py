"""A person as a document describes them, beside the person that the registry knows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from chassis.errors import InvalidInput

from .ins import Ins
from .registry import Person
from .traits import Sex, comparison_key


@dataclass(frozen=True, slots=True, repr=False)
class Described:
    """What a document says; what it leaves out is empty or None. Printing it shows nothing."""

    ins: Ins | None = None
    birth_name: str = ""
    # As they are written: one text may hold several.
    birth_first_names: tuple[str, ...] = ()
    # YYYY-MM-DD, YYYY-MM or YYYY.
    birth_date: str = ""
    sex: Sex | None = None
    birth_place: str = ""

    def __repr__(self) -> str:
        return "Described(hidden)"


@dataclass(frozen=True, slots=True)
class Likeness:
    """Whether a description is that of a person: never a trait, only the names of those that differ."""

    ins_matches: bool
    differing: tuple[str, ...]


class PaperUnknown(InvalidInput):
    """The registry describes a person for a known kind of paper only."""

    where = "paper"


# What a person reads in their journal of why their traits were given.
PAPERS = {"prescription": "ordonnance", "dispensing": "dispensation"}


@dataclass(frozen=True, slots=True)
class Purpose:
    """The paper on which a person is named; raises PaperUnknown."""

    # A key of `PAPERS`.
    paper: str
    object_id: str = ""
    # PS_IdNat; empty when the person asked.
    on_behalf_of: str = ""

    def __post_init__(self) -> None:
        if self.paper not in PAPERS:
            raise PaperUnknown(hint=f"Say one of: {', '.join(sorted(PAPERS))}.")

    @property
    def reason(self) -> str:
        """In French: the person reads it."""
        whom = f"pour le professionnel {self.on_behalf_of}" if self.on_behalf_of else "à votre demande"
        return f"{PAPERS[self.paper]}, {whom}"


def compare(person: Person, said: Described) -> Likeness:
    """The description beside the person: a former number is theirs, what is absent differs from nothing."""
    return Likeness(said.ins in (person.ins, *person.former), tuple(_differing(person, said)))


def _differing(person: Person, said: Described) -> Iterator[str]:
    known = person.traits
    if said.birth_name and comparison_key(said.birth_name) != known.birth_name_key:
        yield "birth_name"
    if not _begins(_words(said.birth_first_names), _words(known.birth_first_names)):
        yield "birth_first_names"
    if not _both_known(said.birth_date, known.birth_date_text):
        yield "birth_date"
    if said.sex not in (None, Sex.UNKNOWN, known.sex):
        yield "sex"
    if said.birth_place and known.birth_place and said.birth_place.upper() != known.birth_place:
        yield "birth_place"


def _words(names: tuple[str, ...]) -> list[str]:
    """Cut at spaces and hyphens: a list in one text does not say where a compound name ends."""
    return comparison_key(" ".join(names)).split()


def _begins(said: list[str], known: list[str]) -> bool:
    """A document may give the first of the first names only; those it gives are the first ones, in order."""
    return known[: len(said)] == said


def _both_known(said: str, known: str) -> bool:
    """Dates agree as far as both go: a day that the registry does not know contradicts nothing."""
    shorter = min(len(said), len(known))
    return said[:shorter] == known[:shorter]
