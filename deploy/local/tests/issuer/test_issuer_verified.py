"""What the issuer signs is what the services believe: its tokens through the chassis's own verifier."""

from datetime import UTC, datetime

import httpx
import pytest

from chassis.auth import TokenExpired, Verifier
from chassis.caller import CallerKind
from chassis.settings import Settings
from socle_local.issuer.testing import Clock
from socle_local.personas import PERSONAS

KINDS = {
    "secretary": CallerKind.STAFF,
    "patient": CallerKind.CITIZEN,
    "other-patient": CallerKind.CITIZEN,
    "guardian": CallerKind.CITIZEN,
    "caregiver": CallerKind.CITIZEN,
    "integrator": CallerKind.MACHINE,
    "ops": CallerKind.OPERATOR,
    "auditor": CallerKind.AUDITOR,
}


@pytest.fixture
def verifier(http: httpx.AsyncClient, clock: Clock) -> Verifier:
    return Verifier(Settings().issuers, http, lambda: datetime.fromtimestamp(clock(), UTC))


async def authorization(http: httpx.AsyncClient, persona: str, ttl: int = 300) -> str:
    answer = await http.post("/local/token", json={"persona": persona, "ttl": ttl})
    return f"Bearer {answer.json()['access_token']}"


@pytest.mark.parametrize("persona", list(PERSONAS))
async def test_each_persona_is_the_caller_that_services_expect(
    http: httpx.AsyncClient, verifier: Verifier, persona: str
) -> None:
    caller = await verifier.authenticate(await authorization(http, persona))
    assert caller.kind is KINDS.get(persona, CallerKind.PROFESSIONAL)
    assert bool(caller.person_id) == (caller.kind is CallerKind.CITIZEN)
    if caller.kind in {CallerKind.PROFESSIONAL, CallerKind.STAFF, CallerKind.MACHINE}:
        assert caller.organisation


async def test_a_guardian_acts_for_the_other_patient_only(
    http: httpx.AsyncClient, verifier: Verifier
) -> None:
    guardian = await verifier.authenticate(await authorization(http, "guardian"))
    child = await verifier.authenticate(await authorization(http, "other-patient"))
    patient = await verifier.authenticate(await authorization(http, "patient"))
    assert (guardian.acts_for(child.person_id), guardian.acts_for(patient.person_id)) == (True, False)


async def test_an_expired_token_is_told_apart(http: httpx.AsyncClient, verifier: Verifier) -> None:
    with pytest.raises(TokenExpired):
        await verifier.authenticate(await authorization(http, "doctor", ttl=-60))
