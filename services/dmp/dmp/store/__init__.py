"""Tables and named queries: rows in, dataclasses out."""

from collections.abc import Mapping

from chassis.errors import SocleError
from dmp.domain import AccessChangedMeanwhile, DepositedMeanwhile

from .access import (
    end_authorisation,
    end_block,
    find_authorisation,
    find_authorisation_of,
    find_block,
    find_relation,
    get_record,
    insert_authorisation,
    insert_block,
    insert_record,
    is_qualified,
    list_authorisations,
    list_blocks,
    lock_relation,
    save_identity,
)
from .documents import (
    Destination,
    Found,
    find_destination,
    find_document,
    get_content,
    insert_lot,
    list_hidden,
    list_readable,
    lock_document,
    save_document,
)
from .tables import METADATA

CONSTRAINTS: Mapping[str, type[SocleError]] = {
    "uq_document_person_id_unique_id": DepositedMeanwhile,
    "uq_lot_person_id_unique_id": DepositedMeanwhile,
    "uq_authorisation_running": AccessChangedMeanwhile,
    "uq_block_running": AccessChangedMeanwhile,
}

__all__ = [
    "CONSTRAINTS",
    "METADATA",
    "Destination",
    "Found",
    "end_authorisation",
    "end_block",
    "find_authorisation",
    "find_authorisation_of",
    "find_block",
    "find_destination",
    "find_document",
    "find_relation",
    "get_content",
    "get_record",
    "insert_authorisation",
    "insert_block",
    "insert_lot",
    "insert_record",
    "is_qualified",
    "list_authorisations",
    "list_blocks",
    "list_hidden",
    "list_readable",
    "lock_document",
    "lock_relation",
    "save_document",
    "save_identity",
]
