"""The traits of a person given for a paper: to whom, and what the journal says of it."""

from dataclasses import replace

import pytest

from chassis import audit
from chassis.db import Database, Tx
from chassis.errors import Forbidden
from chassis.testing import NOW, LocalIssuer, callers
from identity_ins import seed, usecases
from identity_ins.domain import PersonUnknown
from identity_ins.domain.described import PaperUnknown, Purpose
from socle.common.v1.common_pb2 import PageRequest
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .api_given import UNKNOWN_ID, refused, serving
from .usecases_given import PATIENT, rows_of

pytestmark = pytest.mark.usefixtures("registry")
PRESCRIPTIONS = replace(
    callers.service, subject="eprescription", client="eprescription", name="eprescription"
)
PAPER = "01900000-0000-7000-8000-00000000abcd"


async def test_describe_when_a_prescription_is_printed_then_the_journal_says_for_whom(tx: Tx) -> None:
    purpose = Purpose("prescription", PAPER, callers.doctor.subject)
    person = await usecases.describe_person(tx, PRESCRIPTIONS, PATIENT.id, purpose, now=NOW)
    assert person == PATIENT
    entries, _ = await audit.list_entries(tx, PATIENT.id.value, PageRequest())
    line = entries[0]
    assert (line.action, line.object_id, line.actor) == ("person.describe", PAPER, "eprescription")
    assert line.reason == f"ordonnance, pour le professionnel {callers.doctor.subject}"
    assert line.rules == ("description.by_service",)


def test_purpose_when_the_person_asks_then_the_reason_says_so() -> None:
    assert Purpose("dispensing").reason == "dispensation, à votre demande"


def test_purpose_when_the_paper_is_not_known_then_refused_with_those_that_are() -> None:
    with pytest.raises(PaperUnknown) as told:
        Purpose("invoice")
    assert told.value.field == "paper"
    assert "prescription" in told.value.hint


async def test_describe_when_another_service_asks_then_refused_and_journaled(tx: Tx) -> None:
    with pytest.raises(Forbidden) as told:
        await usecases.describe_person(tx, callers.service, PATIENT.id, Purpose("prescription"), now=NOW)
    assert told.value.refusal is not None
    assert told.value.refusal.subject == PATIENT.id.value
    assert await rows_of(tx, "SELECT id FROM audit WHERE action = 'person.describe'") == []


async def test_describe_when_asked_over_the_wire_then_traits_and_current_number(
    registry: Database, issuer: LocalIssuer
) -> None:
    changed = seed.person(7)
    asked = pb.DescribePersonRequest(person_id=changed.id.value, paper="prescription", object_id=PAPER)
    async with serving(registry, issuer) as service:
        answer = await service.ask("DescribePerson", asked, PRESCRIPTIONS)
        assert answer.traits.birth_name == changed.traits.birth_name
        assert answer.ins.matricule == changed.ins.matricule
        assert changed.former
        unknown = pb.DescribePersonRequest(person_id=UNKNOWN_ID, paper="prescription")
        error = await refused(service, "DescribePerson", unknown, PRESCRIPTIONS)
    assert isinstance(error, PersonUnknown) or error.reason == "PERSON_UNKNOWN"
