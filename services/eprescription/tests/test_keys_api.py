"""Signing keys through the server: proof of possession, one owner, revocation, the published keys."""

from collections.abc import AsyncIterator
from datetime import timedelta

import orjson
import pytest
from joserfc import jws
from joserfc.jwk import ECKey, OKPKey

from chassis.caller import Caller
from chassis.db import Database
from chassis.errors import AlreadyExists, Forbidden, InvalidInput, NotFound, RuleViolated, SocleError
from chassis.testing import NOW, LocalIssuer, Served, callers, served
from eprescription.api.keys import SigningKeyServicer
from eprescription.domain import possession, signature
from socle.eprescription.v1 import signing_pb2 as pb

from .given import desk
from .keys_given import platform, professional_key
from .rpc_given import asked, refusal_of

KEYS, _ = platform()


@pytest.fixture
async def service(database: Database, issuer: LocalIssuer) -> AsyncIterator[Served]:
    async with served(SigningKeyServicer(desk(database, platform=KEYS)), database, issuer) as running:
        yield running


def text(key: ECKey | OKPKey) -> str:
    return orjson.dumps(key.as_dict(private=False)).decode()


def proof(challenge: str, key: ECKey) -> str:
    return jws.serialize_compact({"alg": "ES256"}, challenge, key)


async def challenge_for(service: Served, key: ECKey, caller: Caller = callers.doctor) -> str:
    answer = await asked(service, "GetKeyChallenge", pb.GetKeyChallengeRequest(jwk=text(key)), caller)
    return str(answer.challenge)


async def register(
    service: Served, key: ECKey, given: str, caller: Caller = callers.doctor, **metadata: str
) -> pb.SigningKey:
    request = pb.RegisterSigningKeyRequest(jwk=text(key), proof=given, origin="card")
    answer: pb.RegisterSigningKeyResponse = await asked(
        service, "RegisterSigningKey", request, caller, **metadata
    )
    return answer.key


async def registered(service: Served, caller: Caller = callers.doctor) -> tuple[ECKey, pb.SigningKey]:
    key = professional_key()
    given = proof(await challenge_for(service, key, caller), key)
    return key, await register(service, key, given, caller)


async def refused(kind: type[SocleError], service: Served, key: ECKey, given: str, **changes: Caller) -> str:
    request = pb.RegisterSigningKeyRequest(jwk=text(key), proof=given, origin="card")
    caller = changes.get("caller", callers.doctor)
    error = await refusal_of(service, "RegisterSigningKey", request, caller)
    assert isinstance(error, kind)
    return error.sentence


async def test_who_proves_to_hold_the_key_registers_it(service: Served) -> None:
    key, made = await registered(service)
    assert (made.key_id, made.professional, made.origin) == (key.thumbprint(), callers.doctor.subject, "card")
    assert signature.read_key(made.jwk).thumbprint() == key.thumbprint()
    answer = await asked(service, "ListSigningKeys", pb.ListSigningKeysRequest(), callers.doctor)
    assert made.key_id in [one.key_id for one in answer.keys]


async def test_the_same_again_gives_the_same_key(service: Served) -> None:
    """A replayed challenge is harmless; and a lost answer is asked for again."""
    key = professional_key()
    given = proof(await challenge_for(service, key), key)
    assert await register(service, key, given) == await register(service, key, given)


async def test_a_challenge_signed_by_another_key_is_refused(service: Served) -> None:
    key, other = professional_key(), professional_key()
    challenge = await challenge_for(service, key)
    assert "hold this key" in await refused(InvalidInput, service, key, proof(challenge, other))
    assert "another key" in await refused(InvalidInput, service, other, proof(challenge, other))


async def test_a_challenge_of_another_caller_is_refused(service: Served) -> None:
    """Whoever saw a proof on its way cannot register the key in their own name."""
    key = professional_key()
    given = proof(await challenge_for(service, key), key)
    said = await refused(InvalidInput, service, key, given, caller=callers.other_doctor)
    assert "another caller" in said


async def test_a_challenge_is_good_for_five_minutes(database: Database, issuer: LocalIssuer) -> None:
    key = professional_key()
    servicer = SigningKeyServicer(desk(database, platform=KEYS))
    async with served(servicer, database, issuer) as early:
        given = proof(await challenge_for(early, key), key)
    async with served(servicer, database, issuer, now=NOW + timedelta(minutes=5)) as late:
        assert "five minutes" in await refused(InvalidInput, late, key, given)
    async with served(servicer, database, issuer, now=NOW + timedelta(seconds=299)) as still:
        assert (await register(still, key, given)).key_id == key.thumbprint()


@pytest.mark.parametrize("wrong", ["", "a.b.c", "x" * 500])
async def test_a_challenge_of_our_own_making_is_refused(service: Served, wrong: str) -> None:
    key = professional_key()
    assert await refused(InvalidInput, service, key, proof(wrong or "{}", key))


async def test_a_receipt_of_the_platform_is_no_challenge(service: Served) -> None:
    """Signed by the very same key, for something else."""
    key = professional_key()
    claims = possession.challenge(callers.doctor.subject, key, NOW)
    receipt = KEYS.sign_receipt({**claims, "typ": "socle-receipt"})
    assert "something else" in await refused(InvalidInput, service, key, proof(receipt, key))
    stranger, _ = platform()
    forged = stranger.sign_receipt(claims)
    assert "something else" in await refused(InvalidInput, service, key, proof(forged, key))


async def test_a_key_belongs_to_one_professional(service: Served) -> None:
    key, _ = await registered(service)
    given = proof(await challenge_for(service, key, callers.other_doctor), key)
    said = await refused(AlreadyExists, service, key, given, caller=callers.other_doctor)
    assert callers.doctor.subject not in said


@pytest.mark.parametrize(
    "jwk",
    ["", "{}", "[]", text(ECKey.generate_key("P-384")), text(OKPKey.generate_key("Ed25519"))],
)
async def test_a_key_of_another_kind_is_refused(service: Served, jwk: str) -> None:
    request = pb.GetKeyChallengeRequest(jwk=jwk)
    error = await refusal_of(service, "GetKeyChallenge", request, callers.doctor)
    assert isinstance(error, InvalidInput)


async def test_a_private_key_is_refused_and_not_repeated(service: Served) -> None:
    private = professional_key().as_dict(private=True)
    request = pb.GetKeyChallengeRequest(jwk=orjson.dumps(private).decode())
    error = await refusal_of(service, "GetKeyChallenge", request, callers.doctor)
    assert isinstance(error, InvalidInput)
    assert error.field == "jwk"
    assert str(private["d"]) not in f"{error.sentence} {error.hint}"


async def revoke(service: Served, key_id: str, caller: Caller = callers.doctor) -> pb.SigningKey:
    request = pb.RevokeSigningKeyRequest(key_id=key_id, reason="carte perdue")
    answer: pb.RevokeSigningKeyResponse = await asked(service, "RevokeSigningKey", request, caller)
    return answer.key


async def test_a_revoked_key_is_never_registered_again(service: Served) -> None:
    key, made = await registered(service)
    gone = await revoke(service, made.key_id)
    assert gone.revoked_at.ToDatetime() == NOW.replace(tzinfo=None)
    assert await revoke(service, made.key_id) == gone
    given = proof(await challenge_for(service, key), key)
    assert "never signs again" in await refused(RuleViolated, service, key, given)


async def test_a_key_of_another_is_as_one_that_is_not_there(service: Served) -> None:
    _, made = await registered(service)
    said = []
    for key_id in (made.key_id, "nothing-of-that-name"):
        request = pb.RevokeSigningKeyRequest(key_id=key_id, reason="x")
        error = await refusal_of(service, "RevokeSigningKey", request, callers.other_doctor)
        assert isinstance(error, NotFound)
        said.append((error.sentence, error.hint, error.field))
    assert said[0] == said[1]


async def test_the_operator_revokes_a_stolen_card_and_the_auditor_sees_it(service: Served) -> None:
    _, made = await registered(service)
    assert (await revoke(service, made.key_id, callers.operator)).HasField("revoked_at")
    request = pb.ListSigningKeysRequest(professional=callers.doctor.subject)
    for caller in (callers.auditor, callers.operator):
        answer = await asked(service, "ListSigningKeys", request, caller)
        assert next(one for one in answer.keys if one.key_id == made.key_id).HasField("revoked_at")


async def test_the_keys_of_another_are_not_listed(service: Served) -> None:
    request = pb.ListSigningKeysRequest(professional=callers.doctor.subject)
    error = await refusal_of(service, "ListSigningKeys", request, callers.other_doctor)
    assert isinstance(error, Forbidden)


async def test_whatever_is_done_with_a_key_is_written_down(service: Served, database: Database) -> None:
    _, made = await registered(service)
    await revoke(service, made.key_id, callers.operator)
    async with database.pool.acquire() as connection:
        rows = await connection.fetch(
            "SELECT action, actor FROM audit WHERE object_id = $1 ORDER BY id", made.key_id
        )
    assert [tuple(row) for row in rows] == [
        ("signing_key.register", callers.doctor.subject),
        ("signing_key.revoke", callers.operator.subject),
    ]


async def test_everybody_reads_the_keys_of_the_platform(service: Served) -> None:
    for caller in callers.every_kind().values():
        answer = await asked(service, "GetPlatformKeys", pb.GetPlatformKeysRequest(), caller)
        assert orjson.loads(answer.jwks) == KEYS.jwks()
        assert '"d"' not in answer.jwks
