"""Tables and named queries, one module a subject; import the modules by their names."""

from collections.abc import Mapping

from chassis.errors import SocleError
from eprescription.domain.errors import (
    AllergyKnownAlready,
    BeyondWhatWasPrescribed,
    ChangedMeanwhile,
    ClosedAlready,
    HeldByAnotherPharmacy,
    LineClosed,
    LineTaken,
    NotHeldByYou,
    NumberTaken,
    PaperRecordedAlready,
    PrescriptionFinal,
    RenewedAlready,
    SignedAlready,
    UndoneAlready,
)

from . import medicine_tables
from .tables import METADATA

__all__ = ["CONSTRAINTS", "METADATA", "medicine_tables"]

# What PostgreSQL refuses, in words.
CONSTRAINTS: Mapping[str, type[SocleError]] = {
    "uq_prescription_number": NumberTaken,
    "pk_line": LineTaken,
    "uq_line_rank": ChangedMeanwhile,
    # The draft was changed, given up or signed between its examination and its signature.
    "ck_line_signed": ChangedMeanwhile,
    "uq_sending_object_id": ChangedMeanwhile,
    "ck_prescription_signed_once": SignedAlready,
    "ck_prescription_final": PrescriptionFinal,
    "uq_prescription_one_renewal": RenewedAlready,
    "ck_line_never_beyond": BeyondWhatWasPrescribed,
    "uq_claim_one_pharmacy": HeldByAnotherPharmacy,
    "ck_intervention_held": NotHeldByYou,
    "ck_intervention_line_open": LineClosed,
    "uq_intervention_undone_once": UndoneAlready,
    "uq_intervention_paper": PaperRecordedAlready,
    "uq_dispensing_claim_id": ClosedAlready,
    "uq_allergy_known": AllergyKnownAlready,
}
