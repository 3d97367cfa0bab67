"""What several rounds of one measure say together: medians, since one round alone is noise here."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import median

from bench.load import Outcome


class Rounds:
    """The outcomes of a measure, one a round."""

    outcomes: list[Outcome]

    @property
    def rates(self) -> list[float]:
        """Per second, round by round."""
        return [one.rate for one in self.outcomes]

    @property
    def rate(self) -> float:
        """Per second, the median of the rounds."""
        return median(self.rates)

    @property
    def p50(self) -> float:
        """Milliseconds, the median of the rounds."""
        return median(one.p50 for one in self.outcomes)

    @property
    def p99(self) -> float:
        """Milliseconds, the median of the rounds."""
        return median(one.p99 for one in self.outcomes)

    @property
    def refused(self) -> int:
        """Answers that were no success, over all rounds."""
        return sum(one.refused for one in self.outcomes)


def slope(large: Sequence[Outcome], small: Sequence[Outcome]) -> float:
    """How many times longer the median answer takes at the larger size, the median of the rounds."""
    return median(one.p50 / other.p50 for one, other in zip(large, small, strict=True))
