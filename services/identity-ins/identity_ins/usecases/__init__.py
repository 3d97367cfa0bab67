"""One function per intention, always the same beats: load, allow, decide, save, audit, emit."""

from .identities import (
    Correction,
    correct_traits,
    create_identity,
    get_identity,
    list_identities,
    list_identity_changes,
)
from .numbers import (
    ask_creation,
    ask_insi,
    ask_verification,
    record_ins_search,
    remove_ins,
    retrieve_ins,
    verify_ins,
)
from .persons import (
    compare_with_person,
    describe_person,
    get_person,
    get_standing,
    list_person_journal,
    resolve_person,
)
from .vouching import cancel_paper_check, check_identity_paper, clear_identity_mark, mark_identity

__all__ = [
    "Correction",
    "ask_creation",
    "ask_insi",
    "ask_verification",
    "cancel_paper_check",
    "check_identity_paper",
    "clear_identity_mark",
    "compare_with_person",
    "correct_traits",
    "create_identity",
    "describe_person",
    "get_identity",
    "get_person",
    "get_standing",
    "list_identities",
    "list_identity_changes",
    "list_person_journal",
    "mark_identity",
    "record_ins_search",
    "remove_ins",
    "resolve_person",
    "retrieve_ins",
    "verify_ins",
]
