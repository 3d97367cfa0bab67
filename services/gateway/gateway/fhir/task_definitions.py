"""OperationDefinitions of Task: the way of a prescription, after the German model."""

from __future__ import annotations

from .operations import INSTANCE, PARTS, TYPE, Operation, Parameter

BOTH = TYPE | INSTANCE
ANSWER = Parameter(
    "return",
    "1..1",
    "Bundle",
    "A collection: the Task, its requests in their order, other resources, then an OperationOutcome with what"
    " the rules say. What is handed out (access code, secret, receipt) is in Task.output.",
)
SECRET = Parameter("secret", "1..1", "string", "Of the hold, as $accept gave it; in the body alone.")
DECISION = Parameter(
    "decision", "0..*", PARTS, "To go on in spite of a warning: its code and the reason, as parts."
)
CREATE = Operation(
    "create",
    "Opens a draft and gives it its number",
    "A Bundle (collection) of MedicationRequests and DeviceRequests may be sent in place of Parameters, when"
    " nothing is to be said beside the lines. What the platform gives (groupIdentifier, end of validity)"
    " is not kept, and named in the answer.",
    TYPE,
    True,
    (
        Parameter("request", "1..*", "Resource", "A MedicationRequest or DeviceRequest: one line."),
        Parameter(
            "flag",
            "0..*",
            "code",
            "MED-1096 bizone, MED-1097 exception, MED-1098 secure, MED-1132 grand"
            " appareillage, MED-1094 at home, MED-1095 urgent, MED-1159 military.",
        ),
        Parameter("hospital", "0..1", "boolean", "Written in hospital, to be executed in town."),
        Parameter("pregnant", "0..1", "boolean", "The patient is pregnant."),
        Parameter("restricted", "0..1", "boolean", "Only prescriber, executor and the person may read it."),
        Parameter("weight", "0..1", "Quantity", "In kg."),
        Parameter("height", "0..1", "Quantity", "In cm."),
        Parameter("replacedPrescriber", "0..1", "Identifier", "8 + RPPS of whom a locum stands in for."),
        Parameter("namedPharmacy", "0..1", "Identifier", "Opioid substitution: Struct_IdNat."),
        Parameter("plannedDischarge", "0..1", "date", "After surgery (décret 2022-972)."),
        Parameter("initialReference", "0..1", "string", "The initial prescription that is renewed."),
        Parameter("initialWrittenOn", "0..1", "date", "Its date."),
        Parameter("initialByHospital", "0..1", "boolean", "It was made in hospital or by a specialist."),
        Parameter("comment", "0..1", "string", "Printed on the prescription."),
    ),
    (ANSWER,),
    resource="Task",
)
CHECK = Operation(
    "check",
    "What the rules say, before anything is written",
    "Without a body: of a draft, to its author; a warning is explained here, never in an error. With the"
    " secret and dispenses: of what the pharmacy is about to record, and what may be given today.",
    INSTANCE,
    False,
    (
        Parameter("secret", "0..1", "string", "Of the hold, for a pharmacy; in the body alone."),
        Parameter("dispense", "0..*", "MedicationDispense", "What would be recorded."),
    ),
    (ANSWER,),
    resource="Task",
)
ACTIVATE = Operation(
    "activate",
    "Signs a draft",
    "Rules of law, safety checks, signature, all or nothing; the Task becomes ready. The same call again"
    " gives the same answer. Without a signature the key service of the platform signs for the caller.",
    INSTANCE,
    True,
    (
        Parameter("signature", "0..1", "string", "Detached JWS (RFC 7797) of the caller's own key."),
        DECISION,
    ),
    (ANSWER,),
    resource="Task",
)
ACCEPT = Operation(
    "accept",
    "Takes a prescription for the caller's pharmacy",
    "By number and access code (QR code), by number and birth date (typed by hand), or by the text of the QR"
    " code. In the address a Task may be named by its number. The same call again gives the same secret. 409"
    " names the state that refuses; 410 when it was cancelled.",
    BOTH,
    True,
    (
        Parameter("number", "0..1", "string", "18 characters, the last one checks."),
        Parameter("ac", "0..1", "string", "Access code; in the body alone."),
        Parameter("birthDate", "0..1", "date", "Of the patient, in place of the access code."),
        Parameter("token", "0..1", "string", "Text of the QR code, in place of number and code."),
    ),
    (ANSWER,),
    resource="Task",
)
REJECT = Operation(
    "reject",
    "Gives the hold back",
    "What was recorded stays.",
    INSTANCE,
    True,
    (
        SECRET,
        Parameter(
            "reason",
            "1..1",
            "code",
            "patient-left, other-pharmacy-requested, product-missing, prescription-expired or error.",
        ),
    ),
    (ANSWER,),
    resource="Task",
)
DISPENSE = Operation(
    "dispense",
    "Records what was done about lines",
    "All or nothing, of one day. completed: delivered; declined: finally not delivered, with its reason. A"
    " line that the prescriber added by hand is a MedicationRequest contained in its dispense.",
    INSTANCE,
    True,
    (SECRET, Parameter("dispense", "1..*", "MedicationDispense", "What was done about one line."), DECISION),
    (ANSWER,),
    resource="Task",
)
CLOSE = Operation(
    "close",
    "Ends the visit with a receipt",
    "The receipt is a compact JWS of the platform. What remains of the prescription may be taken again.",
    INSTANCE,
    True,
    (SECRET,),
    (ANSWER,),
    resource="Task",
)
ABORT = Operation(
    "abort",
    "Cancels a prescription or some of its lines",
    "By its author; a draft is given up. The OperationOutcome says what became of each line, by the codes of"
    " NHS EPS (R-0001 to R-0010): a pharmacy that holds it is told when it records.",
    INSTANCE,
    True,
    (
        Parameter(
            "reason",
            "1..1",
            "code",
            "prescribing-error, clinical-contraindication, change-of-treatment,"
            " clinical-grounds, patient-request, pharmacist-request, death, patient-left or"
            " registered-elsewhere; or 0001 to 0009.",
        ),
        Parameter("line", "0..*", "string", "UUID of a line, or MedicationRequest/ and its id."),
        Parameter("comment", "0..1", "string", "Kept with the reason."),
    ),
    (ANSWER,),
    resource="Task",
)
OPERATIONS = {one.id: one for one in (CREATE, CHECK, ACTIVATE, ACCEPT, REJECT, DISPENSE, CLOSE, ABORT)}
