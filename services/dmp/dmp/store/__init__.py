"""Tables and named queries, one module a subject: rows in, dataclasses out."""

from collections.abc import Mapping

from chassis.errors import SocleError
from dmp.domain import (
    AccessChangedMeanwhile,
    DepositedMeanwhile,
    DocumentChangedMeanwhile,
    DocumentReplacedMeanwhile,
)

from .access import (
    end_authorisation,
    end_block,
    find_authorisation,
    find_authorisation_of,
    find_block,
    find_relation,
    insert_authorisation,
    insert_block,
    is_qualified,
    list_authorisations,
    list_blocks,
    lock_relation,
    save_identity,
)
from .documents import find_document, save_document
from .records import insert_record
from .tables import METADATA

CONSTRAINTS: Mapping[str, type[SocleError]] = {
    "uq_document_person_id_unique_id": DepositedMeanwhile,
    "uq_lot_person_id_unique_id": DepositedMeanwhile,
    # Two versions of one document under the same number: each was made without knowing of the other.
    "pk_document_version": DocumentChangedMeanwhile,
    "uq_association_replaced_once": DocumentReplacedMeanwhile,
    "uq_authorisation_running": AccessChangedMeanwhile,
    "uq_block_running": AccessChangedMeanwhile,
    "uq_care_role_running": AccessChangedMeanwhile,
    "uq_care_role_one_medecin_traitant": AccessChangedMeanwhile,
}

__all__ = [
    "CONSTRAINTS",
    "METADATA",
    "end_authorisation",
    "end_block",
    "find_authorisation",
    "find_authorisation_of",
    "find_block",
    "find_document",
    "find_relation",
    "insert_authorisation",
    "insert_block",
    "insert_record",
    "is_qualified",
    "list_authorisations",
    "list_blocks",
    "lock_relation",
    "save_document",
    "save_identity",
]
