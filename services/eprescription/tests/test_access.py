"""What each caller gets from each RPC at each step of a prescription, through every door; for review.

A scene is a prescription of its own, of a person of its own: written by `author`, held or served by
`pharmacist`. The file is written anew with SOCLE_WRITE_GOLDENS=1.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.caller import CallerKind
from chassis.db import Database
from chassis.rpc import KINDS, Servicer, rule_of
from chassis.testing import NOW, LocalIssuer, Matrix, doors, events_of, same_as_golden
from eprescription.api import shown
from eprescription.api.dispensing import DispensingServicer
from eprescription.api.keys import SigningKeyServicer
from eprescription.api.medicines import MedicineServicer, SafetyServicer
from eprescription.api.prescriptions import PrescriptionServicer
from eprescription.domain import signature
from socle.eprescription.v1 import dispensing_pb2, eprescription_pb2, events_pb2, medicines_pb2, signing_pb2

from .access_given import (
    ANY,
    DRAFT,
    HELD,
    OPPOSED,
    OVER,
    RESTRICTED,
    SERVED,
    SIGNED,
    USED_UP,
    WHO,
    Scene,
    Situation,
    Stage,
    cast,
    scene,
    staged,
)
from .dispensing_given import BRAND, platform, prescribed, stock
from .given import content, desk
from .keys_given import professional_key

HERE = Path(__file__).parent
rx, rxd, rxm, rxk = eprescription_pb2, dispensing_pb2, medicines_pb2, signing_pb2
Ask = Callable[[Scene], Any]
JWK = orjson.dumps(signature.public(professional_key())).decode()


@dataclass(frozen=True)
class Row:
    """An RPC asked at several steps; `said` tells requests of one RPC apart."""

    method: str
    situations: Sequence[Situation]
    ask: Ask
    said: str = ""

    @property
    def title(self) -> str:
        return f"{self.method}, {self.said}" if self.said else self.method


def on_it(message: type[Any], **fields: Any) -> Ask:
    return lambda on: message(prescription_id=on.of.id.value, **fields)


def on_person(message: type[Any], **fields: Any) -> Ask:
    return lambda on: message(person_id=on.person, **fields)


def with_secret(message: type[Any], **fields: Any) -> Ask:
    """The secret of the hold, as if everybody had it."""
    return lambda on: message(prescription_id=on.of.id.value, secret=on.secret or "none", **fields)


def acts(on: Scene) -> list[rxd.Act]:
    kind = rx.INTERVENTION_KIND_AS_PRESCRIBED
    return [rxd.Act(line_id=on.line, kind=kind, cip13=BRAND.packs[0].cip13, packs="1")]


def recording(message: type[Any]) -> Ask:
    return lambda on: message(prescription_id=on.of.id.value, secret=on.secret or "none", acts=acts(on))


def from_paper(on: Scene) -> rxd.RecordOfflineDispensingRequest:
    at = Timestamp()
    at.FromDatetime(NOW)
    return rxd.RecordOfflineDispensingRequest(
        number=on.of.number,
        access_code=on.access_code,
        acts=acts(on),
        delivered_at=at,
        paper_reference="P1",
    )


def claim(**how: Callable[[Scene], str]) -> Ask:
    return lambda on: rxd.ClaimPrescriptionRequest(
        number=on.of.number, **{name: given(on) for name, given in how.items()}
    )


def undo(on: Scene) -> rxd.UndoInterventionRequest:
    wrong = on.intervention.id.value if on.intervention else on.person
    return rxd.UndoInterventionRequest(
        prescription_id=on.of.id.value, intervention_id=wrong, reason="mauvaise boîte"
    )


def written() -> rx.PrescriptionContent:
    return shown.content(content(prescribed()))


READ = [DRAFT, SIGNED, RESTRICTED, HELD, SERVED, OPPOSED, OVER]
WRITE = [DRAFT, SIGNED]
COUNTER = [SIGNED, HELD]
ROWS: list[Row] = [
    Row(
        "CreatePrescription",
        [ANY],
        lambda on: rx.CreatePrescriptionRequest(person_id=on.person, content=written()),
    ),
    Row(
        "ChangePrescription",
        WRITE,
        lambda on: rx.ChangePrescriptionRequest(prescription_id=on.of.id.value, content=written()),
    ),
    Row("DiscardPrescription", WRITE, on_it(rx.DiscardPrescriptionRequest)),
    Row("CheckPrescription", WRITE, on_it(rx.CheckPrescriptionRequest)),
    Row("GetSigningInput", WRITE, on_it(rx.GetSigningInputRequest)),
    Row("SignPrescription", WRITE, on_it(rx.SignPrescriptionRequest)),
    Row("GetPrescription", READ, on_it(rx.GetPrescriptionRequest)),
    Row("ListPrescriptions", READ, on_person(rx.ListPrescriptionsRequest)),
    Row(
        "CancelPrescription",
        [DRAFT, SIGNED, RESTRICTED, HELD],
        on_it(rx.CancelPrescriptionRequest, reason=rx.CANCEL_REASON_PRESCRIBING_ERROR),
    ),
    Row("GetPaper", [DRAFT, SIGNED, RESTRICTED], on_it(rx.GetPaperRequest)),
    Row("GetToken", [SIGNED, RESTRICTED], on_it(rx.GetTokenRequest)),
    Row("GetDocument", [DRAFT, SIGNED, RESTRICTED, OPPOSED], on_it(rx.GetDocumentRequest)),
    Row("VerifySignature", [DRAFT, SIGNED, RESTRICTED], on_it(rx.VerifySignatureRequest)),
    Row("ListPrescriptionJournal", [DRAFT, SERVED, RESTRICTED], on_it(rx.ListPrescriptionJournalRequest)),
    Row(
        "ClaimPrescription",
        [DRAFT, SIGNED, HELD, OVER],
        claim(access_code=lambda on: on.access_code),
        "with the code",
    ),
    Row("ClaimPrescription", [SIGNED], claim(birth_date=lambda _on: "1980-01-02"), "with the birth date"),
    Row("ClaimPrescription", [SIGNED], claim(access_code=lambda _on: "1" * 27), "with a wrong code"),
    Row("ExtendClaim", COUNTER, with_secret(rxd.ExtendClaimRequest)),
    Row("ReleasePrescription", COUNTER, with_secret(rxd.ReleasePrescriptionRequest, reason=1)),
    Row("CheckDispensing", COUNTER, recording(rxd.CheckDispensingRequest)),
    Row("RecordDispensing", COUNTER, recording(rxd.RecordDispensingRequest)),
    Row("UndoIntervention", [SERVED], undo),
    Row("CloseDispensing", [HELD, SERVED], with_secret(rxd.CloseDispensingRequest)),
    Row(
        "RenewExceptionally",
        [SIGNED, USED_UP],
        lambda on: rxd.RenewExceptionallyRequest(
            number=on.of.number, access_code=on.access_code, reason="traitement chronique"
        ),
    ),
    Row("RecordOfflineDispensing", [SIGNED], from_paper),
    Row("ListDuplicates", [SERVED], on_it(rxd.ListDuplicatesRequest)),
    Row("ListDispensings", [SERVED, OPPOSED], on_person(rxd.ListDispensingsRequest)),
    Row("SetOpposition", [ANY], on_person(rxd.SetOppositionRequest, execution_hidden=True)),
    Row("GetOpposition", [ANY], on_person(rxd.GetOppositionRequest)),
    Row(
        "GetDispensingDocument",
        [SERVED, OPPOSED],
        lambda on: rxd.GetDispensingDocumentRequest(dispensing_id=on.dispensing),
    ),
    Row("SearchMedicines", [ANY], lambda _on: rxm.SearchMedicinesRequest(text="trexilol")),
    Row("GetMedicine", [ANY], lambda _on: rxm.GetMedicineRequest(cis=BRAND.cis)),
    Row("ListImports", [ANY], lambda _on: rxm.ListImportsRequest()),
    Row("ListUnknownConditions", [ANY], lambda _on: rxm.ListUnknownConditionsRequest()),
    Row("CheckProducts", [ANY], on_person(rxm.CheckProductsRequest, items=[rxm.Item(cis=BRAND.cis)])),
    Row("CompareProducts", [ANY], lambda _on: rxm.CompareProductsRequest(items=[rxm.Item(cis=BRAND.cis)])),
    Row("RecordAllergy", [ANY], on_person(rxm.RecordAllergyRequest, substance=rx.Substance(name="iode"))),
    Row(
        "WithdrawAllergy",
        [ANY],
        lambda on: rxm.WithdrawAllergyRequest(person_id=on.person, allergy_id=on.allergy, reason="erreur"),
    ),
    Row("ListAllergies", [ANY], on_person(rxm.ListAllergiesRequest)),
    Row("GetKeyChallenge", [ANY], lambda _on: rxk.GetKeyChallengeRequest(jwk=JWK)),
    Row(
        "RevokeSigningKey",
        [ANY],
        lambda on: rxk.RevokeSigningKeyRequest(key_id=on.key, reason="carte perdue"),
    ),
    Row(
        "ListSigningKeys",
        [ANY],
        lambda _on: rxk.ListSigningKeysRequest(professional="810100000011"),
        "of the author",
    ),
    Row("GetPlatformKeys", [ANY], lambda _on: rxk.GetPlatformKeysRequest()),
]
# Proved by a signature of the caller, in the tests of keys; a list of what is mine, in `test_listing`; a
# document that is read belongs to nobody yet.
ELSEWHERE = {"RegisterSigningKey", "ListMyPrescriptions", "ReadDocument"}


@pytest.fixture
async def stage(database: Database, issuer: LocalIssuer) -> AsyncIterator[Stage]:
    await stock(database)
    laid = desk(database, platform=platform())
    servicers: dict[str, Servicer] = {
        "PrescriptionService": PrescriptionServicer(laid),
        "DispensingService": DispensingServicer(laid),
        "MedicineService": MedicineServicer(database),
        "SafetyService": SafetyServicer(laid),
        "SigningKeyService": SigningKeyServicer(laid),
    }
    async with staged(servicers, database, issuer) as running:
        yield running


@dataclass(frozen=True)
class Rule:
    """What the contract says of an RPC."""

    changes: bool
    kinds: frozenset[CallerKind]


def rule(stage: Stage, method: str) -> Rule:
    descriptors = [s.servicer.service.methods_by_name.get(method) for s in stage.services.values()]
    option = next(rule_of(d) for d in descriptors if d is not None)
    return Rule(option.changes, frozenset(KINDS[kind] for kind in option.allow))


async def asked(stage: Stage, row: Row, scenes: dict[str, Scene]) -> dict[str, list[str]]:
    """What each caller whom the contract lets in gets; a scene serves as long as nothing changed."""
    contract = rule(stage, row.method)
    lines: dict[str, list[str]] = {}
    for situation in row.situations:
        on = None if contract.changes else scenes.get(situation.name)
        for who in WHO:
            on = on or await scene(stage.database, situation)
            caller = cast(on)[who]
            if caller.kind not in contract.kinds:
                continue
            found = await stage.outcome(row.method, row.ask(on), caller)
            lines.setdefault(who, []).append(found)
            if found == "yes" and contract.changes:
                on = None
        if on is not None and not contract.changes:
            scenes[situation.name] = on
    return lines


def table(row: Row, lines: dict[str, list[str]]) -> str:
    """Callers down, steps across."""
    cells = [[row.title, *(situation.name for situation in row.situations)]]
    cells += [[who, *found] for who, found in lines.items()]
    widths = [max(len(line[i]) for line in cells) for i in range(len(cells[0]))]
    written = ["  ".join(c.ljust(w) for c, w in zip(line, widths, strict=True)).rstrip() for line in cells]
    return "\n".join(written) + "\n"


TITLE = """E-prescription: who gets what, one table an RPC, callers down, steps of a prescription across. Who
is in no line is refused by the contract. `author` wrote it; `pharmacist` holds or served it; requests carry
the right code or secret unless said, as if everybody had it.

yes: permitted. without execution: what pharmacies did is kept from this reader. nothing: an empty list. not
found: as if it were not there. forbidden: a rule refuses and says which. refused: the state or the law does.
"""


@pytest.mark.timeout(300)
async def test_access_matrix(stage: Stage) -> None:
    kinds = Matrix(
        "E-prescription: which kinds of caller may call which RPC at all (the rule of the contract)."
    )
    for service in stage.services.values():
        doors(kinds, service.servicer)
    scenes: dict[str, Scene] = {}
    tables = [table(row, await asked(stage, row, scenes)) for row in ROWS]
    same_as_golden(HERE / "access_matrix.txt", "\n".join([kinds.text(), TITLE, *tables]))


def test_every_rpc_is_in_the_matrix() -> None:
    contracts = (rx.DESCRIPTOR, rxd.DESCRIPTOR, rxm.DESCRIPTOR, rxk.DESCRIPTOR)
    known = {m.name for c in contracts for s in c.services_by_name.values() for m in s.methods}
    assert known == {row.method for row in ROWS} | ELSEWHERE


def test_events_of_the_contract() -> None:
    same_as_golden(HERE / "events.txt", events_of(events_pb2))
