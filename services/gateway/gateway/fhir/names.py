"""Systems, profiles and extensions of FR Core, PDSm, MHD and the NOS, retyped from the published guides."""

FHIR_JSON = "application/fhir+json"
FHIR_XML = "application/fhir+xml"

# FR Core 2.1 (hl7.fr) and FHIR core.
FR_CORE = "https://hl7.fr/ig/fhir/core"
FR_PATIENT = f"{FR_CORE}/StructureDefinition/fr-core-patient"
FR_PATIENT_INS = f"{FR_CORE}/StructureDefinition/fr-core-patient-ins"
FR_RELIABILITY = f"{FR_CORE}/StructureDefinition/fr-core-identity-reliability"
FR_BIRTH_GIVEN_NAMES = f"{FR_CORE}/StructureDefinition/fr-core-patient-birth-list-given-name"
FR_INSEE_CODE = f"{FR_CORE}/StructureDefinition/fr-core-address-insee-code"
# Of a status: FR Core 2.1 and 2.2 (table 0445 of HL7 v2), then the statuses of the RNIV themselves.
FR_STATUS = f"{FR_CORE}/CodeSystem/fr-core-cs-v2-0445"
FR_RNIV_STATUS = f"{FR_CORE}/CodeSystem/fr-core-cs-identity-status"
FR_STATUS_COMMENT = f"{FR_CORE}/CodeSystem/fr-core-cs-identity-status-comment"
FR_COLLECTION = f"{FR_CORE}/CodeSystem/fr-core-cs-method-collection"
FR_VALIDATION_MODE = f"{FR_CORE}/CodeSystem/fr-core-cs-mode-validation-identity"
FR_IDENTIFIER_TYPE = f"{FR_CORE}/CodeSystem/fr-core-cs-v2-0203"
BIRTH_PLACE = "http://hl7.org/fhir/StructureDefinition/patient-birthPlace"
COMMUNE = "https://mos.esante.gouv.fr/NOS/TRE_R13-CommuneOM/FHIR/TRE-R13-CommuneOM"
IDENTIFIER_TYPE = "http://terminology.hl7.org/CodeSystem/v2-0203"

# Authorities of the INS; a code of FR_IDENTIFIER_TYPE tells them apart from a billing number.
INS_TYPES = {
    "1.2.250.1.213.1.4.8": "INS-NIR",
    "1.2.250.1.213.1.4.9": "INS-NIA",
    "1.2.250.1.213.1.4.10": "INS-NIR-TEST",
    "1.2.250.1.213.1.4.11": "INS-NIR-DEMO",
}
PROFESSIONALS = "urn:oid:1.2.250.1.71.4.2.1"
STRUCTURES = "urn:oid:1.2.250.1.71.4.2.2"
URI = "urn:ietf:rfc:3986"
OID = "urn:oid:"
# A number under which care is billed has the authority of the NIR, as an INS has: only its type tells.
BILLING_OID = "1.2.250.1.213.1.4.8"
BILLING, IPP = "NH", "PI"
# The platform's own name spaces: the numbers a structure gives its patients, and the opaque person.
IPP_PREFIX = "urn:x-socle:ipp:"
PERSON = "urn:x-socle:person"
# Of one candidate of $match: how sure it is (FHIR core), and which fields say so (ours).
MATCH_GRADE = "http://hl7.org/fhir/StructureDefinition/match-grade"
MATCH_REASON = "urn:x-socle:match-reason"

# PDSm (ANS) and MHD (IHE).
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm"
PDSM_DOCUMENT = f"{PDSM}/StructureDefinition/pdsm-comprehensive-document-reference"
PDSM_SIMPLIFIED = f"{PDSM}/StructureDefinition/pdsm-simplified-publish"
PDSM_LOT = f"{PDSM}/StructureDefinition/pdsm-submissionset-comprehensive"
PDSM_FOLDER = f"{PDSM}/StructureDefinition/pdsm-folder-comprehensive"
IS_ARCHIVED = f"{PDSM}/StructureDefinition/pdsm-ext-is-archived"
PDSM_RECIPIENT = f"{PDSM}/StructureDefinition/pdsm-ext-intended-recipient"
MHD = "https://profiles.ihe.net/ITI/MHD"
MHD_LIST_TYPES = f"{MHD}/CodeSystem/MHDlistTypes"
DESIGNATION_TYPE = f"{MHD}/StructureDefinition/ihe-designationType"
SOURCE_ID = f"{MHD}/StructureDefinition/ihe-sourceId"
AUTHOR_ORGANISATION = f"{MHD}/StructureDefinition/ihe-authorOrg"
MHD_RECIPIENT = f"{MHD}/StructureDefinition/ihe-intendedRecipient"
FORMAT = "http://ihe.net/fhir/ihe.formatcode.fhir/CodeSystem/formatcode"

# Document codes (NOS, LOINC) and confidentiality (JDV_J08).
LOINC = "http://loinc.org"
DOCUMENT_TYPE = (
    "https://mos.esante.gouv.fr/NOS/TRE_A05-TypeDocComplementaire/FHIR/TRE-A05-TypeDocComplementaire"
)
DOCUMENT_CLASS = "https://mos.esante.gouv.fr/NOS/TRE_A03-ClasseDocument/FHIR/TRE-A03-ClasseDocument"
CONFIDENTIALITY = "http://terminology.hl7.org/CodeSystem/v3-Confidentiality"
VISIBILITY = (
    "https://mos.esante.gouv.fr/NOS/TRE_A07-StatusVisibiliteDocument/FHIR/TRE-A07-StatusVisibiliteDocument"
)
LEVELS = {"N": "Normal", "R": "Restreint", "V": "Très restreint"}
FLAGS = {
    "MASQUE_PS": "Masqué aux professionnels de santé",
    "INVISIBLE_PATIENT": "Non visible par le patient",
    "INVISIBLE_REPRESENTANTS_LEGAUX": "Non visible par les représentants légaux du patient",
}

# Prescriptions: the CDA eP-MED-DM_2024.01 and the draft FHIR guide of the ANS (e-prescription 0.1.0).
PRESCRIPTION_NUMBER = "urn:oid:1.2.250.1.215.500.1.1"
ANSM = "http://data.esante.gouv.fr/ansm/medicament"
CIS, CIP = f"{ANSM}/SpecialitePharmaceutique", f"{ANSM}/Presentation"
SUBSTANCE = f"{ANSM}/substance"
MEDICABASE = "urn:oid:1.2.250.1.213.2.59"
ATC = "http://www.whocc.no/atc"
EDQM, UCUM = "http://standardterms.edqm.eu", "http://unitsofmeasure.org"
# EDQM: box (packaging).
BOX = "30009000"
EMDN, LPP = "urn:oid:1.2.250.1.213.2.68", "urn:oid:1.2.250.1.215.200.2.1"
TA_ASIP = "urn:oid:1.2.250.1.213.1.1.4.322"
SUBSTITUTION = "http://terminology.hl7.org/CodeSystem/v3-substanceAdminSubstitution"
RENDERED = "http://hl7.org/fhir/5.0/StructureDefinition/extension-MedicationRequest.renderedDosageInstruction"
# The base of every extension of the platform's own: docs/how-to/prescribe-and-dispense-by-fhir.md lists them.
EXTENSION = "urn:x-socle:extension:"
# Code systems of the platform's own.
NON_SUBSTITUTION = "urn:x-socle:non-substitution"
STATUS_REASON = "urn:x-socle:prescription-status-reason"
PRESCRIPTION_STATE = "urn:x-socle:prescription-state"
NOT_DELIVERED = "urn:x-socle:not-delivered-reason"
CANCEL_REASON, CANCEL_OUTCOME = "urn:x-socle:cancel-reason", "urn:x-socle:cancel-outcome"
TASK_INPUT, TASK_OUTPUT = "urn:x-socle:task-input", "urn:x-socle:task-output"
TASK_CODE = "urn:x-socle:task-code"
PARAMETER = "urn:x-socle:device-parameter"
RULE, FINDING, SEVERITY = "urn:x-socle:rule", "urn:x-socle:finding", "urn:x-socle:finding-severity"
