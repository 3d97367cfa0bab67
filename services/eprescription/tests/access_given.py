"""What the access matrix is given: a stage with the five services, its readers, its prescriptions."""

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any
from uuid import uuid4

import grpc

from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import SocleError
from chassis.rpc import Servicer
from chassis.status import from_status
from chassis.testing import NOW, LocalIssuer, Served, call_as, callers, served
from eprescription.domain.dispensing import Intervention
from eprescription.domain.ids import AllergyId, DispensingId, PersonId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State
from eprescription.store import prescriptions
from eprescription.store.tables import ALLERGY, OPPOSITION, SIGNING_KEY

from .dispensing_given import BRAND, LISTED, Counter, counter, gives, prescribed, written
from .given import COLLEAGUE, OTHER_PHARMACIST, SECRETS, content, draft

STRANGER, PHARMACIST = callers.other_doctor, callers.pharmacist
HOSPITAL = replace(STRANGER, subject="810100000078", organisation="1750000075", sector="SA01", name="Léa CHU")
ELSEWHERE = replace(callers.doctor, organisation="1750000067")
FOREIGN = replace(callers.machine, subject="elsewhere", client="elsewhere", organisation="1759999999")
MONTH = timedelta(days=30)
WRITTEN = {"over": NOW - timedelta(days=370), "used up": NOW - 4 * MONTH - timedelta(days=1)}


@dataclass(frozen=True)
class Scene:
    """One prescription of one person, at some step."""

    person: str
    of: Prescription
    # Of the hold that runs.
    secret: str = ""
    intervention: Intervention | None = None
    dispensing: str = ""
    allergy: str = ""
    key: str = ""

    @property
    def access_code(self) -> str:
        return SECRETS.access_code(self.of.id)

    @property
    def line(self) -> str:
        return self.of.signed.content.lines[0].line_id


@dataclass(frozen=True)
class Situation:
    """How the prescription stands when the RPC is called."""

    name: str
    state: str = "signed"
    restricted: bool = False
    opposed: bool = False


DRAFT = Situation("draft", "draft")
SIGNED = Situation("signed")
RESTRICTED = Situation("restricted", restricted=True)
HELD = Situation("held", "held")
SERVED = Situation("served", "served")
OPPOSED = Situation("served, opposed", "served", opposed=True)
OVER = Situation("expired", "over")
# Four months of a chronic treatment, all delivered.
USED_UP = Situation("used up", "used up")
ANY = Situation("any")


async def scene(database: Database, situation: Situation) -> Scene:
    """A fresh one, of a person of its own."""
    person = str(uuid4())
    async with database.begin(call_as(callers.doctor)) as tx:
        _known(tx, person, situation)
        if situation.state == "draft":
            of = draft(content(prescribed()), person=PersonId(person))
            prescriptions.insert_prescription(tx, of)
            return Scene(person, of)
        chronic = situation.state == "used up"
        of = await written(
            tx,
            prescribed(LISTED, renewals=3) if chronic else prescribed(renewals=2),
            now=WRITTEN.get(situation.state, NOW),
            content=content(restricted=situation.restricted),
            person=PersonId(person),
            **({"state": State.EXPIRED} if situation.state == "over" else {}),
        )
        made = Scene(person, of, allergy=_allergy(tx, person), key=_key(tx))
    if situation.state in ("held", "served"):
        return await _dispensed(database, situation, made)
    if situation.state == "used up":
        await _used_up(database, made)
    return made


async def _used_up(database: Database, made: Scene) -> None:
    for month in range(4):
        now = WRITTEN["used up"] + month * MONTH
        async with counter(database, now=now) as at:
            await at.whole(made.of, gives(made.line, product=LISTED))


async def _dispensed(database: Database, situation: Situation, made: Scene) -> Scene:
    async with database.begin(call_as(PHARMACIST)) as tx:
        at = Counter(tx, PHARMACIST)
        held = await at.claim(made.of)
        if situation.state == "held":
            return replace(made, secret=held.secret)
        done = await at.record(held, gives(made.line, product=BRAND))
        closed = await at.close(held)
        return replace(
            made, intervention=done.interventions[0], dispensing=str(closed.closed.id), secret=held.secret
        )


def _known(tx: Any, person: str, situation: Situation) -> None:
    if situation.opposed:
        tx.insert(OPPOSITION, person_id=person, history_opposed=True, execution_hidden=True, changed_at=NOW)


def _allergy(tx: Any, person: str) -> str:
    made = AllergyId.new().value
    tx.insert(
        ALLERGY,
        allergy_id=made,
        person_id=person,
        substance_code="",
        substance="pénicilline",
        note="",
        recorded_at=NOW,
        recorded_by=callers.doctor.subject,
        withdrawn_at=None,
        withdrawn_by="",
        withdrawn_reason="",
    )
    return made


def _key(tx: Any) -> str:
    """A key of the author, of this scene."""
    made = f"key-{uuid4()}"
    tx.insert(
        SIGNING_KEY,
        key_id=made,
        professional=callers.doctor.subject,
        jwk={"kty": "EC", "crv": "P-256", "x": made, "y": made},
        origin="card",
        registered_at=NOW,
        revoked_at=None,
        revoked_reason="",
    )
    return made


def cast(on: Scene) -> dict[str, Caller]:
    """Who asks, by the name of their line."""
    one = frozenset({on.person})
    citizen = replace(callers.citizen, person_id=on.person)
    return {
        "person": citizen,
        "legal representative": replace(callers.guardian, represents=one),
        "aidant": replace(callers.guardian, represents=frozenset[str](), assists=one),
        "other citizen": callers.other_citizen,
        "author": callers.doctor,
        "author, elsewhere": ELSEWHERE,
        "colleague": COLLEAGUE,
        "other doctor": STRANGER,
        "hospital doctor": HOSPITAL,
        "nurse": callers.nurse,
        "pharmacist": PHARMACIST,
        "other pharmacist": OTHER_PHARMACIST,
        "staff": callers.staff,
        "machine of the structure": callers.machine,
        "machine elsewhere": FOREIGN,
        "service": callers.service,
        "operator": callers.operator,
        "auditor": callers.auditor,
    }


WHO = list(cast(Scene("", draft())))


@dataclass(frozen=True)
class Stage:
    """The services on one database, each with its doors."""

    services: Mapping[str, Served]
    database: Database
    _ask: Mapping[str, Served] = field(default_factory=dict)

    async def outcome(self, method: str, request: Any, caller: Caller) -> str:
        """What the caller gets, in a word or two."""
        try:
            answer = await self._ask[method].ask(method, request, caller)
        except grpc.aio.AioRpcError as error:
            return told(from_status(error))
        return SEEN.get(method, lambda _answer: "yes")(answer)


def told(error: SocleError) -> str:
    """`not found` says nothing; `forbidden` names its rule."""
    match error.kind.grpc:
        case "NOT_FOUND":
            return "not found"
        case "PERMISSION_DENIED":
            return "forbidden"
        case "INVALID_ARGUMENT":
            return f"wrong: {error.reason.lower()}"
    return f"refused: {error.reason.lower()}"


def _prescription(answer: Any) -> str:
    of = answer.prescription
    return "without execution" if of.execution_hidden else "yes"


def _listed(name: str) -> Callable[[Any], str]:
    return lambda answer: "yes" if getattr(answer, name) else "nothing"


SEEN: Mapping[str, Callable[[Any], str]] = {
    "GetPrescription": _prescription,
    "ListPrescriptions": _listed("prescriptions"),
    "ListMyPrescriptions": _listed("prescriptions"),
    "ListPrescriptionJournal": _listed("entries"),
    "ListDuplicates": lambda _answer: "yes",
    "ListDispensings": _listed("dispensings"),
    "VerifySignature": lambda answer: (
        ("valid" if answer.valid else "broken") + ("" if answer.payload else ", no content")
    ),
}


@asynccontextmanager
async def staged(
    servicers: Mapping[str, Servicer], database: Database, issuer: LocalIssuer
) -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        running = {
            name: await stack.enter_async_context(served(servicer, database, issuer))
            for name, servicer in servicers.items()
        }
        by_method = {
            method: one for one in running.values() for method in one.servicer.service.methods_by_name
        }
        yield Stage(running, database, by_method)


def nobody() -> str:
    return DispensingId.new().value
