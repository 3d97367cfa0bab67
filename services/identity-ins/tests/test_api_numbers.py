"""INSi asked for real through the RPCs: claims, cards, verifications, faults, and the journal of calls."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from chassis.db import Database
from chassis.testing import NOW, LocalIssuer, Served, callers
from identity_ins import seed
from socle.identity_ins.v1 import identity_ins_pb2 as pb

from .api_given import (
    CHILD,
    PATIENT,
    about,
    check,
    created,
    doubt,
    linked,
    number,
    refused,
    retrieval,
    sent,
    serving,
)

# Of the CNDA set: one person, three numbers one after the other.
RENUMBERED = seed.person(7)


@pytest.fixture(scope="module")
async def service(registry: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with serving(registry, issuer) as running:
        yield running


def claim(traits: pb.Traits | None = None, **more: Any) -> pb.CreateIdentityRequest:
    return pb.CreateIdentityRequest(traits=traits or sent(PATIENT.traits), ins=number(), **more)


def verification(id: str, matricule: str = "") -> pb.VerifyInsRequest:
    given = number(matricule) if matricule else None
    return pb.VerifyInsRequest(identity_id=id, ins=given)


async def calls_of(database: Database) -> list[tuple[str, str]]:
    rows = await database.pool.fetch("SELECT operation, code FROM insi_call ORDER BY id")
    return [(row["operation"], row["code"]) for row in rows]


async def test_create_when_the_number_claimed_is_confirmed_then_qualified_with_a_paper(
    service: Served, registry: Database
) -> None:
    before = await calls_of(registry)
    request = claim(paper="PA", paper_checked_on="2026-05-02", collection_method=4, billing_number=BILLED)
    answer = await service.ask("CreateIdentity", request, callers.doctor)
    identity = answer.identity
    assert (identity.status, identity.version) == (pb.IDENTITY_STATUS_QUALIFIEE, 1)
    assert (identity.person_id, identity.ins) == (PATIENT.id.value, number())
    assert (identity.paper, identity.paper_checked_at.ToJsonString()) == ("PA", "2026-05-02T12:00:00Z")
    assert identity.collection_method == pb.COLLECTION_METHOD_BAR_CODE
    assert identity.billing_number == BILLED
    assert (await calls_of(registry))[len(before) :] == [("verify", "OK")]


async def test_create_when_the_number_claimed_is_not_confirmed_then_refused_and_the_call_kept(
    service: Served, registry: Database
) -> None:
    before = await calls_of(registry)
    traits = sent(replace(PATIENT.traits, birth_place="75101"))
    error = await refused(service, "CreateIdentity", claim(traits, ipp="CLAIM"), callers.doctor)
    assert (error.kind.grpc, error.reason, error.field) == ("FAILED_PRECONDITION", "INS_NOT_CONFIRMED", "ins")
    assert (await calls_of(registry))[len(before) :] == [("verify", "KO")]
    assert await registry.pool.fetchval("SELECT count(*) FROM local_identity WHERE ipp = 'CLAIM'") == 0


async def test_create_when_a_machine_attests_a_paper_then_forbidden_and_insi_not_asked(
    service: Served, registry: Database
) -> None:
    before = await calls_of(registry)
    error = await refused(service, "CreateIdentity", claim(paper="PA"), callers.machine)
    assert error.kind.grpc == "PERMISSION_DENIED"
    assert await calls_of(registry) == before


BILLED = PATIENT.ins.matricule


def card(minutes_ago: int = 1, **changes: Any) -> pb.CarteVitale:
    read_at = Timestamp()
    read_at.FromDatetime(NOW - timedelta(minutes=minutes_ago))
    usual: dict[str, Any] = {
        "num_assure": BILLED,
        "date_naissance": PATIENT.traits.birth_date.isoformat(),
        "rang_gemellaire": 1,
        "nom": "MARTIN",
        "prenom": "CAMILLE",
        "read_at": read_at,
    }
    return pb.CarteVitale(**{**usual, **changes})


async def test_retrieve_when_a_card_is_read_then_found_whatever_the_name_typed(service: Served) -> None:
    identity = await created(service, replace(PATIENT.traits, birth_name="MARTIN"))
    by_traits = await service.ask("RetrieveIns", retrieval(identity.id), callers.doctor)
    assert by_traits.code == "01"
    request = pb.RetrieveInsRequest(identity_id=identity.id, card=card())
    answer = await service.ask("RetrieveIns", request, callers.doctor)
    assert (answer.code, answer.identity.traits.birth_name) == ("00", PATIENT.traits.birth_name)
    assert answer.identity.status == pb.IDENTITY_STATUS_RECUPEREE


@pytest.mark.parametrize(
    ("changes", "code", "reason"),
    [
        ({"num_assure": "284058832102500"}, "INVALID_ARGUMENT", "BILLING_NUMBER_WRONG"),
        ({"minutes_ago": 21}, "FAILED_PRECONDITION", "CARD_READ_TOO_OLD"),
        ({"minutes_ago": -5}, "INVALID_ARGUMENT", "CARD_READ_IN_THE_FUTURE"),
    ],
)
async def test_retrieve_when_the_card_is_wrong_then_refused(
    service: Served, changes: dict[str, Any], code: str, reason: str
) -> None:
    identity = await created(service)
    request = pb.RetrieveInsRequest(identity_id=identity.id, card=card(**changes))
    error = await refused(service, "RetrieveIns", request, callers.doctor)
    assert (error.kind.grpc, error.reason) == (code, reason)


async def test_retrieve_when_the_card_is_that_of_another_then_refused_and_unchanged(service: Served) -> None:
    identity = await created(service, CHILD.traits)
    request = pb.RetrieveInsRequest(identity_id=identity.id, card=card())
    error = await refused(service, "RetrieveIns", request, callers.doctor)
    assert (error.kind.grpc, error.reason) == ("FAILED_PRECONDITION", "CARD_OF_ANOTHER")
    read = await service.ask("GetIdentity", pb.GetIdentityRequest(identity_id=identity.id), callers.doctor)
    assert read.identity.version == 1


async def test_verify_when_the_number_held_is_good_then_confirmed_and_dated(service: Served) -> None:
    identity = await linked(service)
    assert not identity.HasField("verified_at")
    answer = await service.ask("VerifyIns", verification(identity.id), callers.doctor)
    assert answer.result == pb.VERIFICATION_RESULT_CONFIRMED
    assert answer.identity.verified_at.ToDatetime() == NOW.replace(tzinfo=None)
    assert (answer.identity.status, answer.identity.version) == (pb.IDENTITY_STATUS_RECUPEREE, 3)


async def test_verify_when_a_number_is_given_then_linked_or_refused_by_insi(service: Served) -> None:
    identity = await created(service)
    wrong = await service.ask("VerifyIns", verification(identity.id, CHILD.ins.matricule), callers.doctor)
    assert wrong.result == pb.VERIFICATION_RESULT_NOT_CONFIRMED
    assert wrong.identity == identity
    right = await service.ask("VerifyIns", verification(identity.id, PATIENT.ins.matricule), callers.doctor)
    assert right.result == pb.VERIFICATION_RESULT_CONFIRMED
    assert right.identity.status == pb.IDENTITY_STATUS_RECUPEREE


async def renumber(database: Database, current: str) -> None:
    """The registry gives person number 7 another of its numbers."""
    for statement, number_ in (
        ("UPDATE ins_number SET current = false WHERE person_id = $1", RENUMBERED.id.value),
        ("UPDATE ins_number SET current = true WHERE matricule = $1", current),
    ):
        await database.pool.execute(statement, number_)


async def test_verify_when_the_person_has_another_number_then_replaced_and_told(
    service: Served, registry: Database
) -> None:
    identity = await linked(service, RENUMBERED.traits)
    await service.ask("CheckIdentityPaper", check(identity.id), callers.doctor)
    new = RENUMBERED.former[0].matricule
    await renumber(registry, new)
    answer = await service.ask("VerifyIns", verification(identity.id), callers.doctor)
    await renumber(registry, RENUMBERED.ins.matricule)
    assert (answer.result, answer.identity.ins.matricule) == (pb.VERIFICATION_RESULT_REPLACED, new)
    assert answer.identity.status == pb.IDENTITY_STATUS_QUALIFIEE
    told = await registry.pool.fetch(
        "SELECT subject FROM outbox WHERE aggregate = $1 ORDER BY seq", f"identity/{identity.id}"
    )
    assert told[-1]["subject"] == "socle.identity_ins.identity.ins_replaced.v1"


async def test_verify_when_the_traits_differ_now_then_the_number_is_lost(
    service: Served, registry: Database
) -> None:
    identity = await linked(service)
    await service.ask("CheckIdentityPaper", check(identity.id), callers.doctor)
    await registry.pool.execute("UPDATE person SET birth_place = '75101' WHERE id = $1", PATIENT.id.value)
    answer = await service.ask("VerifyIns", verification(identity.id), callers.doctor)
    await registry.pool.execute(
        "UPDATE person SET birth_place = $2 WHERE id = $1", PATIENT.id.value, PATIENT.traits.birth_place
    )
    assert answer.result == pb.VERIFICATION_RESULT_NOT_CONFIRMED
    assert (answer.identity.status, answer.identity.HasField("ins")) == (pb.IDENTITY_STATUS_VALIDEE, False)


async def test_verify_when_nothing_is_held_or_in_doubt_then_refused(service: Served) -> None:
    identity = await created(service)
    error = await refused(service, "VerifyIns", verification(identity.id), callers.doctor)
    assert (error.kind.grpc, error.reason) == ("FAILED_PRECONDITION", "INS_NOT_HELD")
    await service.ask("MarkIdentityDoubtful", doubt(identity.id), callers.doctor)
    error = await refused(service, "VerifyIns", verification(identity.id), callers.doctor)
    assert error.reason == "IDENTITY_DOUBTFUL"


async def test_remove_when_replayed_with_its_key_then_the_same_answer(service: Served) -> None:
    request = about(pb.RemoveInsRequest, (await linked(service)).id)
    first = await service.ask("RemoveIns", request, callers.doctor, idempotency_key="remove-1")
    assert await service.ask("RemoveIns", request, callers.doctor, idempotency_key="remove-1") == first
    assert first.identity.status == pb.IDENTITY_STATUS_PROVISOIRE
    assert (await refused(service, "RemoveIns", request, callers.doctor)).reason == "INS_NOT_HELD"


async def test_insi_when_it_fails_then_journaled_unchanged_and_told_to_come_back(
    service: Served, registry: Database, issuer: LocalIssuer
) -> None:
    new, known = await created(service), await linked(service)
    async with serving(registry, issuer, fault_every=1) as faulty:
        for method, request in (
            ("RetrieveIns", retrieval(new.id)),
            ("VerifyIns", verification(known.id)),
            ("CreateIdentity", claim(ipp="FAULT")),
        ):
            before = len(await calls_of(registry))
            error = await refused(faulty, method, request, callers.doctor)
            assert (error.kind.grpc, error.reason) == ("UNAVAILABLE", "INSI_UNAVAILABLE")
            assert error.retry_after
            assert len(await calls_of(registry)) == before + 1
    for identity in (new, known):
        read = await service.ask(
            "GetIdentity", pb.GetIdentityRequest(identity_id=identity.id), callers.doctor
        )
        assert read.identity == identity
    assert await registry.pool.fetchval("SELECT count(*) FROM local_identity WHERE ipp = 'FAULT'") == 0
