"""One function per intention: load, allow, decide, save, audit, emit."""

from .accesses import block_professional, grant_access, list_accesses, revoke_access, unblock_professional
from .changes import change_document
from .deposits import Deposited, submit_documents
from .documents import list_readable_documents, read_document, retrieve_document
from .identities import follow_downgraded, follow_qualified
from .journal import list_journal
from .records import get_record, open_record

__all__ = [
    "Deposited",
    "block_professional",
    "change_document",
    "follow_downgraded",
    "follow_qualified",
    "get_record",
    "grant_access",
    "list_accesses",
    "list_journal",
    "list_readable_documents",
    "open_record",
    "read_document",
    "retrieve_document",
    "revoke_access",
    "submit_documents",
    "unblock_professional",
]
