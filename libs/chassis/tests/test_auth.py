"""Tokens: what proves a caller, and every way in which it does not."""

import asyncio
import base64
import hmac
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

from chassis import auth, keys
from chassis.auth import Verifier
from chassis.caller import Caller, CallerKind
from chassis.errors import SocleError, Unauthenticated, Unavailable
from chassis.testing import LocalIssuer, callers

NOON = datetime(2026, 6, 12, 12, 0, tzinfo=UTC)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now


class Sso:
    """The three issuers over HTTP: their keys change, they count their visits, they go away."""

    BASE = LocalIssuer.BASE

    def __init__(self) -> None:
        self.keys: list[Any] = [ECKey.generate_key("P-256", parameters={"kid": "one"})]
        self.visits, self.away = 0, False
        self.http = httpx.AsyncClient(transport=httpx.MockTransport(self.answer))

    async def answer(self, request: httpx.Request) -> httpx.Response:
        await asyncio.sleep(0.001)
        if self.away:
            raise httpx.ConnectError("refused")
        if request.url.path.endswith("/openid-configuration"):
            base = str(request.url).removesuffix("/.well-known/openid-configuration")
            return httpx.Response(200, json={"issuer": base, "jwks_uri": f"{base}/certs"})
        self.visits += 1
        return httpx.Response(200, json=KeySet(self.keys).as_dict(private=False))

    def token(self, key: Any = None, header: dict[str, Any] | None = None, **claims: Any) -> str:
        whole = {
            "iss": f"{self.BASE}/pro",
            "aud": ["socle"],
            "exp": NOON.timestamp() + 300,
            "SubjectNameID": "810100000011",
            "SubjectRole": ["10^1.2.250.1.213.1.1.5.5"],
            **claims,
        }
        head = {"alg": "ES256", "kid": "one", **(header or {})}
        return jwt.encode(head, {k: v for k, v in whole.items() if v is not None}, key or self.keys[0])


@pytest.fixture
def sso() -> Sso:
    return Sso()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def monotonic(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Moves the clock that ages the keys."""
    shift = 0.0
    real = time.monotonic

    class Moved:
        @staticmethod
        def monotonic() -> float:
            return real() + shift

    def forward(seconds: float) -> None:
        nonlocal shift
        shift += seconds

    monkeypatch.setattr(keys, "time", Moved)
    return forward


@pytest.fixture
def verifier(sso: Sso, clock: Clock) -> Verifier:
    return Verifier(LocalIssuer().issuers(), sso.http, clock)


async def reason(verifier: Verifier, token: str, scheme: str = "Bearer ") -> str:
    with pytest.raises(SocleError) as error:
        await verifier.authenticate(scheme + token)
    return f"{error.value.reason}: {error.value.sentence}"


def unsigned(claims: dict[str, Any], header: dict[str, Any], signature: bytes = b"") -> str:
    parts = (json.dumps(header).encode(), json.dumps(claims).encode(), signature)
    return ".".join(base64.urlsafe_b64encode(p).rstrip(b"=").decode() for p in parts)


async def test_a_good_token_is_a_caller(verifier: Verifier, sso: Sso) -> None:
    claims: dict[str, Any] = {
        "SubjectOrganizationID": "1750000018",
        "given_name": "Anne",
        "family_name": "DOCTEUR",
    }
    caller = await verifier.authenticate(f"Bearer {sso.token(**claims, acr='eidas1', azp='lps')}")
    assert caller == callers.doctor


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic abc", "abc"])
async def test_no_token(verifier: Verifier, header: str) -> None:
    with pytest.raises(auth.TokenMissing):
        await verifier.authenticate(header)


async def test_expired_at_first_sight_and_when_it_was_known(
    verifier: Verifier, sso: Sso, clock: Clock
) -> None:
    token = sso.token()
    await verifier.authenticate(f"Bearer {token}")
    clock.now = NOON + timedelta(seconds=300 + auth.LEEWAY + 1)
    assert "TOKEN_EXPIRED" in await reason(verifier, token)
    assert "TOKEN_EXPIRED" in await reason(verifier, sso.token(jti="another"))


async def test_not_yet_valid(verifier: Verifier, sso: Sso) -> None:
    assert "not valid yet" in await reason(verifier, sso.token(nbf=NOON.timestamp() + 60))


@pytest.mark.parametrize("exp", [None, "never", [1]])
async def test_without_expiry(verifier: Verifier, sso: Sso, exp: Any) -> None:
    assert "TOKEN_REFUSED" in await reason(verifier, sso.token(exp=exp))


@pytest.mark.parametrize("aud", [None, "account", ["account"], "socle-other", {"socle": 1}, 7, []])
async def test_for_another_audience(verifier: Verifier, sso: Sso, aud: Any) -> None:
    assert "audience" in await reason(verifier, sso.token(aud=aud))


async def test_of_an_unknown_issuer_is_refused_without_asking_it(verifier: Verifier, sso: Sso) -> None:
    assert "issuer is not known" in await reason(verifier, sso.token(iss="https://evil.test/realms/pro"))
    assert sso.visits == 0


async def test_signed_by_another_key_under_the_same_kid(verifier: Verifier, sso: Sso) -> None:
    forged = sso.token(ECKey.generate_key("P-256", parameters={"kid": "one"}))
    assert "signature" in await reason(verifier, forged)


async def test_changed_after_signature(verifier: Verifier, sso: Sso) -> None:
    head, body, signature = sso.token().split(".")
    claims = orjson.loads(base64.urlsafe_b64decode(body + "=="))
    claims["SubjectNameID"] = "810100000029"
    other = base64.urlsafe_b64encode(orjson.dumps(claims)).rstrip(b"=").decode()
    assert "signature" in await reason(verifier, f"{head}.{other}.{signature}")


@pytest.mark.parametrize("alg", ["none", "None", "NONE"])
async def test_not_signed_at_all(verifier: Verifier, sso: Sso, alg: str) -> None:
    claims = {
        "iss": f"{sso.BASE}/pro",
        "aud": "socle",
        "exp": NOON.timestamp() + 300,
        "SubjectNameID": "8101",
    }
    assert "signature" in await reason(verifier, unsigned(claims, {"alg": alg, "kid": "one"}))


async def test_mac_made_with_the_public_key(verifier: Verifier, sso: Sso) -> None:
    sso.keys = [RSAKey.generate_key(2048, parameters={"kid": "one"})]
    public = sso.keys[0].as_pem(private=False)
    claims = {
        "iss": f"{sso.BASE}/pro",
        "aud": "socle",
        "exp": NOON.timestamp() + 300,
        "SubjectNameID": "8101",
    }
    signed, _, _ = unsigned(claims, {"alg": "HS256", "kid": "one"}).rpartition(".")
    mac = hmac.digest(public, signed.encode(), "sha256")
    token = f"{signed}.{base64.urlsafe_b64encode(mac).rstrip(b'=').decode()}"
    assert "signature" in await reason(verifier, token)


async def test_rsa_keys_are_those_of_keycloak(verifier: Verifier, sso: Sso) -> None:
    sso.keys = [RSAKey.generate_key(2048, parameters={"kid": "one"})]
    assert (
        await verifier.authenticate(f"Bearer {sso.token(header={'alg': 'RS256'})}")
    ).subject == "810100000011"


async def test_of_one_issuer_with_the_key_of_another_realm(verifier: Verifier, sso: Sso) -> None:
    """A citizen's realm cannot make a doctor: the population is the issuer's, whatever the claims say."""
    token = sso.token(iss=f"{sso.BASE}/citoyen", sub="c" * 64, person_id="p")
    assert (await verifier.authenticate(f"Bearer {token}")).kind is CallerKind.CITIZEN


async def test_rotation_a_new_key_is_fetched_once(verifier: Verifier, sso: Sso, monotonic: Any) -> None:
    await verifier.authenticate(f"Bearer {sso.token()}")
    monotonic(keys.AGAIN + 1)
    sso.keys = [ECKey.generate_key("P-256", parameters={"kid": "two"}), *sso.keys]
    for number in range(3):
        await verifier.authenticate(f"Bearer {sso.token(header={'kid': 'two'}, jti=str(number))}")
    assert sso.visits == 2


async def test_many_callers_at_once_fetch_the_keys_once(verifier: Verifier, sso: Sso) -> None:
    tokens = [sso.token(jti=str(number)) for number in range(20)]
    await asyncio.gather(*(verifier.authenticate(f"Bearer {token}") for token in tokens))
    assert sso.visits == 1


async def test_forged_tokens_do_not_flood_the_issuer(verifier: Verifier, sso: Sso) -> None:
    other = ECKey.generate_key("P-256")
    for number in range(20):
        await reason(verifier, sso.token(other, {"kid": f"k{number}"}))
    assert sso.visits == 1


async def test_a_key_withdrawn_is_soon_no_longer_believed(
    verifier: Verifier, sso: Sso, monotonic: Any
) -> None:
    stolen = sso.keys[0]
    await verifier.authenticate(f"Bearer {sso.token()}")
    sso.keys = [ECKey.generate_key("P-256", parameters={"kid": "two"})]
    monotonic(keys.FRESH + 1)
    assert "signature" in await reason(verifier, sso.token(stolen, jti="later"))


async def test_issuer_away_at_first_is_told_and_then_forgotten(
    verifier: Verifier, sso: Sso, monotonic: Any
) -> None:
    sso.away = True
    with pytest.raises(Unavailable) as error:
        await verifier.authenticate(f"Bearer {sso.token()}")
    assert error.value.retry_after == 2.0
    sso.away = False
    with pytest.raises(Unavailable):
        await verifier.authenticate(f"Bearer {sso.token()}")
    monotonic(keys.AFTER_FAILURE + 0.1)
    await verifier.authenticate(f"Bearer {sso.token()}")


async def test_issuer_away_later_then_known_keys_serve_for_an_hour(
    verifier: Verifier, sso: Sso, monotonic: Any
) -> None:
    await verifier.authenticate(f"Bearer {sso.token()}")
    sso.away = True
    monotonic(keys.FRESH + 1)
    await verifier.authenticate(f"Bearer {sso.token(jti='2')}")
    monotonic(keys.MOST)
    with pytest.raises(Unavailable):
        await verifier.authenticate(f"Bearer {sso.token(jti='3')}")


@pytest.mark.parametrize("body", [b"not json", b"{}", b'{"jwks_uri": 7}', b'{"jwks_uri": "::"}', b"[]"])
async def test_an_issuer_that_answers_nonsense_is_away(body: bytes) -> None:
    http = httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(200, content=body)))
    with pytest.raises(Unavailable):
        await Verifier(LocalIssuer().issuers(), http).authenticate(f"Bearer {Sso().token()}")


@pytest.mark.parametrize(
    "claims",
    [
        {"SubjectNameID": None, "sub": "x"},
        {"SubjectRole": 7},
        {"iss": f"{Sso.BASE}/services", "realm_access": {"roles": ["other"]}, "azp": "x"},
        {"iss": f"{Sso.BASE}/services", "realm_access": {"roles": ["socle-service"]}},
        {"iss": f"{Sso.BASE}/services", "realm_access": "socle-service", "azp": "x"},
        {"iss": f"{Sso.BASE}/citoyen"},
        {"iss": f"{Sso.BASE}/citoyen", "sub": "x", "represents": 7},
    ],
)
async def test_a_signed_token_that_proves_nobody_is_refused(
    verifier: Verifier, sso: Sso, claims: Any
) -> None:
    assert "TOKEN_REFUSED" in await reason(verifier, sso.token(**claims))


@given(st.text(max_size=80) | st.builds(lambda *p: ".".join(p), *[st.text("ey0aAzZ-_=9", max_size=40)] * 3))
async def test_any_text_as_a_token_is_refused_and_nothing_else(text: str) -> None:
    with pytest.raises(Unauthenticated):
        await Verifier(LocalIssuer().issuers(), Sso().http).authenticate(f"Bearer {text}")


@given(
    st.recursive(
        st.none() | st.integers() | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
        max_leaves=5,
    )
)
async def test_any_claims_as_a_token_are_refused_and_nothing_else(claims: Any) -> None:
    for algorithm in ("ES256", None, 7):
        with pytest.raises(Unauthenticated):
            token = unsigned(claims, {"alg": algorithm, "kid": "one"}, b"s" * 64)
            await Verifier(LocalIssuer().issuers(), Sso().http).authenticate(f"Bearer {token}")


@pytest.mark.parametrize("kind", list(callers.every_kind()))
async def test_each_kind_of_caller_is_proved_by_a_token_of_its_own(issuer: LocalIssuer, kind: str) -> None:
    wanted = callers.every_kind()[kind]
    got = await issuer.verifier().authenticate(f"Bearer {issuer.token(wanted)}")
    assert (got.kind, got.subject, got.organisation, got.person_id) == (
        wanted.kind,
        wanted.subject,
        wanted.organisation,
        wanted.person_id,
    )


async def test_staff_has_no_profession_whatever_the_token_says(issuer: LocalIssuer) -> None:
    token = issuer.token(callers.staff, SubjectRole=["10^1.2.250.1.213.1.1.5.5"])
    caller = await issuer.verifier().authenticate(f"Bearer {token}")
    assert (caller.kind, caller.profession) == (CallerKind.STAFF, "")


async def test_regulation_doctor_has_the_role(issuer: LocalIssuer) -> None:
    for said, roles in (("VRAI", {"regulation"}), ("FAUX", set()), (None, set())):
        token = issuer.token(callers.doctor, Acces_Regulation_Medicale=said)
        assert (await issuer.verifier().authenticate(f"Bearer {token}")).roles == roles


async def test_represented_nobody_is_not_represented(issuer: LocalIssuer) -> None:
    token = issuer.token(callers.guardian, represents=["", "p"])
    assert (await issuer.verifier().authenticate(f"Bearer {token}")).represents == {"p"}


async def test_memory_is_bounded(sso: Sso, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auth, "CACHE_MOST", 3)
    verifier = Verifier(LocalIssuer().issuers(), sso.http, Clock())
    for number in range(10):
        await verifier.authenticate(f"Bearer {sso.token(jti=str(number))}")
    assert len(verifier._known) <= 3


def test_no_population_makes_a_caller_of_another(sso: Sso) -> None:
    claims = {
        "SubjectNameID": "810100000011",
        "sub": "x",
        "person_id": "p",
        "realm_access": {"roles": ["socle-operator"]},
    }
    made: list[Caller] = [auth.to_caller({**claims, "azp": "c"}, p) for p in ("pro", "citizen", "services")]
    assert [c.kind for c in made] == [CallerKind.PROFESSIONAL, CallerKind.CITIZEN, CallerKind.OPERATOR]
    assert [c.person_id for c in made] == ["", "p", ""]


async def test_keys_fetched_ahead_are_not_fetched_by_the_first_caller(verifier: Verifier, sso: Sso) -> None:
    await verifier.fetch_keys()
    assert sso.visits == len(LocalIssuer.REALMS)
    await verifier.authenticate(f"Bearer {sso.token()}")
    assert sso.visits == len(LocalIssuer.REALMS)


async def test_an_issuer_that_is_away_holds_up_no_start(verifier: Verifier, sso: Sso, monotonic: Any) -> None:
    sso.away = True
    await verifier.fetch_keys()
    sso.away = False
    monotonic(keys.AFTER_FAILURE)
    assert (await verifier.authenticate(f"Bearer {sso.token()}")).subject == "810100000011"
