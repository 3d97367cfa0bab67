"""What the REST interface reads: one model a body, with its examples. The services check the rules of the
fields.
"""

from .base import Page, Reason
from .dmp import NewAccess, NewSubmission
from .dmp_queries import (
    DocumentQuery,
    ExplanationQuery,
    ExportQuery,
    HabilitationQuery,
    JournalQuery,
    LotQuery,
)
from .dmp_records import (
    ConsentChange,
    DefaultMasking,
    DestructionRequest,
    DocumentChanges,
    Explanation,
    JournalFile,
    KeySet,
    NewCareRole,
    NewClosure,
    SignedHead,
    TreeProof,
)
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
    "ConsentChange",
    "DefaultMasking",
    "DestructionRequest",
    "DocumentChanges",
    "DocumentQuery",
    "Explanation",
    "ExplanationQuery",
    "ExportQuery",
    "HabilitationQuery",
    "HistoryQuery",
    "IdentitySearch",
    "InsCheck",
    "InsiSearch",
    "JournalFile",
    "JournalQuery",
    "KeySet",
    "LotQuery",
    "MarkClearance",
    "MatchQuery",
    "NewAccess",
    "NewCareRole",
    "NewClosure",
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
    "SignedHead",
    "TreeProof",
    "Verification",
]
