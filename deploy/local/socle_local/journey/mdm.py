"""`python -m socle_local.journey.mdm`: an MDM message about the patient of the demonstration, printed.

For who tries the HL7 v2 door by hand; the document is the fictitious report of the demonstration.
"""

from __future__ import annotations

import argparse
import base64
import sys
from datetime import UTC, datetime

from socle_local.personas import DOCTOR, PATIENT

from .documents import ClinicalDocument, Patient, consultation_report

ORDERS = {"T02": "NW", "T10": "RO", "T04": "CA"}
FLAGS = (
    "MASQUE_PS",
    "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX",
    "CONNEXION_SECRETE",
    "MODIF_CONF_CODE",
    "DESTDMP",
)
LONGEST_CONTROL_ID = 20


def message(
    event: str, document: ClinicalDocument, patient: Patient, raised: frozenset[str], parent: str = ""
) -> str:
    """The message of a trigger (T02, T10, T04) with the flags raised; segments ended by CR."""
    oid = document.unique_id.removeprefix("urn:oid:")
    now = datetime.now(UTC).strftime("%Y%m%d%H%M%S+0000")
    code = f"{document.type_code}^{document.type_label}^LN"
    number = f"{patient.matricule}^^^ASIP-SANTE-INS-NIR&{patient.oid}&ISO^INS"
    name = f"{patient.birth_name}^{patient.first_names[0]}^{' '.join(patient.first_names)}^^^^L"
    born, sex = patient.birth_date.replace("-", ""), {"female": "F", "male": "M"}[patient.sex]
    author = f"{DOCTOR.id_nat}^{DOCTOR.family_name}^{DOCTOR.given_name}"
    control = f"{event}{oid}"[-LONGEST_CONTROL_ID:]
    content = base64.b64encode(document.content).decode()
    segments = [
        f"MSH|^~\\&|DEMO|HOPITAL|DMP|SOCLE|{now}||MDM^{event}^MDM_T02|{control}|P|2.6|||||FRA|UNICODE UTF-8",
        f"EVN||{now}",
        f"PID|||{number}||{name}||{born}|{sex}|||^^^^^^BDL^^{patient.birth_place}{'|' * 21}VALI",
        "PV1|1|O",
        f"ORC|{ORDERS[event]}",
        f"OBR|1|||{code}",
        f"TXA|1|{document.type_code}|TEXT|{now}||||||||{oid}|{parent}||||AU",
        f"OBX|1|ED|{code}||^text^XML^Base64^{content}||||||F",
        f"PRT||UC||SB^^participation|{author}|||{DOCTOR.structure.name}",
    ]
    segments += [f"OBX||CWE|{flag}^^MetaDMPMSS||{'Y' if flag in raised else 'N'}||||||F" for flag in FLAGS]
    return "".join(f"{segment}\r" for segment in segments)


def main() -> None:
    """Writes a T02; the other triggers are made of it, by changing its fields."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--raise", dest="raised", action="append", default=[], choices=FLAGS, help="a flag to raise"
    )
    asked = parser.parse_args()
    patient = Patient.seeded(PATIENT.number)
    report = consultation_report(patient, datetime.now(UTC))
    sys.stdout.write(message("T02", report, patient, frozenset({"DESTDMP", *asked.raised})))


if __name__ == "__main__":
    main()
