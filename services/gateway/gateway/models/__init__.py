"""What the REST interface reads: one model a body, with its examples. The services check the rules of the
fields.
"""

from .base import Page, Reason
from .dmp import DocumentQuery, NewAccess, NewSubmission
from .exchange import PamQuery, PamText, ScannedText
from .identities import (
    HistoryQuery,
    IdentitySearch,
    InsCheck,
    MarkClearance,
    NewCorrection,
    NewIdentity,
    PaperCheck,
    Resolution,
    Retrieval,
)
from .insi import CardSearch, InsiSearch, NumberReplacement, Verification
from .vigilance import CaseQuery, MatchQuery, NewMerge, Settlement

__all__ = [
    "CardSearch",
    "CaseQuery",
    "DocumentQuery",
    "HistoryQuery",
    "IdentitySearch",
    "InsCheck",
    "InsiSearch",
    "MarkClearance",
    "MatchQuery",
    "NewAccess",
    "NewCorrection",
    "NewIdentity",
    "NewMerge",
    "NewSubmission",
    "NumberReplacement",
    "Page",
    "PamQuery",
    "PamText",
    "PaperCheck",
    "Reason",
    "Resolution",
    "Retrieval",
    "ScannedText",
    "Settlement",
    "Verification",
]
