"""What each kind of caller gets from each RPC in each situation, through every door; committed for review.

Each cell is asked on a record of its own: its holder, a document of `doctor`, an authorised doctor and nurse,
a blocked doctor. The file is written anew with SOCLE_WRITE_GOLDENS=1.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import grpc
import pytest

from chassis.caller import Caller, CallerKind, Purpose
from chassis.db import Database
from chassis.testing import NOW, Matrix, Served, call_as, callers, doors, emergency, events_of, same_as_golden
from dmp import domain, usecases
from dmp.domain import Document, Grant, GranteeKind, Item, PersonId
from socle.dmp.v1 import dmp_pb2 as pb
from socle.dmp.v1 import events_pb2

from .dmp_given import CDA, Qualified, centre_15, codes, deposit, entry, holder, submission

HERE = Path(__file__).parent
DOCTOR, STRANGER, NURSE = callers.doctor, callers.other_doctor, callers.nurse
AUTHORISED = replace(STRANGER, subject="810100000052", organisation="1750000059", name="Zoé AUTORISÉE")
BLOCKED = replace(STRANGER, subject="810100000060", organisation="1750000067", name="Guy BLOQUÉ")
CERTIFICATE: dict[str, Any] = {"type": domain.Coding("89601-9"), "category": domain.Coding("52")}


@dataclass(frozen=True)
class Situation:
    """How the record stands when the RPC is called."""

    name: str
    record: bool = True
    qualified: bool = True
    flags: tuple[str, ...] = ("N",)
    certificate: bool = False
    # The holder lets professionals open masked documents in an emergency.
    masked_in_emergency: bool = False


USUAL = Situation("a plain document")
DOCUMENTS = [
    USUAL,
    Situation("hidden from professionals", flags=("N", "MASQUE_PS")),
    Situation("same, open in emergencies", flags=("N", "MASQUE_PS"), masked_in_emergency=True),
    Situation("hidden from the patient", flags=("N", "INVISIBLE_PATIENT")),
    Situation("hidden from representatives", flags=("N", "INVISIBLE_REPRESENTANTS_LEGAUX")),
    Situation("a medical certificate", certificate=True),
]
QUALIFIED = Situation("identity qualified")
NOT_QUALIFIED = Situation("identity not qualified", qualified=False)
NO_RECORD = Situation("no record", record=False)
OPEN = Situation("record open")


@dataclass(frozen=True)
class Scene:
    person: PersonId
    citizen: Caller
    document_id: str
    authorisation_id: str


Ask = Callable[[Scene, Caller], Any]


def to_oneself(scene: Scene, caller: Caller) -> pb.GrantAccessRequest:
    """A citizen is no reader to be authorised: theirs goes to the stranger."""
    grantee = STRANGER.subject if caller.kind is CallerKind.CITIZEN else caller.subject
    return to_reader(scene, grantee)


def to_another(scene: Scene, _caller: Caller) -> pb.GrantAccessRequest:
    return to_reader(scene, "810100000999")


def to_reader(scene: Scene, grantee: str) -> pb.GrantAccessRequest:
    kind = pb.ACCESS_KIND_PROFESSIONAL
    return pb.GrantAccessRequest(person_id=scene.person.value, grantee=grantee, kind=kind)


def on_person(message: type[Any], **fields: Any) -> Ask:
    return lambda scene, _caller: message(person_id=scene.person.value, **fields)


def on_document(message: type[Any]) -> Ask:
    return lambda scene, _caller: message(document_id=scene.document_id)


MASKED = DOCUMENTS[1]
ROWS: list[tuple[str, list[Situation], Ask]] = [
    ("OpenRecord", [QUALIFIED, NOT_QUALIFIED], on_person(pb.OpenRecordRequest)),
    ("GetRecord", [OPEN, NO_RECORD], on_person(pb.GetRecordRequest)),
    (
        "SubmitDocuments",
        [QUALIFIED, NOT_QUALIFIED, NO_RECORD],
        lambda scene, _caller: submission(scene.person.value),
    ),
    ("ListReadableDocuments", [*DOCUMENTS, NO_RECORD], on_person(pb.ListReadableDocumentsRequest)),
    ("ReadDocument", DOCUMENTS, on_document(pb.ReadDocumentRequest)),
    ("RetrieveDocument", DOCUMENTS, on_document(pb.RetrieveDocumentRequest)),
    ("MaskDocument", [USUAL, DOCUMENTS[3], DOCUMENTS[4]], on_document(pb.MaskDocumentRequest)),
    ("UnmaskDocument", [MASKED], on_document(pb.UnmaskDocumentRequest)),
    ("GrantAccess", [Situation("to oneself"), NO_RECORD], to_oneself),
    ("GrantAccess", [Situation("to another")], to_another),
    (
        "RevokeAccess",
        [OPEN],
        lambda s, _c: pb.RevokeAccessRequest(person_id=s.person.value, access_id=s.authorisation_id),
    ),
    ("ListAccesses", [OPEN], on_person(pb.ListAccessesRequest)),
    ("BlockProfessional", [OPEN], on_person(pb.BlockProfessionalRequest, professional=STRANGER.subject)),
    ("UnblockProfessional", [OPEN], on_person(pb.UnblockProfessionalRequest, professional=BLOCKED.subject)),
    ("ListJournal", [OPEN, NO_RECORD], on_person(pb.ListJournalRequest)),
]


def cast(scene: Scene) -> dict[str, Caller]:
    """Who is asked for, by the name of their column."""
    represents = frozenset({scene.person.value})
    return {
        "holder": scene.citizen,
        "representative": replace(callers.guardian, represents=represents),
        "other citizen": callers.other_citizen,
        "author": DOCTOR,
        "authorised": AUTHORISED,
        "nurse, auth.": NURSE,
        "stranger": STRANGER,
        "str., glass": emergency(STRANGER),
        "str., centre 15": centre_15(STRANGER),
        "blocked": BLOCKED,
        "blocked, glass": emergency(BLOCKED),
        "staff": callers.staff,
        "machine": callers.machine,
        "service": callers.service,
        "operator": callers.operator,
        "auditor": callers.auditor,
    }


WHO = list(cast(Scene(PersonId(""), callers.citizen, "", "")))


async def staged(database: Database, situation: Situation) -> Scene:
    """A record of its own, brought to the situation by the use cases themselves."""
    citizen = holder()
    person = PersonId(citizen.person_id)
    nowhere = domain.DocumentId.new().value
    if not situation.record:
        return Scene(person, citizen, nowhere, nowhere)
    async with database.begin(call_as(citizen)) as tx:
        await usecases.open_record(tx, citizen, person, False, NOW)
        document = await fed(tx, person, situation)
        granted = await usecases.grant_access(tx, citizen, person, to(AUTHORISED), NOW)
        await usecases.grant_access(tx, citizen, person, to(NURSE), NOW)
        await usecases.block_professional(tx, citizen, person, BLOCKED.subject, NOW)
    if situation.masked_in_emergency:
        statement = "UPDATE emergency_consent SET permitted = true WHERE person_id = $1"
        await database.pool.execute(statement, person.value)
    return Scene(person, citizen, document.id.value, granted.id.value)


async def fed(tx: Any, person: PersonId, situation: Situation) -> Document:
    metadata = entry(
        confidentiality=codes(*situation.flags), **(CERTIFICATE if situation.certificate else {})
    )
    done = await usecases.submit_documents(tx, DOCTOR, person, deposit(Item(metadata, CDA)), True, NOW)
    return done.documents[0]


def to(caller: Caller) -> Grant:
    return Grant(caller.subject, GranteeKind.PROFESSIONAL)


async def outcome(service: Served, method: str, request: Any, caller: Caller) -> str:
    """What the caller gets, in a word or two."""
    try:
        answer = await asked(service, method, request, caller)
    except grpc.aio.AioRpcError as error:
        return error.code().name.lower().replace("permission_denied", "forbidden").replace("_", " ")
    if method == "GetRecord":
        return "readable" if answer.record.readable else "exists"
    if method == "ListReadableDocuments":
        return "found" if answer.entries else "empty"
    return "permitted"


def asked(service: Served, method: str, request: Any, caller: Caller) -> Awaitable[Any]:
    if caller.purpose is not Purpose.REGULATION:
        return service.ask(method, request, caller)
    token = service.issuer.token(caller, Acces_Regulation_Medicale="VRAI")
    return service.ask(method, request, authorization=f"Bearer {token}", socle_purpose="centre_15")


@pytest.mark.timeout(300)
async def test_access_matrix(service: Served, qualified: Qualified, database: Database) -> None:
    kinds = Matrix("DMP: which kinds of caller may call which RPC at all (the rule of the contract).")
    doors(kinds, service.servicer)
    matrix = Matrix(
        "DMP: who gets what. `readable`, `found`: permitted; `exists`, `empty`: nothing is shown."
    )
    for method, situations, ask in ROWS:
        for situation in situations:
            for who in WHO:
                scene = await staged(database, situation)
                caller = cast(scene)[who]
                qualified.nowhere = set() if situation.qualified else {caller.organisation}
                found = await outcome(service, method, ask(scene, caller), caller)
                matrix.add(method, situation.name, who, found)
    same_as_golden(HERE / "access_matrix.txt", f"{kinds.text()}\n{matrix.text()}")


def test_events_of_the_contract() -> None:
    same_as_golden(HERE / "events.txt", events_of(events_pb2))
