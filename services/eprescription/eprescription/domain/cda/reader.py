"""One entry being read: where its texts are, what it cannot keep, what is wrong with it."""

from __future__ import annotations

from dataclasses import dataclass, field

from .build import V3, Element
from .values import inner, text_at

N = {"v": V3}
# Where the narrative says that there is nothing to say.
NOTHING = frozenset({"", "-"})


@dataclass(frozen=True, slots=True)
class Narrative:
    """The texts of a section by their ids."""

    texts: dict[str, str]

    @classmethod
    def of(cls, section: Element) -> Narrative:
        text = section.find("v:text", N)
        named = text.iterfind(".//*[@ID]") if text is not None else ()
        return cls({one.get("ID", ""): inner(one) for one in named})

    def at(self, one: Element | None, path: str) -> str:
        """What the reference at this path points to, with or without its `#`; empty when it dangles."""
        return self.get(text_at(one, f"{path}/v:reference", "value").removeprefix("#"))

    def get(self, id: str) -> str:
        found = self.texts.get(id, "")
        return "" if found in NOTHING else found


@dataclass(slots=True)
class Reader:
    """One entry being read: what it cannot keep is named, what contradicts itself is a fault."""

    entry: Element
    narrative: Narrative
    where: str
    left_out: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        """Prefix of the ids in the narrative of this line."""
        return text_at(self.entry, "v:text/v:reference", "value").removeprefix("#")

    def said(self, suffix: str) -> str:
        return self.narrative.get(f"{self.base}-{suffix}")

    def leave(self, what: str) -> None:
        self.left_out.append(f"{self.where}: {what}")

    def fault(self, what: str) -> None:
        self.faults.append(f"{self.where}: {what}")
