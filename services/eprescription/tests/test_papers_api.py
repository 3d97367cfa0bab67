"""Paper, QR code, bytes to sign and verification, through the server."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from hashlib import sha256
from io import BytesIO
from typing import Any

import pytest
import zxingcpp
from PIL import Image

from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import InvalidInput, NotFound, RuleViolated, SocleError, Unavailable
from chassis.testing import LocalIssuer, Served, call_as, callers, served
from eprescription.api.prescriptions import PrescriptionServicer
from eprescription.domain import body, signature, token
from eprescription.domain.cda.patient import Patient
from eprescription.domain.ids import PersonId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.signing_keys import Origin, SigningKey
from eprescription.domain.states import State
from eprescription.store import keys, prescriptions
from socle.eprescription.v1 import eprescription_pb2 as pb

from .given import COLLEAGUE, SECRETS, Registry, content, desk, draft, line, signed
from .keys_given import PATIENT, platform, professional_key
from .pdf_given import Pdf, squeezed
from .rpc_given import asked, refusal_of

KEYS, _ = platform()


@dataclass(slots=True)
class Traits(Registry):
    """identity-ins: describes one patient, and remembers for what it was asked."""

    asked: list[tuple[str, str, str]] = field(default_factory=list)
    closed: bool = False

    async def describe(self, person: PersonId, *about: object) -> Patient:
        paper, object_id, on_behalf_of, _ = about
        self.asked.append((str(paper), str(object_id), str(on_behalf_of)))
        if self.closed:
            raise Unavailable
        return PATIENT


@pytest.fixture
def traits() -> Traits:
    return Traits()


@pytest.fixture
async def service(database: Database, issuer: LocalIssuer, traits: Traits) -> AsyncIterator[Served]:
    laid = desk(database, platform=KEYS, identities=traits)
    async with served(PrescriptionServicer(laid), database, issuer) as running:
        yield running


async def kept(database: Database, **changes: Any) -> Prescription:
    async with database.begin(call_as(callers.doctor)) as tx:
        return await signed(tx, content(line()), **changes)


async def drafted(database: Database) -> Prescription:
    made = draft()
    async with database.begin(call_as(callers.doctor)) as tx:
        prescriptions.insert_prescription(tx, made)
    return made


async def altered(database: Database, statement: str, made: Prescription) -> None:
    async with database.pool.acquire() as connection, connection.transaction():
        await connection.execute("SET LOCAL session_replication_role = replica")
        await connection.execute(statement, made.id.value)


@pytest.mark.parametrize("caller", [callers.doctor, callers.citizen])
async def test_author_and_patient_get_the_paper_and_its_code(
    service: Served, database: Database, traits: Traits, caller: Caller
) -> None:
    made = await kept(database)
    printed = await asked(service, "GetPaper", pb.GetPaperRequest(prescription_id=made.id.value), caller)
    page = squeezed(Pdf(printed.pdf).pages()[0])
    assert "LAJOIE-ÉTERNEL" in page
    given = await asked(service, "GetToken", pb.GetTokenRequest(prescription_id=made.id.value), caller)
    read = token.read(given.token, KEYS.jwks())
    assert (read.number, read.body_sha256) == (made.number, sha256(made.body).digest())
    assert given.number == made.number
    assert read.access_code == given.access_code == SECRETS.access_code(made.id)
    (scanned,) = zxingcpp.read_barcodes(Image.open(BytesIO(given.png)))
    assert scanned.text == given.token
    author = callers.doctor.subject if caller is callers.doctor else ""
    assert traits.asked == [("prescription", made.id.value, author)] * 2


async def test_every_print_is_written_down_before_the_patient_is_asked_for(
    service: Served, database: Database, traits: Traits
) -> None:
    made = await kept(database)
    traits.closed = True
    request = pb.GetPaperRequest(prescription_id=made.id.value)
    assert isinstance(await refusal_of(service, "GetPaper", request, callers.doctor), Unavailable)
    async with database.pool.acquire() as connection:
        row = await connection.fetchrow(
            "SELECT action, subject, outcome FROM audit WHERE object_id = $1", made.id.value
        )
    assert row is not None
    assert tuple(row) == ("prescription.print", made.person.value, "permitted")


@pytest.mark.parametrize(
    "caller", [COLLEAGUE, callers.other_doctor, callers.pharmacist, callers.other_citizen]
)
async def test_for_anyone_else_there_is_no_such_paper(
    service: Served, database: Database, traits: Traits, caller: Caller
) -> None:
    made = await kept(database)
    for method, request in (("GetPaper", pb.GetPaperRequest), ("GetToken", pb.GetTokenRequest)):
        error = await refusal_of(service, method, request(prescription_id=made.id.value), caller)
        assert isinstance(error, NotFound)
    assert traits.asked == []


async def test_a_representative_prints_but_not_what_is_restricted(
    service: Served, database: Database
) -> None:
    parent = replace(callers.guardian, represents=frozenset({callers.citizen.person_id}))
    made = await kept(database)
    request = pb.GetPaperRequest(prescription_id=made.id.value)
    async with database.begin(call_as(callers.doctor)) as tx:
        secret = await signed(tx, content(restricted=True))
    # The token of the test issuer says whom they represent.
    assert (await asked(service, "GetPaper", request, parent)).pdf.startswith(b"%PDF")
    hidden = pb.GetPaperRequest(prescription_id=secret.id.value)
    assert isinstance(await refusal_of(service, "GetPaper", hidden, parent), NotFound)
    assert (await asked(service, "GetPaper", hidden, callers.citizen)).pdf.startswith(b"%PDF")


async def test_a_draft_has_no_paper(service: Served, database: Database) -> None:
    made = await drafted(database)
    request = pb.GetPaperRequest(prescription_id=made.id.value)
    error = await refusal_of(service, "GetPaper", request, callers.doctor)
    assert isinstance(error, RuleViolated)
    assert "draft" in error.sentence
    # For the patient it is not even there.
    assert isinstance(await refusal_of(service, "GetPaper", request, callers.citizen), NotFound)


@pytest.mark.parametrize("state", [State.CANCELLED, State.EXPIRED, State.COMPLETED])
async def test_what_may_no_longer_be_delivered_is_not_printed(
    service: Served, database: Database, state: State
) -> None:
    """A pharmacy without network would deliver it."""
    made = await kept(database, state=state)
    request = pb.GetTokenRequest(prescription_id=made.id.value)
    assert isinstance(await refusal_of(service, "GetToken", request, callers.doctor), RuleViolated)


async def test_the_platform_signs_no_code_over_what_was_altered(
    service: Served, database: Database, traits: Traits
) -> None:
    made = await kept(database)
    await altered(database, "UPDATE line SET authorised = 99 WHERE prescription_id = $1", made)
    request = pb.GetTokenRequest(prescription_id=made.id.value)
    error = await refusal_of(service, "GetToken", request, callers.doctor)
    assert error.reason == "SIGNATURE_BROKEN"
    assert traits.asked == []


async def verification(service: Served, made: Prescription, caller: Caller) -> pb.VerifySignatureResponse:
    request = pb.VerifySignatureRequest(prescription_id=made.id.value)
    answer: pb.VerifySignatureResponse = await asked(service, "VerifySignature", request, caller)
    return answer


async def test_whoever_reads_it_can_verify_it_by_themselves(service: Served, database: Database) -> None:
    made = await kept(database)
    answer = await verification(service, made, callers.citizen)
    assert (answer.valid, answer.problem, answer.signer) == (True, "", callers.doctor.subject)
    async with database.read() as tx:
        key = await keys.find_key(tx, answer.key_id)
    assert key is not None
    signature.verify(answer.signature, answer.payload, key.jwk)
    assert body.read(answer.payload).number == made.number


async def test_the_operator_learns_whether_it_holds_and_nothing_of_what_it_says(
    service: Served, database: Database
) -> None:
    made = await kept(database)
    answer = await verification(service, made, callers.operator)
    assert (answer.valid, answer.payload) == (True, b"")


async def test_an_altered_one_is_answered_with_what_differs(service: Served, database: Database) -> None:
    made = await kept(database)
    await altered(database, "UPDATE line SET authorised = 99 WHERE prescription_id = $1", made)
    answer = await verification(service, made, callers.auditor)
    assert (answer.valid, answer.signer) == (False, "")
    assert "signed.line.0.authorised" in answer.problem


async def decided(service: Served, made: Prescription) -> list[pb.Decision]:
    """A decision about every warning of the draft."""
    request = pb.CheckPrescriptionRequest(prescription_id=made.id.value)
    answer = await asked(service, "CheckPrescription", request, callers.doctor)
    warnings = [one for one in answer.findings if one.severity == pb.SEVERITY_WARNING]
    return [pb.Decision(code=one.code, reason="vu avec le patient") for one in warnings]


async def input_of(service: Served, made: Prescription) -> pb.GetSigningInputResponse:
    decisions = await decided(service, made)
    request = pb.GetSigningInputRequest(prescription_id=made.id.value, decisions=decisions)
    answer: pb.GetSigningInputResponse = await asked(service, "GetSigningInput", request, callers.doctor)
    return answer


async def sign_request(service: Served, made: Prescription, given: str) -> pb.SignPrescriptionRequest:
    decisions = await decided(service, made)
    return pb.SignPrescriptionRequest(prescription_id=made.id.value, signature=given, decisions=decisions)


async def test_a_card_signs_the_bytes_and_its_signature_is_kept(service: Served, database: Database) -> None:
    made, card = await drafted(database), professional_key()
    given = await input_of(service, made)
    assert given.sha256 == sha256(given.payload).digest()
    assert given.version == 1
    assert body.read(given.payload).decisions
    request = await sign_request(service, made, detached := signature.sign(given.payload, card))
    # Its key is not registered yet.
    error = await refusal_of(service, "SignPrescription", request, callers.doctor)
    assert isinstance(error, InvalidInput)
    await register(database, card)
    answer = await asked(service, "SignPrescription", request, callers.doctor)
    assert answer.signature == detached
    assert (await verification(service, made, callers.doctor)).key_id == card.thumbprint()


async def register(database: Database, card: Any) -> None:
    key = SigningKey(
        card.thumbprint(), callers.doctor.subject, signature.public(card), Origin.CARD, draft().created_at
    )
    async with database.begin(call_as(callers.doctor)) as tx:
        await keys.insert_key(tx, key)


async def test_a_signature_over_other_bytes_is_refused_and_nothing_is_kept(
    service: Served, database: Database
) -> None:
    made, card = await drafted(database), professional_key()
    await register(database, card)
    payload = (await input_of(service, made)).payload.replace(b"500 mg", b"900 mg")
    request = await sign_request(service, made, signature.sign(payload, card))
    error = await refusal_of(service, "SignPrescription", request, callers.doctor)
    assert (type(error), error.field) == (InvalidInput, "signature")
    async with database.read() as tx:
        found = await prescriptions.find_prescription(tx, made.id)
    assert found is not None
    assert (found.state, found.signature) == (State.DRAFT, "")


async def test_the_bytes_of_another_draft_are_not_given(service: Served, database: Database) -> None:
    made = await drafted(database)
    request = pb.GetSigningInputRequest(prescription_id=made.id.value)
    error: SocleError = await refusal_of(service, "GetSigningInput", request, COLLEAGUE)
    assert isinstance(error, NotFound)
