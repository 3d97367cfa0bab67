"""Templates, code systems and codes of the CDA documents of prescription and dispensation.

Source: ANS, CI-SIS, volets eP-MED-DM 2024.01 and eDISP-MED 2024.01, and the examples that go with them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from eprescription.domain.content import LineKind

CI_SIS: Final = "1.2.250.1.213.1.1.1.1"
HL7_FRANCE: Final = "2.16.840.1.113883.2.8.2.1"
PCC_DOCUMENT: Final = "1.3.6.1.4.1.19376.1.5.3.1.1.1"
PHARM_PRE: Final = "1.3.6.1.4.1.19376.1.9.1.1.1"
PHARM_DIS: Final = "1.3.6.1.4.1.19376.1.9.1.1.3"
PRESCRIPTION: Final = "1.2.250.1.213.1.1.1.39"
DISPENSATION: Final = "1.2.250.1.213.1.1.1.54"
VERSION: Final = "2024.01"
# Another version may say the same thing with another element: what is not known is not guessed at.
VERSIONS_READ: Final = frozenset({"2022.01", "2023.01", "2024.01"})
PRESCRIPTION_TYPE: Final = ("57833-6", "Prescription de produits de santé")
DISPENSATION_TYPE: Final = ("60593-1", "Dispensation médicamenteuse")

LOINC: Final = "2.16.840.1.113883.6.1"
TA_ASIP: Final = "1.2.250.1.213.1.1.4.322"
# Number of the national e-prescription (EPU).
NUMBERS: Final = "1.2.250.1.215.500.1.1"
PROFESSIONALS: Final = "1.2.250.1.71.4.2.1"
STRUCTURES: Final = "1.2.250.1.71.4.2.2"
SPECIALITIES: Final = "1.2.250.1.213.1.1.4.5"
PRACTICES: Final = "1.2.250.1.213.1.1.4.9"
SECTORS: Final = "1.2.250.1.71.4.2.4"
CONFIDENTIALITY: Final = "2.16.840.1.113883.5.25"
GENDERS: Final = "2.16.840.1.113883.5.1"
ACTS: Final = "2.16.840.1.113883.5.4"
IHE_ACTS: Final = "1.3.6.1.4.1.19376.1.5.3.2"
CIS: Final = "1.2.250.1.213.2.3.1"
CIP: Final = "1.2.250.1.213.2.3.2"
MEDICABASE: Final = "1.2.250.1.213.2.59"
EDQM: Final = "0.4.0.127.0.16.1.1.2.1"
ATC: Final = "2.16.840.1.113883.6.73"
EMDN: Final = "1.2.250.1.213.2.68"
LPP: Final = "1.2.250.1.215.200.2.1"
UCUM: Final = "2.16.840.1.113883.6.8"
TIMING_EVENTS: Final = "2.16.840.1.113883.5.139"
SUBSTITUTION: Final = "2.16.840.1.113883.5.1070"
SNOMED: Final = "2.16.840.1.113883.6.96"
SYSTEM_NAMES: Final[Mapping[str, str]] = {
    LOINC: "LOINC",
    TA_ASIP: "TA_ASIP",
    CIS: "CIS",
    CIP: "CIP",
    MEDICABASE: "MV",
    EDQM: "EDQM",
    ATC: "ATC",
    EMDN: "EMDN",
    LPP: "LPP",
    UCUM: "UCUM",
    SUBSTITUTION: "HL7_substanceAdminSubstitution",
    SNOMED: "SNOMED CT",
}
# The ANSM publishes no OID for its codes of substances: this name goes in place of one.
ANSM_SUBSTANCES: Final = "ANSM"

# Of the whole prescription: the field of `Content`, code and label of TA_ASIP.
FLAGS: Final[Mapping[str, tuple[str, str]]] = {
    "bizone": ("MED-1096", "Prescription bizone"),
    "exception_medicines": ("MED-1097", "Prescription médicaments d'exception"),
    "secure": ("MED-1098", "Ordonnance sécurisée"),
    "large_equipment": ("MED-1132", "Prescription grand appareillage"),
    "at_home": ("MED-1094", "Exécution à domicile"),
    "urgent": ("MED-1095", "Exécution en urgence"),
    "military": ("MED-1159", "Affection militaire"),
}
# Of a line: the field of `Line`, code, label, last part of the template, and of the id in the narrative.
# In the official examples some comments say the opposite of the value; the narrative agrees with the value.
STATEMENTS: Final[Mapping[str, tuple[str, str, str, str]]] = {
    "ald": ("MED-574", "En rapport avec une ALD", "13", "ALD"),
    "work_accident": (
        "GEN-180",
        "En rapport avec un accident du travail ou une maladie professionnelle",
        "14",
        "ATMP",
    ),
    "prevention": ("GEN-295", "En rapport avec la prévention", "34", "prev"),
    "non_reimbursable": ("GEN-181", "Non remboursable", "15", "non-remb"),
    "off_label": ("GEN-179", "Hors Autorisation de Mise sur le Marché (AMM)", "12", "horsamm"),
}
STATEMENT: Final = ("1.3.6.1.4.1.19376.1.5.3.1.4.13", "1.2.250.1.213.1.1.3.48")
# Without a code of their own in the model: written in the narrative, under these ids, and read from there.
REMARKS: Final[Mapping[str, tuple[str, str]]] = {
    "renewal_forbidden": ("renouvellement-interdit", "Renouvellement interdit"),
    "early_renewal_allowed": ("renouvellement-anticipe", "Renouvellement anticipé autorisé"),
    "single_delivery": ("delivrance-unique", "Délivrance en une seule fois"),
    "overlap_allowed": ("chevauchement", "Chevauchement"),
}
PREFIXES: Final[Mapping[LineKind, str]] = {
    LineKind.MEDICINE: "med",
    LineKind.PREPARATION: "med",
    LineKind.DEVICE: "DM",
}
BOX: Final = "30009000"
# EDQM packagings that the examples use; another one is read as its code.
PACKAGINGS: Final[Mapping[str, str]] = {BOX: "Boîte", "30067000": "Tube", "30015500": "Récipient"}
# HL7 V3 TimingEvent; the other moments are those of FHIR, which have no OID.
V3_EVENTS: Final = frozenset("AC ACD ACM ACV C CD CM CV HS IC ICD ICM ICV PC PCD PCM PCV WAKE".split())
WEEKDAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")

# TRE_G15 and TRE_R02, the few labels that these documents need.
PROFESSIONS: Final[Mapping[str, str]] = {
    "10": "Médecin",
    "21": "Pharmacien",
    "26": "Audioprothésiste",
    "28": "Opticien-lunetier",
    "40": "Chirurgien-dentiste",
    "50": "Sage-femme",
    "60": "Infirmier",
    "69": "Infirmier psychiatrique",
    "70": "Masseur-kinésithérapeute",
    "80": "Pédicure-podologue",
    "91": "Orthophoniste",
    "92": "Orthoptiste",
}
SECTOR_NAMES: Final[Mapping[str, str]] = {
    "SA01": "Etablissement public de santé",
    "SA02": "Hôpital militaire du service de santé des armées",
    "SA03": "Etablissement privé PSPH",
    "SA04": "Etablissement privé non PSPH",
    "SA05": "Centre de santé",
    "SA07": "Cabinet individuel",
    "SA08": "Cabinet de groupe",
    "SA33": "Pharmacie d'officine",
}
HOSPITALS: Final = frozenset({"SA01", "SA02", "SA03", "SA04"})
OFFICE: Final = "SA07"
PHARMACY: Final = "SA33"

# Sections of the body, by their LOINC code.
SECTION_BARCODE: Final = "57723-9"
SECTION_MEDICINES: Final = "57828-6"
SECTION_DEVICES: Final = "46264-8"
SECTION_COMMENT: Final = "55112-7"
SECTION_VITAL_SIGNS: Final = "8716-3"
SECTION_PREGNANCY: Final = "10162-6"
SECTION_COPY: Final = "55108-5"
SECTION_DELIVERED: Final = "60590-7"
WEIGHT: Final = ("29463-7", "Poids (mesuré)")
HEIGHT: Final = ("8302-2", "Taille")
PREGNANT: Final = "77386006"
# Ids in the narrative of the comment.
COMMENT_ID, INITIAL_ID, INITIAL_DAY_ID = "commentaire", "prescription-initiale", "prescription-initiale-date"
INITIAL_HOSPITAL_ID: Final = "prescription-initiale-etablissement"
