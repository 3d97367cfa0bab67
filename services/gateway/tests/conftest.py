"""A gateway before in-memory services: real gRPC, real tokens, real ASGI; only what is stored is made up."""

from __future__ import annotations

import hashlib
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.protobuf.descriptor import ServiceDescriptor
from google.protobuf.message import Message
from google.protobuf.message_factory import GetMessageClass
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from chassis import rpc, transport
from chassis.auth import OwnToken
from chassis.call import Call
from chassis.caller import Caller
from chassis.errors import AlreadyExists, InvalidInput, NotFound, Violation
from chassis.ids import Id
from chassis.testing import LocalIssuer
from gateway.app import create_app
from gateway.door import GATEWAY
from gateway.settings import Settings
from socle.dmp.v1 import dmp_pb2, journal_pb2, policy_pb2, records_pb2
from socle.eprescription.v1 import dispensing_pb2, eprescription_pb2, medicines_pb2, signing_pb2
from socle.identity_ins.v1 import exchange_pb2, identity_ins_pb2, insi_pb2, vigilance_pb2

SAMPLES = Path(__file__).parent / "samples"
INS = identity_ins_pb2.Ins(matricule="279035121518989", oid="1.2.250.1.213.1.4.10")
PERSON = "01900000-0000-7000-8000-000000000001"
OTHER_INS = identity_ins_pb2.Ins(matricule="255081416802538", oid="1.2.250.1.213.1.4.10")


class PersonUnknown(NotFound):
    """The reference registry knows no such person, or you may not see it."""


class DocumentNotFound(NotFound):
    """There is no document that you may see under this identifier."""


class DocumentHashMismatch(InvalidInput):
    """The SHA-1 of the content is not the one its metadata give."""


class DuplicateDocument(AlreadyExists):
    """The record holds another document under this unique identifier."""


class NoRpc:
    """The RPCs that a fake does not play."""

    def __getattr__(self, name: str) -> Any:
        if not name[0].isupper():
            raise AttributeError(name)

        async def unplayed(request: Any, call: Call) -> Any:
            raise NotFound(field=name)

        return unplayed


class Recorder:
    """A service that answers every RPC as told, with nothing when it was not, and keeps what it was asked."""

    def __init__(self, service: ServiceDescriptor) -> None:
        self.service = service
        self.answers: dict[str, Message | Exception | Callable[[Any], Message]] = {}
        self.asked: list[tuple[str, Any, Call]] = []

    def __getattr__(self, name: str) -> Any:
        if name not in self.service.methods_by_name:
            raise AttributeError(name)

        async def answered(request: Any, call: Call) -> Any:
            self.asked.append((name, request, call))
            answer = self.answers.get(name, GetMessageClass(self.service.methods_by_name[name].output_type)())
            if isinstance(answer, Exception):
                raise answer
            return answer(request) if callable(answer) else answer

        return answered


def recorder(contract: Any, name: str) -> Recorder:
    """A recorder for one service of a contract."""
    return Recorder(contract.DESCRIPTOR.services_by_name[name])


@dataclass
class Identities(NoRpc):
    """identity-ins, in memory: one structure a domain, one person with an INS."""

    service = identity_ins_pb2.DESCRIPTOR.services_by_name["IdentityInsService"]
    kept: dict[str, identity_ins_pb2.Identity] = field(default_factory=dict)
    calls: list[tuple[str, Call]] = field(default_factory=list)

    async def CreateIdentity(self, request: identity_ins_pb2.CreateIdentityRequest, call: Call) -> Any:
        self.calls.append(("CreateIdentity", call))
        made = identity_ins_pb2.Identity(
            id=Id.new().value,
            domain=call.caller.organisation,
            ipp=request.ipp or "IPP-1",
            status=identity_ins_pb2.IDENTITY_STATUS_PROVISOIRE,
            traits=request.traits,
            version=1,
        )
        made.created_at.FromDatetime(call.now())
        self.kept[made.id] = made
        return identity_ins_pb2.CreateIdentityResponse(identity=made)

    async def GetIdentity(self, request: identity_ins_pb2.GetIdentityRequest, call: Call) -> Any:
        found = self.kept.get(request.identity_id)
        if found is None or found.domain != call.caller.organisation:
            raise NotFound("There is no such local identity in your structure.", field="identity_id")
        return identity_ins_pb2.GetIdentityResponse(identity=found)

    async def ListIdentities(self, request: identity_ins_pb2.ListIdentitiesRequest, call: Call) -> Any:
        self.calls.append(("ListIdentities", call))
        family = request.family.upper()
        found = [one for one in self.kept.values() if one.traits.birth_name.startswith(family)]
        size = request.page.size or 50
        start = int(request.page.token or 0)
        more = str(start + size) if len(found) > start + size else ""
        page = found[start : start + size]
        return identity_ins_pb2.ListIdentitiesResponse(identities=page, next_token=more)

    async def ResolvePerson(self, request: identity_ins_pb2.ResolvePersonRequest, call: Call) -> Any:
        self.calls.append(("ResolvePerson", call))
        if request.ins.oid.endswith((".8", ".9")):
            problem = [Violation("ins.oid", "belongs to production")]
            raise InvalidInput("The OID of the INS is refused here.", field="ins.oid", violations=problem)
        if request.ins != INS:
            raise PersonUnknown(field="ins")
        return identity_ins_pb2.ResolvePersonResponse(person_id=PERSON)

    async def GetPerson(self, request: identity_ins_pb2.GetPersonRequest, call: Call) -> Any:
        if not call.caller.acts_for(request.person_id):
            raise PersonUnknown(field="person_id")
        person = identity_ins_pb2.Person(person_id=request.person_id, traits=TRAITS, ins=INS)
        return identity_ins_pb2.GetPersonResponse(person=person)


TRAITS = identity_ins_pb2.Traits(
    birth_name="PAT-TROIS",
    birth_first_names=["DOMINIQUE", "MARIE-LOUISE"],
    sex=identity_ins_pb2.SEX_FEMALE,
    birth_date="1979-03-28",
    birth_place="51215",
    used_name="MARTIN",
    used_first_name="DOMINIQUE",
)


@dataclass
class Records(NoRpc):
    """dmp, in memory: one open record, everyone may read it."""

    service = dmp_pb2.DESCRIPTOR.services_by_name["DmpService"]
    entries: dict[str, dmp_pb2.DocumentEntry] = field(default_factory=dict)
    contents: dict[str, bytes] = field(default_factory=dict)
    calls: list[tuple[str, Call]] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)

    async def SubmitDocuments(self, request: dmp_pb2.SubmitDocumentsRequest, call: Call) -> Any:
        self.calls.append(("SubmitDocuments", call))
        for place, document in enumerate(request.documents):
            if document.entry.sha1 != hashlib.sha1(document.content, usedforsecurity=False).digest():
                raise DocumentHashMismatch(field=f"documents[{place}].entry.sha1")
            if document.entry.unique_id in {one.unique_id for one in self.entries.values()}:
                where = f"documents[{place}].entry.unique_id"
                raise DuplicateDocument(field=where, rules=["XDSNonIdenticalHash"])
        lot = Id.new().value
        made = [self._stored(document, request, lot, call) for document in request.documents]
        return dmp_pb2.SubmitDocumentsResponse(lot_id=lot, entries=made)

    def _stored(
        self, document: dmp_pb2.Document, request: dmp_pb2.SubmitDocumentsRequest, lot: str, call: Call
    ) -> dmp_pb2.DocumentEntry:
        entry = dmp_pb2.DocumentEntry()
        entry.CopyFrom(document.entry)
        entry.document_id, entry.person_id, entry.lot_id = Id.new().value, request.person_id, lot
        entry.version, entry.status = 1, dmp_pb2.DOCUMENT_STATUS_CURRENT
        entry.submitted_at.FromDatetime(call.now())
        self.entries[entry.document_id] = entry
        self.contents[entry.document_id] = document.content
        return entry

    async def ListReadableDocuments(self, request: dmp_pb2.ListReadableDocumentsRequest, call: Call) -> Any:
        self.asked.append(request)
        found = [one for one in self.entries.values() if one.person_id == request.person_id]
        return dmp_pb2.ListReadableDocumentsResponse(entries=found)

    async def ReadDocument(self, request: dmp_pb2.ReadDocumentRequest, call: Call) -> Any:
        return dmp_pb2.ReadDocumentResponse(entry=self._found(request.document_id))

    async def RetrieveDocument(self, request: dmp_pb2.RetrieveDocumentRequest, call: Call) -> Any:
        entry = self._found(request.document_id)
        content = self.contents[request.document_id]
        return dmp_pb2.RetrieveDocumentResponse(mime_type=entry.mime_type, content=content, sha1=entry.sha1)

    async def OpenRecord(self, request: dmp_pb2.OpenRecordRequest, call: Call) -> Any:
        self.calls.append(("OpenRecord", call))
        return dmp_pb2.OpenRecordResponse(record=dmp_pb2.Record(person_id=request.person_id))

    def _found(self, document_id: str) -> dmp_pb2.DocumentEntry:
        if document_id not in self.entries:
            raise DocumentNotFound(field="document_id")
        return self.entries[document_id]


@dataclass
class House:
    """A running gateway, and the services it stands before."""

    client: httpx.AsyncClient
    app: Any
    issuer: LocalIssuer
    identities: Any
    records: Any
    insi: Recorder
    vigilance: Recorder
    exchange: Recorder
    lives: Recorder
    policy: Recorder
    journal: Recorder
    prescriptions: Recorder
    dispensing: Recorder
    medicines: Recorder
    safety: Recorder
    signing_keys: Recorder

    def as_(self, caller: Caller, **headers: str) -> dict[str, str]:
        """Headers of a caller; underscores stand for hyphens."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return {"Authorization": f"Bearer {self.issuer.token(caller)}", **named}


class OfGateway(OwnToken):
    """The token of the gateway itself, from the issuer of the tests."""

    def __init__(self, settings: Settings, issuer: LocalIssuer) -> None:
        super().__init__(settings, "gateway")
        self._issuer = issuer

    async def get(self) -> str:
        return str(self._issuer.token(GATEWAY))


@asynccontextmanager
async def gateway_house(
    issuer: LocalIssuer, identities: Any = None, *, records: Any = None, **settings: Any
) -> AsyncIterator[House]:
    """A gateway of these settings with services of its own."""
    identities, records = identities or Identities(), records or Records()
    others = (
        recorder(insi_pb2, "InsiService"),
        recorder(vigilance_pb2, "VigilanceService"),
        recorder(exchange_pb2, "ExchangeService"),
    )
    of_dmp = (
        recorder(records_pb2, "RecordService"),
        recorder(policy_pb2, "PolicyService"),
        recorder(journal_pb2, "JournalService"),
    )
    of_erx = (
        recorder(eprescription_pb2, "PrescriptionService"),
        recorder(dispensing_pb2, "DispensingService"),
        recorder(medicines_pb2, "MedicineService"),
        recorder(medicines_pb2, "SafetyService"),
        recorder(signing_pb2, "SigningKeyService"),
    )
    async with (
        _grpc(issuer, identities, *others) as first,
        _grpc(issuer, records, *of_dmp) as second,
        _grpc(issuer, *of_erx) as third,
    ):
        targets = {"identity-ins": first, "dmp": second, "eprescription": third}
        chosen = Settings(**{"services": targets, **settings})
        app = create_app(chosen, issuer.verifier(), OfGateway(chosen, issuer))
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8080") as client,
        ):
            yield House(client, app, issuer, identities, records, *others, *of_dmp, *of_erx)


@asynccontextmanager
async def _grpc(issuer: LocalIssuer, *servicers: Any) -> AsyncIterator[str]:
    settings = Settings()
    server = grpc.aio.server(options=transport.options(settings))
    runtime = rpc.Runtime(issuer.verifier(), None)
    server.add_generic_rpc_handlers(tuple(rpc.handlers(servicer, runtime) for servicer in servicers))
    healthy = health.aio.HealthServicer()
    health_pb2_grpc.add_HealthServicer_to_server(healthy, server)
    for name in ("", transport.CALLS):
        await healthy.set(name, health_pb2.HealthCheckResponse.SERVING)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@pytest.fixture
async def here(issuer: LocalIssuer) -> AsyncIterator[House]:
    """A gateway with usual settings."""
    async with gateway_house(issuer) as made:
        yield made


@pytest.fixture
async def recording(issuer: LocalIssuer) -> AsyncIterator[House]:
    """A gateway before an identity-ins that only keeps what it was asked."""
    async with gateway_house(issuer, recorder(identity_ins_pb2, "IdentityInsService")) as made:
        yield made


@pytest.fixture
async def before_dmp(issuer: LocalIssuer) -> AsyncIterator[House]:
    """A gateway before a dmp that answers as it is told, and keeps what it was asked."""
    async with gateway_house(issuer, records=recorder(dmp_pb2, "DmpService")) as made:
        yield made


@pytest.fixture
def house(issuer: LocalIssuer) -> Any:
    """Makes gateways of other settings: `async with house(rate_limit="3/minute") as here`."""
    return partial(gateway_house, issuer)
