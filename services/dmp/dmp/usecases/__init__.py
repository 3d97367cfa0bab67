"""One function per intention: load, allow, decide, save, audit, emit."""

from .accesses import block_professional, grant_access, list_accesses, revoke_access, unblock_professional
from .deposits import Deposited, submit_documents
from .documents import (
    list_readable_documents,
    mask_document,
    read_document,
    retrieve_document,
    unmask_document,
)
from .identities import follow_downgraded, follow_qualified
from .journal import list_journal
from .records import get_record, open_record

__all__ = [
    "Deposited",
    "block_professional",
    "follow_downgraded",
    "follow_qualified",
    "get_record",
    "grant_access",
    "list_accesses",
    "list_journal",
    "list_readable_documents",
    "mask_document",
    "open_record",
    "read_document",
    "retrieve_document",
    "revoke_access",
    "submit_documents",
    "unblock_professional",
    "unmask_document",
]
