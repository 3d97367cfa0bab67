"""Closed code lists a deposit is checked against.

Source: ANS, Nomenclatures des objets de santé, ASS_X04 (type to class, February 2024), JDV_J57 (classes of
the DMP), JDV_J07 (types, September 2024). Retyped; a newer release replaces the tables, no code changes.
"""

from __future__ import annotations

CLASSES: dict[str, str] = {
    "10": "Compte rendu",
    "11": "Synthèse",
    "31": "Imagerie médicale",
    "42": "Prescription",
    "43": "Dispensation",
    "44": "Plan de soins, protocole de soins",
    "45": "Traitement administré",
    "52": "Certificat, déclaration",
    "60": "Données de remboursement",
    "90": "Documents déposés par le patient",
    "95": "Document de gestion",
}
CLASS_SYSTEM = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"

_TYPES_OF_CLASS: dict[str, str] = {
    "10": """
        10213-7 11488-4 11490-0 11493-4 11502-2 11505-5 11506-3 11526-1 11528-7 15507-7 15508-5 24611-6
        27899-4 28653-4 29274-8 29554-3 34112-3 34749-2 34794-8 34874-8 34875-5 39256-3 46241-6 47420-5
        51969-4 59283-2 60568-3 67851-6 70004-7 75482-0 75492-9 75496-0 75497-8 77436-4 78513-9 78601-2
        83981-1 85208-7 93024-8 96349-6 BIL_AUTO DOCPAT03 DOCPAT05 DOCPAT06
    """,
    "11": """
        18761-7 34133-9 34842-5 56445-0 57055-6 57057-2 57075-4 60591-5 68599-0 68817-6 74207-2 78489-2
        80820-4 83836-7 83901-9 88348-8 89235-6 DOCPAT01 DOCPAT08 EXPORT_DUI SYNTH
    """,
    "31": "18748-4 52040-3 DOCPAT04 IMG-KOS",
    "42": """
        29551-9 52063-5 52521-2 55115-0 57828-6 57832-8 57833-6 61357-0 75468-9 DOCPAT02 PRESC-AAT PRESC-BIO
        PRESC-INF PRESC-KINE PRESC-ORTHOPHO PRESC-ORTHOPTIE PRESC-PEDI
    """,
    "43": "29550-1 60593-1 DISP_AUT",
    "44": "18776-5 77604-7 80771-9 80788-3 83869-8 PROT_ALD",
    "45": "80565-5",
    "52": "11369-6 87273-9 89601-9 96173-0 96874-3 CERT_DECL DOCPAT07",
    "60": "REMB",
    "90": "74465-6 DOCPAT10 EXPPAT_1 EXPPAT_2 EXPPAT_3",
    "95": """
        51851-4 56446-8 59284-0 86531-1 ATTEST-ASS-COMPL ATTEST-DROITS-AM ATTEST-HEBGT ATTEST-RESID
        AUTORIS-SOINS CONTACTS-URGENCE DOCPAT09 FICHE-CONTACTS PIECE-IDENTITE
    """,
    # Two pairs of X04 are parts of a deposit, never documents of a record: style sheet, XAdES signature.
    "99": "FEUILLE-DE-STYLE",
    "urn:oid:1.3.6.1.4.1.19376.1.2.1.1.1": "E1762",
}
X04: dict[str, str] = {code: cls for cls, codes in _TYPES_OF_CLASS.items() for code in codes.split()}

# Types of JDV_J07 that X04 does not know yet; our own reading of their labels until a newer X04 is published.
NOT_YET_IN_X04: dict[str, str] = {
    "28617-9": "11",
    "34120-6": "11",
    "60280-5": "11",
    "78341-5": "11",
    "89233-1": "10",
    "101881-1": "52",
}

# In X04 but gone from JDV_J07: records hold documents of these types, new deposits may not use them.
RETIRED: frozenset[str] = frozenset(
    """
    10213-7 11493-4 11526-1 11528-7 24611-6 27899-4 29550-1 29551-9 29554-3 39256-3 46241-6 52063-5 52521-2
    75497-8 CONTACTS-URGENCE DOCPAT10
    """.split()
)

# Formats that say what a body is when it has no structure (JDV_J10): alone, or within a CDA of level 1.
PLAIN_FORMATS: dict[str, str] = {
    "urn:ihe:iti:xds-sd:pdf:2008": "application/pdf",
    "urn:ihe:iti:xds-sd:text:2008": "text/plain",
    "urn:ihe:iti-fr:xds-sd:jpeg:2010": "image/jpeg",
    "urn:ihe:iti-fr:xds-sd:rtf:2010": "text/rtf",
    "urn:ihe:iti-fr:xds-sd:tiff:2010": "image/tiff",
}


def class_of(type_code: str) -> str | None:
    """Class that a document of this type belongs to; None when a deposit may not use the type."""
    found = X04.get(type_code) or NOT_YET_IN_X04.get(type_code)
    return found if found in CLASSES and type_code not in RETIRED else None
