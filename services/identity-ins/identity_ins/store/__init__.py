"""Rows in, values out: the only place that knows the tables."""

from chassis.errors import SocleError
from identity_ins.domain import IppAlreadyUsed

from .identities import (
    get_identity,
    insert_change,
    insert_identity,
    is_linked,
    is_qualified,
    lock_identity,
    save_identity,
)
from .lists import list_visible_identities
from .registry import find_holder, find_person_id, get_person, list_namesakes
from .tables import METADATA

CONSTRAINTS: dict[str, type[SocleError]] = {"uq_local_identity_ipp": IppAlreadyUsed}

__all__ = [
    "CONSTRAINTS",
    "METADATA",
    "find_holder",
    "find_person_id",
    "get_identity",
    "get_person",
    "insert_change",
    "insert_identity",
    "is_linked",
    "is_qualified",
    "list_namesakes",
    "list_visible_identities",
    "lock_identity",
    "save_identity",
]
