"""A service of the platform puts what it makes into records: what of, where, and that it reads nothing."""

from dataclasses import replace
from typing import Any

import pytest

from chassis.caller import Caller, Decision
from chassis.db import Database
from chassis.testing import NOW, Served, callers
from dmp import policy
from dmp.api import DmpServicer
from dmp.api.examination import Examiner
from dmp.clients.identities import Comparison
from dmp.clients.scanner import Scanner
from dmp.domain.changes import Change
from dmp.domain.documents import Confidentiality
from dmp.domain.records import Record, RecordState, Relation
from socle.dmp.v1 import dmp_pb2 as pb

from .access_given import PRESCRIPTIONS as SENDER
from .cda_given import described
from .dmp_given import PERSON, Qualified, document, holder, opened, refused, rows, submission
from .policy_given import PATIENT, REPRESENTATIVES, paper

N = Confidentiality.NORMAL
PLAIN = (N,)
WAITING, KEPT = (N, Confidentiality(PATIENT)), (N, Confidentiality(REPRESENTATIVES))
RECORD = Record(PERSON, NOW)
OPPOSED = replace(RECORD, feeding_allowed=False)
CLOSED = replace(RECORD, state=RecordState.CLOSED)
OPEN = Relation(RECORD)
Codes = list[tuple[Confidentiality, ...]]


def explains_itself(decision: Decision) -> Decision:
    """Every decision names its rules, every refusal what would change it."""
    assert decision.rules
    assert decision.permitted is (decision.hint == "")
    return decision


PRESCRIPTION, DISPENSATION = "57833-6", "60593-1"
SENDING: list[tuple[str, Caller, Record | None, Codes, list[str], tuple[bool, str]]] = [
    # who, the record, the codes and the type of each document; then: permitted, the first rule
    ("both", SENDER, RECORD, [PLAIN, PLAIN], [PRESCRIPTION, DISPENSATION], (True, "R1111-47")),
    ("no document", SENDER, RECORD, [], [], (False, "dmp.sent_by_service")),
    ("another type", SENDER, RECORD, [PLAIN], ["11488-4"], (False, "dmp.sent_by_service")),
    (
        "one of another type",
        SENDER,
        RECORD,
        [PLAIN] * 2,
        [PRESCRIPTION, "11488-4"],
        (False, "dmp.sent_by_service"),
    ),
    ("hidden from the patient", SENDER, RECORD, [WAITING], [PRESCRIPTION], (False, "dmp.sent_by_service")),
    ("kept from parents", SENDER, RECORD, [KEPT], [PRESCRIPTION], (False, "dmp.sent_by_service")),
    ("another service", callers.service, RECORD, [PLAIN], [PRESCRIPTION], (False, "dmp.sent_by_service")),
    ("closed", SENDER, CLOSED, [PLAIN], [PRESCRIPTION], (False, "dmp.record_closed")),
    ("no record", SENDER, None, [PLAIN], [PRESCRIPTION], (False, "dmp.no_record")),
    ("opposed", SENDER, OPPOSED, [PLAIN], [PRESCRIPTION], (False, "R1111-47")),
]


@pytest.mark.parametrize(
    ("name", "caller", "record", "codes", "types", "told"), SENDING, ids=[s[0] for s in SENDING]
)
def test_what_a_service_may_send(
    name: str,
    caller: Caller,
    record: Record | None,
    codes: Codes,
    types: list[str],
    told: tuple[bool, str],
) -> None:
    # An identity qualifiée somewhere changes nothing for a service.
    for qualified in (False, True):
        made = explains_itself(policy.may_feed(caller, PERSON, record, codes, qualified, types))
        assert (made.permitted, made.rules[0]) == told


def test_no_one_but_a_service_sends_by_its_name() -> None:
    posing = replace(callers.machine, subject="eprescription")
    assert not policy.may_send(posing, [PLAIN], [PRESCRIPTION]).permitted


def test_a_service_that_sends_reads_nothing() -> None:
    assert not policy.may_consult(SENDER, PERSON, OPEN).permitted
    document = paper(PERSON, type_code=PRESCRIPTION, submitted_by=SENDER.subject, submitted_for="")
    assert not policy.may_read(document, policy.reach(SENDER, PERSON, OPEN), habilitated=True).permitted
    assert not any(policy.may_change(SENDER, document, OPEN, change, True).permitted for change in Change)


# -- on the wire


def prescription(person: str, content: bytes = b"", **changes: Any) -> pb.SubmitDocumentsRequest:
    prescribed: dict[str, Any] = {
        "type": pb.Coding(code=PRESCRIPTION),
        "class_": pb.Coding(code="42"),
        **changes,
    }
    return submission(person, document(**({"content": content} if content else {}), **prescribed))


async def test_prescription_sent_by_its_service_is_in_the_record_under_the_name_of_both(
    service: Served, qualified: Qualified, database: Database
) -> None:
    patient = holder()
    person = await opened(service, patient)
    done = await service.ask("SubmitDocuments", prescription(person), SENDER)
    assert qualified.asked == []
    [line] = await rows(
        database,
        "SELECT actor_kind, actor, rules FROM audit WHERE action = 'dmp_document.submit' AND subject = $1",
        person,
    )
    assert (line["actor_kind"], line["actor"]) == ("service", "eprescription")
    assert line["rules"] == ["R1111-47", "dmp.sent_by_service"]
    listed = await service.ask(
        "ListReadableDocuments", pb.ListReadableDocumentsRequest(person_id=person), patient
    )
    assert [entry.document_id for entry in listed.entries] == [done.entries[0].document_id]
    assert listed.entries[0].authors[0].professional == callers.doctor.subject
    # The prescriber who signed reads it as an author, as if they had deposited it.
    asked = pb.ReadDocumentRequest(document_id=done.entries[0].document_id)
    assert (await service.ask("ReadDocument", asked, callers.doctor)).entry.title == "Consultation"


async def test_prescription_sent_again_gets_the_first_answer(service: Served) -> None:
    person = await opened(service)
    request = prescription(person)
    first = await service.ask("SubmitDocuments", request, SENDER)
    again = await service.ask("SubmitDocuments", request, SENDER)
    assert (again.replayed, again.entries[0].document_id) == (True, first.entries[0].document_id)


async def test_service_is_refused_what_it_does_not_make_and_told_nothing_of_the_record(
    service: Served, database: Database
) -> None:
    person = await opened(service)
    for request, caller in (
        (submission(person), SENDER),
        (prescription(person, confidentiality=["N", PATIENT]), SENDER),
        (prescription(person), callers.service),
    ):
        error = await refused(service.ask("SubmitDocuments", request, caller))
        assert (error.kind.http, error.rules) == (403, ("dmp.sent_by_service",))
    assert await rows(database, "SELECT 1 FROM document WHERE person_id = $1", person) == []


async def test_patient_of_the_document_is_compared_with_the_person_of_the_record(
    service: Served, servicer: DmpServicer
) -> None:
    class Another:
        async def compare(self, *_asked: object) -> Comparison:
            return Comparison(ins_matches=False, differing=())

    servicer.examiner = Examiner(Scanner(""), Another())
    person = await opened(service)
    content = described()
    sent = document(content, unique_id="urn:oid:1.2.250.1.999.1", mime_type="text/xml", language="fr-FR")
    request = submission(person, sent)
    # The type of the header decides who may send it; the examination comes after.
    error = await refused(service.ask("SubmitDocuments", request, SENDER))
    assert error.rules == ("dmp.sent_by_service",)
    sent.entry.type.code = PRESCRIPTION
    getattr(sent.entry, "class").code = "42"
    error = await refused(service.ask("SubmitDocuments", submission(person, sent), SENDER))
    assert error.reason in ("CDA_HEADER_CONTRADICTS", "PATIENT_DIFFERS")
