"""The addresses of eprescription, what is sent to each, and the message that must come of it."""

from __future__ import annotations

import base64
from typing import Any

from .conftest import INS, PERSON

ID = "01900000-0000-7000-8000-00000000e0a1"
LINE = "01900000-0000-7000-8000-00000000e0a2"
HOLD = "4XN7-of-the-hold"
ACT_ID = "01900000-0000-7000-8000-00000000e0a3"
HERE = f"/v1/prescriptions/{ID}"
THERE = f"/v1/dispensings/{ID}"
OF_PERSON = {"ins": {"matricule": INS.matricule, "oid": INS.oid}}
CONTENT = {
    "lines": [
        {
            "product": {"dci": "paracétamol 500 mg comprimé", "substances": [{"name": "PARACÉTAMOL"}]},
            "posology": {"doses": [{"quantity": "1", "frequency": 3, "period": "1", "period_unit": "d"}]},
            "duration_days": 5,
            "quantity": {"value": "1", "unit": "box"},
            "non_substitution": "mte",
        }
    ],
    "bizone": True,
}
WRITTEN = {
    "lines": [
        {
            "kind": "LINE_KIND_MEDICINE",
            "product": {"dci": "paracétamol 500 mg comprimé", "substances": [{"name": "PARACÉTAMOL"}]},
            "posology": {"doses": [{"quantity": "1", "frequency": 3, "period": "1", "periodUnit": "d"}]},
            "durationDays": 5,
            "quantity": {"value": "1", "unit": "COUNT_UNIT_BOX"},
            "nonSubstitution": "NON_SUBSTITUTION_MTE",
        }
    ],
    "bizone": True,
}
ACT = {"line_id": LINE, "kind": "as_prescribed", "cip13": "3400990000010", "packs": "1"}
DONE = {
    "lineId": LINE,
    "kind": "INTERVENTION_KIND_AS_PRESCRIBED",
    "cip13": "3400990000010",
    "packs": "1",
}
DECISION = {"code": "I1:a+b", "reason": "bénéfice supérieur"}
JWK = {"kty": "EC", "crv": "P-256", "x": "x" * 43, "y": "y" * 43}
JWK_TEXT = f'{{"kty":"EC","crv":"P-256","x":"{"x" * 43}","y":"{"y" * 43}"}}'
KEY = "thumbprint"
PRESCRIPTIONS: dict[str, tuple[str, str, Any, str, dict[str, Any]]] = {
    "create": (
        "POST",
        "/v1/prescriptions",
        {**OF_PERSON, "content": CONTENT},
        "CreatePrescription",
        {"personId": PERSON, "content": WRITTEN},
    ),
    "list": (
        "GET",
        f"/v1/prescriptions?person_id={PERSON}&state=active&state=in_dispense&size=7",
        None,
        "ListPrescriptions",
        {
            "personId": PERSON,
            "states": ["PRESCRIPTION_STATE_ACTIVE", "PRESCRIPTION_STATE_IN_DISPENSE"],
            "page": {"size": 7},
        },
    ),
    "search": (
        "POST",
        "/v1/prescriptions/search",
        {**OF_PERSON, "page": {"size": 3}},
        "ListPrescriptions",
        {"personId": PERSON, "page": {"size": 3}},
    ),
    "mine": ("GET", "/v1/prescriptions/mine", None, "ListMyPrescriptions", {"page": {}}),
    "number": (
        "POST",
        "/v1/prescriptions/by-number",
        {"number": "7K3M"},
        "GetPrescription",
        {"number": "7K3M"},
    ),
    "read": ("GET", HERE, None, "GetPrescription", {"prescriptionId": ID}),
    "change": (
        "PUT",
        HERE,
        {"version": 2, "content": CONTENT},
        "ChangePrescription",
        {"prescriptionId": ID, "version": 2, "content": WRITTEN},
    ),
    "discard": ("DELETE", HERE, None, "DiscardPrescription", {"prescriptionId": ID}),
    "check": ("POST", f"{HERE}/check", None, "CheckPrescription", {"prescriptionId": ID}),
    "to sign": (
        "POST",
        f"{HERE}/signing-input",
        {"decisions": [DECISION]},
        "GetSigningInput",
        {"prescriptionId": ID, "decisions": [DECISION]},
    ),
    "sign": (
        "POST",
        f"{HERE}/signature",
        {"decisions": [DECISION], "signature": "a..b", "version": 3},
        "SignPrescription",
        {"prescriptionId": ID, "decisions": [DECISION], "signature": "a..b", "version": 3},
    ),
    "sign here": ("POST", f"{HERE}/signature", None, "SignPrescription", {"prescriptionId": ID}),
    "cancel": (
        "POST",
        f"{HERE}/cancellation",
        {"line_ids": [LINE], "reason": "change_of_treatment"},
        "CancelPrescription",
        {"prescriptionId": ID, "lineIds": [LINE], "reason": "CANCEL_REASON_CHANGE_OF_TREATMENT"},
    ),
    "paper": ("GET", f"{HERE}/paper", None, "GetPaper", {"prescriptionId": ID}),
    "token": ("GET", f"{HERE}/token", None, "GetToken", {"prescriptionId": ID}),
    "document": ("GET", f"{HERE}/document", None, "GetDocument", {"prescriptionId": ID}),
    "verify": ("GET", f"{HERE}/verification", None, "VerifySignature", {"prescriptionId": ID}),
    "journal": (
        "GET",
        f"{HERE}/journal?size=9",
        None,
        "ListPrescriptionJournal",
        {"prescriptionId": ID, "page": {"size": 9}},
    ),
    "read document": (
        "POST",
        "/v1/prescription-documents",
        {"cda": base64.b64encode(b"<a/>").decode()},
        "ReadDocument",
        {"cda": base64.b64encode(b"<a/>").decode()},
    ),
}
DISPENSING: dict[str, tuple[str, str, Any, str, dict[str, Any]]] = {
    "claim": (
        "POST",
        "/v1/dispensings/claims",
        {"number": "7K3M", "access_code": "R7QXK2MD"},
        "ClaimPrescription",
        {"number": "7K3M", "accessCode": "R7QXK2MD"},
    ),
    "extend": (
        "POST",
        f"{THERE}/extension",
        {"secret": HOLD},
        "ExtendClaim",
        {"prescriptionId": ID, "secret": HOLD},
    ),
    "release": (
        "POST",
        f"{THERE}/release",
        {"secret": HOLD, "reason": "patient_left"},
        "ReleasePrescription",
        {"prescriptionId": ID, "secret": HOLD, "reason": "RELEASE_REASON_PATIENT_LEFT"},
    ),
    "check": (
        "POST",
        f"{THERE}/check",
        {"secret": HOLD, "acts": [ACT]},
        "CheckDispensing",
        {"prescriptionId": ID, "secret": HOLD, "acts": [DONE]},
    ),
    "record": (
        "POST",
        f"{THERE}/interventions",
        {"secret": HOLD, "acts": [ACT], "decisions": [DECISION], "delivered_on": "2026-06-12"},
        "RecordDispensing",
        {
            "prescriptionId": ID,
            "secret": HOLD,
            "acts": [DONE],
            "decisions": [DECISION],
            "deliveredOn": "2026-06-12",
        },
    ),
    "undo": (
        "POST",
        f"{THERE}/interventions/{ACT_ID}/undoing",
        {"reason": "saisie deux fois"},
        "UndoIntervention",
        {"prescriptionId": ID, "interventionId": ACT_ID, "reason": "saisie deux fois"},
    ),
    "close": (
        "POST",
        f"{THERE}/closing",
        {"secret": HOLD},
        "CloseDispensing",
        {"prescriptionId": ID, "secret": HOLD},
    ),
    "renew": (
        "POST",
        "/v1/dispensings/exceptional-renewals",
        {"number": "7K3M", "access_code": "R7QXK2MD", "line_ids": [LINE], "reason": "traitement chronique"},
        "RenewExceptionally",
        {"number": "7K3M", "accessCode": "R7QXK2MD", "lineIds": [LINE], "reason": "traitement chronique"},
    ),
    "offline": (
        "POST",
        "/v1/dispensings/offline",
        {
            "number": "7K3M",
            "token": "SOCLE1:ABC",
            "acts": [ACT],
            "delivered_at": "2026-06-12T10:00:00Z",
            "paper_reference": "ORD-1",
        },
        "RecordOfflineDispensing",
        {
            "number": "7K3M",
            "token": "SOCLE1:ABC",
            "acts": [DONE],
            "deliveredAt": "2026-06-12T10:00:00Z",
            "paperReference": "ORD-1",
        },
    ),
    "duplicates": (
        "GET",
        f"/v1/dispensings/duplicates?prescription_id={ID}",
        None,
        "ListDuplicates",
        {"prescriptionId": ID, "page": {}},
    ),
    "history": (
        "GET",
        f"/v1/dispensings?person_id={PERSON}",
        None,
        "ListDispensings",
        {"personId": PERSON, "page": {}},
    ),
    "history by INS": (
        "POST",
        "/v1/dispensings/search",
        OF_PERSON,
        "ListDispensings",
        {"personId": PERSON},
    ),
    "oppose": (
        "PATCH",
        f"/v1/dispensings/oppositions/{PERSON}",
        {"history_opposed": True},
        "SetOpposition",
        {"personId": PERSON, "historyOpposed": True},
    ),
    "opposed": (
        "GET",
        f"/v1/dispensings/oppositions/{PERSON}",
        None,
        "GetOpposition",
        {"personId": PERSON},
    ),
    "document": (
        "GET",
        f"/v1/dispensing-documents/{ID}",
        None,
        "GetDispensingDocument",
        {"dispensingId": ID},
    ),
}
MEDICINES: dict[str, tuple[str, str, Any, str, dict[str, Any]]] = {
    "search": (
        "GET",
        "/v1/medicines?text=paracetmol&marketed_only=true&limit=5",
        None,
        "SearchMedicines",
        {"text": "paracetmol", "marketedOnly": True, "limit": 5},
    ),
    "read": ("GET", "/v1/medicines/60000018", None, "GetMedicine", {"cis": "60000018"}),
    "pack": (
        "GET",
        "/v1/medicines/packs/3400990000010",
        None,
        "GetMedicine",
        {"cip13": "3400990000010"},
    ),
    "imports": ("GET", "/v1/medicines/imports", None, "ListImports", {"page": {}}),
    "unknown": ("GET", "/v1/medicines/unknown-conditions", None, "ListUnknownConditions", {}),
}
SAFETY: dict[str, tuple[str, str, Any, str, dict[str, Any]]] = {
    "check": (
        "POST",
        "/v1/safety/products",
        {**OF_PERSON, "items": [{"cis": "60000018"}]},
        "CheckProducts",
        {"personId": PERSON, "items": [{"cis": "60000018"}]},
    ),
    "compare": (
        "POST",
        "/v1/safety/comparisons",
        {"items": [{"substances": [{"name": "A"}]}]},
        "CompareProducts",
        {"items": [{"substances": [{"name": "A"}]}]},
    ),
    "record": (
        "POST",
        "/v1/allergies",
        {"person_id": PERSON, "substance": {"name": "AMOXICILLINE"}},
        "RecordAllergy",
        {"personId": PERSON, "substance": {"name": "AMOXICILLINE"}},
    ),
    "withdraw": (
        "POST",
        f"/v1/allergies/{ID}/withdrawal",
        {**OF_PERSON, "reason": "erreur"},
        "WithdrawAllergy",
        {"personId": PERSON, "allergyId": ID, "reason": "erreur"},
    ),
    "list": ("GET", f"/v1/allergies?person_id={PERSON}", None, "ListAllergies", {"personId": PERSON}),
    "list by INS": ("POST", "/v1/allergies/search", OF_PERSON, "ListAllergies", {"personId": PERSON}),
}
KEYS: dict[str, tuple[str, str, Any, str, dict[str, Any]]] = {
    "challenge": (
        "POST",
        "/v1/signing-keys/challenge",
        {"jwk": JWK},
        "GetKeyChallenge",
        {"jwk": JWK_TEXT},
    ),
    "register": (
        "POST",
        "/v1/signing-keys",
        {"jwk": JWK, "proof": "a.b.c", "origin": "card"},
        "RegisterSigningKey",
        {"jwk": JWK_TEXT, "proof": "a.b.c", "origin": "card"},
    ),
    "list": ("GET", "/v1/signing-keys", None, "ListSigningKeys", {}),
    "revoke": (
        "POST",
        f"/v1/signing-keys/{KEY}/revocation",
        {"reason": "perdue"},
        "RevokeSigningKey",
        {"keyId": KEY, "reason": "perdue"},
    ),
    "of the platform": ("GET", "/.well-known/socle-prescription-keys", None, "GetPlatformKeys", {}),
}
SERVICES = {
    "prescriptions": PRESCRIPTIONS,
    "dispensing": DISPENSING,
    "medicines": MEDICINES,
    "safety": SAFETY,
    "signing_keys": KEYS,
}
