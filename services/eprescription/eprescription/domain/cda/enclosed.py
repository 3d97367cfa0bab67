"""What the document of a prescription encloses: a copy of the paper and the image of its number.

Neither opens the prescription. The code of the paper holds a secret that lets any pharmacy claim it; a copy
in a shared record is read by many, so its two-dimensional code says the number alone (LOINC 57723-9), with
which a pharmacy must give the birth date as well.
"""

from __future__ import annotations

from eprescription.domain import symbol
from eprescription.domain.paper import sheet
from eprescription.domain.prescriptions import Prescription

from .errors import NothingToTell
from .patient import Patient
from .write_prescription import Copy


def copy_of(prescription: Prescription, patient: Patient) -> Copy:
    """Dated of the signature, so that it is the same each time. Raises NothingToTell for a draft."""
    if prescription.signed_at is None:
        raise NothingToTell
    pdf = sheet.draw(prescription, patient, prescription.number, prescription.signed_at)
    return Copy(pdf, symbol.png(prescription.number))
