"""What the access matrix is given: a stage with the four services of the DMP, its readers, its situations."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import grpc

from chassis.caller import Caller
from chassis.db import Database
from chassis.rpc import Servicer
from chassis.testing import LocalIssuer, Served, call_as, callers, emergency, served
from socle.dmp.v1 import dmp_pb2 as pb
from socle.dmp.v1 import records_pb2

from .dmp_given import Qualified, centre_15, document, holder, lot_message, submission, urn
from .journal_given import sequence
from .policy_given import MASK, PATIENT, REPRESENTATIVES, secret

DOCTOR, STRANGER, NURSE = callers.doctor, callers.other_doctor, callers.nurse
AUTHORISED = replace(STRANGER, subject="810100000052", organisation="1750000059", name="Zoé AUTORISÉE")
BLOCKED = replace(STRANGER, subject="810100000060", organisation="1750000067", name="Guy BLOQUÉ")
TRAITANT = replace(STRANGER, subject="810100000078", organisation="1750000075", name="Léa TRAITANTE")
ADMINISTRATOR = replace(
    STRANGER, subject="810100000086", organisation="1750000083", name="Max ADMINISTRATEUR"
)
ELSEWHERE = replace(callers.machine, subject="elsewhere", client="elsewhere", organisation="1759999999")
PRESCRIPTIONS = replace(callers.service, subject="eprescription", client="eprescription")
CERTIFICATE = {"type": pb.Coding(code="89601-9"), "class_": pb.Coding(code="52")}


@dataclass(frozen=True)
class Situation:
    """How the record and its one document stand when the RPC is called."""

    name: str
    record: bool = True
    qualified: bool = True
    flags: tuple[str, ...] = ("N",)
    certificate: bool = False
    archived: bool = False
    # Deposited by the holder.
    own: bool = False
    consents: Mapping[str, bool] = field(default_factory=dict)
    closed: bool = False
    # How a closed one was closed.
    reason: "pb.CloseReason.ValueType" = pb.CLOSE_REASON_PATIENT_REQUEST
    # Its journal is in the tree of the proofs.
    sequenced: bool = False


USUAL = Situation("a plain document")
MASKED = Situation("masked", flags=("N", MASK))
WAITING = Situation("hidden from the patient", flags=("N", PATIENT))
KEPT = Situation("hidden from representatives", flags=("N", REPRESENTATIVES))
CERTIFIED = Situation("a medical certificate", certificate=True)
OPPOSED = Situation("consultation opposed", consents={"consultation_allowed": False})
NO_RECORD = Situation("no record", record=False)
CLOSED = Situation("record closed", closed=True)
# The cells of the table of readers and flags, then what else decides on a reading.
FLAGS = [
    USUAL,
    MASKED,
    Situation("masked, open in emergencies", flags=("N", MASK), consents={"masked": True}),
    WAITING,
    KEPT,
    CERTIFIED,
]
READING = [
    *FLAGS,
    OPPOSED,
    Situation("emergencies refused", consents={"etreat": False, "btg": False}),
    CLOSED,
    NO_RECORD,
]


@dataclass(frozen=True)
class Scene:
    """One record brought to a situation."""

    person: str
    citizen: Caller
    document_id: str = ""
    lot_id: str = ""
    authorisation_id: str = ""
    care_role_id: str = ""


def cast(scene: Scene) -> dict[str, Caller]:
    """Who asks, by the name of their line."""
    one = frozenset({scene.person})
    parent = replace(callers.guardian, represents=one)
    delegate = replace(callers.guardian, subject="d" * 64 + "v1", represents=frozenset[str](), assists=one)
    return {
        "holder, adult or minor": scene.citizen,
        "legal representative": parent,
        "delegate": delegate,
        "other citizen": callers.other_citizen,
        "holder, in secret": secret(scene.citizen),
        "author": DOCTOR,
        "author, in secret": secret(DOCTOR),
        "author, glass": emergency(DOCTOR),
        "médecin traitant": TRAITANT,
        "médecin traitant, glass": emergency(TRAITANT),
        "administrator": ADMINISTRATOR,
        "authorised doctor": AUTHORISED,
        "authorised, in secret": secret(AUTHORISED),
        "authorised nurse": NURSE,
        "stranger": STRANGER,
        "stranger, in secret": secret(STRANGER),
        "stranger, glass": emergency(STRANGER),
        "nurse, glass": emergency(replace(NURSE, subject="810100000094")),
        "stranger, centre 15": centre_15(STRANGER),
        "blocked": BLOCKED,
        "blocked, in secret": secret(BLOCKED),
        "blocked, glass": emergency(BLOCKED),
        "blocked, centre 15": centre_15(BLOCKED),
        "staff of the author": callers.staff,
        "machine of the author": callers.machine,
        "machine elsewhere": ELSEWHERE,
        "service": callers.service,
        "service of prescriptions": PRESCRIPTIONS,
        "operator": callers.operator,
        "auditor": callers.auditor,
    }


WHO = list(cast(Scene("", callers.citizen)))


@dataclass(frozen=True)
class Stage:
    """The services of the DMP on one database, each with its doors."""

    services: Mapping[str, Served]
    database: Database
    qualified: Qualified

    async def ask(self, method: str, request: Any, caller: Caller) -> Any:
        for service in self.services.values():
            if method in service.servicer.service.methods_by_name:
                return await service.ask(method, request, caller)
        raise AssertionError(f"no service has {method}")

    async def outcome(self, method: str, request: Any, caller: Caller) -> str:
        """What the caller gets, in a word or two."""
        try:
            answer = await self.ask(method, request, caller)
        except grpc.aio.AioRpcError as error:
            return WORDS.get(error.code(), error.code().name.lower().replace("_", " "))
        return str(SHOWN.get(method, lambda _: "yes")(answer))


WORDS = {
    grpc.StatusCode.PERMISSION_DENIED: "forbidden",
    grpc.StatusCode.NOT_FOUND: "not found",
    grpc.StatusCode.FAILED_PRECONDITION: "state refuses",
    grpc.StatusCode.INVALID_ARGUMENT: "wrong request",
}
SHOWN: dict[str, Any] = {
    "GetRecord": lambda answer: "readable" if answer.record.readable else "exists",
    "ListReadableDocuments": lambda answer: "found" if answer.entries else "empty",
    "ListReadableLots": lambda answer: "found" if answer.lots else "empty",
    "ExplainAccess": lambda answer: f"told of {len(answer.documents)}",
    "ListJournal": lambda answer: "yes" if answer.entries else "empty",
}


@asynccontextmanager
async def staged(
    servicers: Mapping[str, Servicer], database: Database, issuer: LocalIssuer, qualified: Qualified
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        running = {
            name: await stack.enter_async_context(served(servicer, database, issuer))
            for name, servicer in servicers.items()
        }
        yield Stage(running, database, qualified)


async def scene(stage: Stage, situation: Situation) -> Scene:
    """A record of its own, brought to the situation by the services themselves."""
    citizen = holder()
    person = citizen.person_id
    stage.qualified.nowhere = set()
    if not situation.record:
        nowhere = urn().removeprefix("urn:uuid:")
        return Scene(person, citizen, nowhere, nowhere, nowhere, nowhere)
    await stage.ask("OpenRecord", pb.OpenRecordRequest(person_id=person), citizen)
    made = await _fed(stage, citizen, situation)
    made = replace(made, **await _related(stage, citizen))
    if situation.consents:
        asked = records_pb2.ChangeConsentsRequest(person_id=person, reason="told", **situation.consents)
        await stage.ask("ChangeConsents", asked, citizen)
    if situation.closed:
        close = records_pb2.CloseRecordRequest(person_id=person, reason=situation.reason)
        await stage.ask("CloseRecord", close, callers.operator)
    if situation.sequenced:
        async with stage.database.begin(call_as(callers.operator)) as tx:
            await sequence(tx)
    return made


async def _fed(stage: Stage, citizen: Caller, situation: Situation) -> Scene:
    changes: dict[str, Any] = {"confidentiality": list(situation.flags)}
    if situation.certificate:
        changes |= CERTIFICATE
    by = citizen if situation.own else DOCTOR
    if situation.own:
        changes["authors"] = [pb.Author(family_name="PATIENT")]
    sent = submission(citizen.person_id, document(**changes), folders=[])
    sent.lot.CopyFrom(lot_message())
    done = await stage.ask("SubmitDocuments", sent, by)
    document_id = done.entries[0].document_id
    if situation.archived:
        archive = pb.ChangeDocumentRequest(document_id=document_id, changes=[pb.DOCUMENT_CHANGE_ARCHIVE])
        await stage.ask("ChangeDocument", archive, DOCTOR)
    return Scene(citizen.person_id, citizen, document_id, done.lot_id)


async def _related(stage: Stage, citizen: Caller) -> dict[str, Any]:
    """An authorised doctor and nurse, a médecin traitant, an administrator, a blocked doctor."""
    person = citizen.person_id
    granted = [
        await stage.ask(
            "GrantAccess",
            pb.GrantAccessRequest(person_id=person, grantee=who.subject, kind=pb.ACCESS_KIND_PROFESSIONAL),
            citizen,
        )
        for who in (AUTHORISED, NURSE)
    ]
    roles = [
        await stage.ask(
            "DeclareCareRole",
            records_pb2.DeclareCareRoleRequest(person_id=person, professional=who.subject, role=role),
            citizen,
        )
        for who, role in (
            (TRAITANT, pb.CARE_ROLE_MEDECIN_TRAITANT),
            (ADMINISTRATOR, pb.CARE_ROLE_ADMINISTRATOR),
        )
    ]
    block = pb.BlockProfessionalRequest(person_id=person, professional=BLOCKED.subject)
    await stage.ask("BlockProfessional", block, citizen)
    return {"authorisation_id": granted[0].access.id, "care_role_id": roles[0].access.id}
