"""Who may be whom among the identities of a structure: blocks to look in, a score that explains itself."""

from .blocks import block_keys, lock_of, wanted_keys
from .candidate import Candidate, FieldAgreement, Grade, Kind, choose, compare, worth_a_look
from .description import (
    Description,
    DescriptionTooThin,
    DescriptionWrong,
    check_description,
    describe,
    period,
)
from .ear import sound
from .weights import CERTAIN, POSSIBLE, PROBABLE, Agreement

__all__ = [
    "CERTAIN",
    "POSSIBLE",
    "PROBABLE",
    "Agreement",
    "Candidate",
    "Description",
    "DescriptionTooThin",
    "DescriptionWrong",
    "FieldAgreement",
    "Grade",
    "Kind",
    "block_keys",
    "check_description",
    "choose",
    "compare",
    "describe",
    "lock_of",
    "period",
    "sound",
    "wanted_keys",
    "worth_a_look",
]
