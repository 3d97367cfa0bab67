"""The tables, and what PostgreSQL itself forbids."""

from .common import METADATA
from .exchange import PAM_MESSAGE
from .identities import IDENTITY_CHANGE, IDENTITY_KEY, LOCAL_IDENTITY
from .insi import INSI_CALL, VERIFICATION_LINE, VERIFICATION_LOT
from .registry import BENEFICIARY, INS_NUMBER, PERSON
from .vigilance import MERGE, VIGILANCE_CASE

__all__ = [
    "BENEFICIARY",
    "IDENTITY_CHANGE",
    "IDENTITY_KEY",
    "INSI_CALL",
    "INS_NUMBER",
    "LOCAL_IDENTITY",
    "MERGE",
    "METADATA",
    "PAM_MESSAGE",
    "PERSON",
    "VERIFICATION_LINE",
    "VERIFICATION_LOT",
    "VIGILANCE_CASE",
]
