"""Tokens, limits, the cache of persons, the feed: what stands between a request and the services."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OctKey

from chassis.errors import NotFound
from chassis.testing import LocalIssuer, call_as, callers, running, until
from gateway import __version__
from gateway.clients import Visit
from gateway.feed import Feed, as_sse
from gateway.persons import Persons
from gateway.routes.pages import WEB
from gateway.settings import Settings
from socle.identity_ins.v1 import events_pb2, identity_ins_pb2
from socle.options.v1 import options_pb2

PERSON = "01900000-0000-7000-8000-000000000001"
INS = identity_ins_pb2.Ins(matricule="279035121518989", oid="1.2.250.1.213.1.4.10")
ME = "/fhir/Patient/" + PERSON
AWAY = dict.fromkeys(("identity-ins", "dmp", "eprescription"), "127.0.0.1:1")


def forged(issuer: LocalIssuer) -> Iterator[tuple[str, str]]:
    """Tokens that must not pass, by what is wrong with them."""
    good = issuer.token(callers.citizen)
    claims = json.loads(json.dumps(jwt.decode(good, issuer.key, algorithms=["ES256"]).claims))
    yield "expired", issuer.token(callers.citizen, seconds=-60)
    yield "of another audience", issuer.token(callers.citizen, aud=["other"])
    yield "of an unknown issuer", issuer.token(callers.citizen, iss="https://elsewhere.test")
    other = ECKey.generate_key("P-256", parameters={"kid": "test"})
    yield "signed by another key", jwt.encode({"alg": "ES256", "kid": "test"}, claims, other)
    shared = OctKey.import_key("not-a-secret-of-anyone-at-all-00")
    yield "signed with a shared secret", jwt.encode({"alg": "HS256"}, claims, shared)
    header, payload, _ = good.split(".")
    yield "without signature", f"{header}.{payload}."
    yield "not a token", "abc"


async def test_every_bad_token_is_refused_before_any_service(here: Any) -> None:
    for what, token in forged(here.issuer):
        answer = await here.client.get(ME, headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 401, what
        assert answer.headers["www-authenticate"].startswith("Bearer"), what
        assert answer.json()["issue"][0]["code"] == "login", what
    assert here.identities.calls == []


async def test_token_may_not_be_sent_otherwise(here: Any) -> None:
    token = here.issuer.token(callers.citizen)
    for headers in ({}, {"Authorization": "Basic abc"}, {"Authorization": f"Token {token}"}):
        assert (await here.client.get(ME, headers=headers)).status_code == 401
    assert (await here.client.get(f"{ME}?access_token={token}")).status_code == 401


async def test_client_over_its_rate_is_told_when_to_come_back(house: Any) -> None:
    async with house(rate_limit="3/minute") as here:
        other = here.as_(replace(callers.citizen, client="another"))
        answers = [await here.client.get(ME, headers=here.as_(callers.citizen)) for _ in range(4)]
        assert [one.status_code for one in answers] == [200, 200, 200, 429]
        assert 1 <= int(answers[3].headers["retry-after"]) <= 60
        assert answers[3].json()["issue"][0]["code"] == "throttled"
        assert (await here.client.get(ME, headers=other)).status_code == 200
        assert (await here.client.get("/healthz")).status_code == 200


async def test_guessing_tokens_is_slowed_down(house: Any) -> None:
    async with house(refused_rate_limit="2/minute") as here:
        wrong = {"Authorization": "Bearer abc"}
        statuses = [(await here.client.get(ME, headers=wrong)).status_code for _ in range(3)]
        assert statuses == [401, 401, 429]
        assert (await here.client.get(ME, headers=here.as_(callers.citizen))).status_code == 200


async def test_body_over_the_limit_is_refused_announced_or_not(house: Any) -> None:
    async with house(body_limit=1000, fhir_body_limit=5000) as here:
        headers = here.as_(callers.doctor, Content_Type="application/json")

        async def pieces() -> Any:
            for _ in range(20):
                yield b"x" * 100

        announced = await here.client.post("/v1/identities", content=b"x" * 2000, headers=headers)
        streamed = await here.client.post("/v1/identities", content=pieces(), headers=headers)
        fhir = await here.client.post("/fhir", content=b"x" * 6000, headers=headers)
        assert [announced.status_code, streamed.status_code, fhir.status_code] == [413, 413, 413]
        assert announced.headers["content-type"] == "application/problem+json"
        assert fhir.json()["issue"][0]["code"] == "too-long"
        assert (await here.client.post("/fhir", content=b"x" * 2000, headers=headers)).status_code == 400


async def test_service_away_is_503_and_safe_to_retry(house: Any) -> None:
    async with house(services=AWAY) as here:
        answer = await here.client.get(ME, headers=here.as_(callers.citizen))
        assert answer.status_code == 503
        assert "retry-after" in answer.headers
        ready = await here.client.get("/readyz")
        assert ready.status_code == 503
        assert ready.json()["services"]["dmp"] == "unavailable"


async def test_unexpected_fault_tells_nothing_but_the_trace(here: Any) -> None:
    class Broken:
        @property
        def door(self) -> Any:
            raise RuntimeError("279035121518989")

    here.app.state.context = Broken()
    answer = await here.client.get(ME)
    assert answer.status_code == 500
    assert "279035121518989" not in answer.text
    assert answer.headers["traceparent"][3:35] in answer.text


FORMER = identity_ins_pb2.Ins(matricule="255081416802538", oid=INS.oid)


class Asked:
    """A platform whose identity-ins answers one person, and counts."""

    def __init__(self) -> None:
        self.identity = self
        self.ResolvePerson = "ResolvePerson"
        self.times = 0
        self.known: tuple[identity_ins_pb2.Ins, ...] = (INS,)
        self.meanwhile: Any = None

    async def ask(self, method: str, request: Any, visit: Visit) -> Any:
        self.times += 1
        if self.meanwhile:
            self.meanwhile()
        if request.ins not in self.known:
            raise NotFound
        return identity_ins_pb2.ResolvePersonResponse(person_id=PERSON, former=request.ins == FORMER)


async def resolved(persons: Persons, platform: Any, ins: identity_ins_pb2.Ins = INS) -> str:
    return await persons.resolve(ins, platform, Visit(call_as(callers.doctor)))


async def test_person_is_asked_once_while_events_are_heard() -> None:
    persons, platform = Persons(Settings()), Asked()
    persons.trust(True)
    assert [await resolved(persons, platform) for _ in range(3)] == [PERSON] * 3
    assert platform.times == 1
    assert persons.ins_of(PERSON) == INS


async def test_identity_event_empties_the_person() -> None:
    persons, platform = Persons(Settings()), Asked()
    persons.trust(True)
    await resolved(persons, platform)
    persons.forget(PERSON)
    assert persons.ins_of(PERSON) is None
    await resolved(persons, platform)
    assert platform.times == 2


async def test_every_number_of_a_person_is_forgotten_with_them() -> None:
    """A former number names its person too: after a replacement neither may be answered from memory."""
    persons, platform = Persons(Settings()), Asked()
    persons.trust(True)
    platform.known = (INS, FORMER)
    await resolved(persons, platform, FORMER)
    await resolved(persons, platform)
    persons.forget(PERSON)
    await resolved(persons, platform, FORMER)
    await resolved(persons, platform)
    assert platform.times == 4


async def test_former_number_is_never_handed_on() -> None:
    persons, platform = Persons(Settings()), Asked()
    persons.trust(True)
    platform.known = (INS, FORMER)
    await resolved(persons, platform, FORMER)
    assert persons.ins_of(PERSON) is None
    await resolved(persons, platform)
    await resolved(persons, platform, FORMER)
    assert persons.ins_of(PERSON) == INS


async def test_person_pushed_out_of_the_cache_by_others_is_asked_again() -> None:
    """Half a pair that stayed behind would outlive the event that speaks of it."""
    persons, platform = Persons(Settings(person_cache_size=2)), Asked()
    persons.trust(True)
    await resolved(persons, platform)
    for number in range(2):
        await resolved(persons, platform)
        persons.learn(f"person-{number}", identity_ins_pb2.Ins(matricule=str(number), oid=INS.oid))
    persons.forget(PERSON)
    asked = platform.times
    await resolved(persons, platform)
    assert platform.times == asked + 1


async def test_nothing_is_kept_while_events_are_not_heard() -> None:
    persons, platform = Persons(Settings()), Asked()
    await resolved(persons, platform)
    assert persons.ins_of(PERSON) is None
    persons.trust(True)
    await resolved(persons, platform)
    persons.trust(False)
    assert persons.ins_of(PERSON) is None
    await resolved(persons, platform)
    assert platform.times == 3


async def test_answer_overtaken_by_an_event_is_not_kept() -> None:
    persons, platform = Persons(Settings()), Asked()
    persons.trust(True)
    platform.meanwhile = lambda: persons.forget("someone")
    await resolved(persons, platform)
    platform.meanwhile = None
    await resolved(persons, platform)
    assert platform.times == 2


async def test_unknown_person_is_not_remembered() -> None:
    persons, platform = Persons(Settings()), Asked()
    persons.trust(True)
    for _ in range(2):
        with pytest.raises(NotFound):
            await resolved(persons, platform, identity_ins_pb2.Ins(matricule="1", oid="2"))
    assert platform.times == 2


def event(kind: str, **members: Any) -> tuple[str, bytes]:
    """Subject and data of an event, as NATS hands them over."""
    return kind, json.dumps({"type": kind, **members}).encode()


async def test_feed_shows_four_fields_and_forgets_the_person() -> None:
    persons = Persons(Settings())
    persons.trust(True)
    persons.learn(PERSON, INS)
    feed = Feed(Settings(), persons)
    kind = "socle.identity_ins.identity.qualified.v1"
    watching = feed.watch()
    waiting = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    feed.hear(*event(kind, id="e-1", position=4, time="t", data={"person_id": PERSON}))
    assert json.loads(await waiting) == {"id": "e-1", "type": kind, "time": "t", "position": 4}
    assert persons.ins_of(PERSON) is None
    await watching.aclose()
    later = feed.watch()
    assert json.loads(await anext(later))["id"] == "e-1"
    assert as_sse(b"") == b": silence\n\n"


def naming_a_person() -> list[str]:
    """The subjects of the identity events that say whom they concern."""
    messages = events_pb2.DESCRIPTOR.message_types_by_name.values()
    return [
        str(one.GetOptions().Extensions[options_pb2.event].subject)
        for one in messages
        if "person_id" in one.fields_by_name
    ]


@pytest.mark.parametrize("subject", naming_a_person())
async def test_every_identity_event_that_names_a_person_makes_the_gateway_forget(subject: str) -> None:
    persons = Persons(Settings())
    persons.trust(True)
    persons.learn(PERSON, INS)
    Feed(Settings(), persons).hear(*event(subject, data={"person_id": PERSON}))
    assert persons.ins_of(PERSON) is None


def test_events_that_change_whom_a_number_names_say_the_person() -> None:
    told = " ".join(naming_a_person())
    for event_of in (
        "number_replaced",
        "ins_replaced",
        "downgraded",
        "changed",
        "identity.merged",
        "unmerged",
    ):
        assert event_of in told


async def test_feed_listens_again_after_nats_closed_its_connection_for_good(
    nats_server: Any, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_text(nats_server.passwords["subscriber"])
    settings = Settings(nats_url=nats_server.url, nats_user="subscriber", nats_password_file=password)
    persons = Persons(settings)
    feed, admin = Feed(settings, persons), await nats_server.client("admin")
    async with running(feed.run()):
        await until(lambda: persons.trusted)
        assert feed._client
        await feed._client.close()
        assert not persons.trusted
        await until(lambda: persons.trusted)
        watching = feed.watch()
        await admin.publish(*event("socle.dmp.document.submitted.v1", id="e-2"))
        assert json.loads(await anext(watching))["id"] == "e-2"
        await watching.aclose()
    assert not persons.trusted
    await admin.close()


async def test_slow_watcher_loses_the_oldest_only() -> None:
    feed = Feed(Settings(), Persons(Settings()))
    watching = feed.watch()
    first = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    for number in range(300):
        feed.hear(*event("socle.dmp.document.submitted.v1", id=str(number)))
    await first
    feed.hear("socle.dmp.document.submitted.v1", b"not json")
    assert int(json.loads(await anext(watching))["id"]) >= 99


async def test_live_stream_is_open_on_a_local_platform_only(here: Any) -> None:
    here.app.state.context = replace(
        here.app.state.context,
        settings=here.app.state.context.settings.model_copy(update={"profile": "production"}),
    )
    assert (await here.client.get("/v1/events/stream")).status_code == 401
    assert (await here.client.get("/v1/personas")).json() == []


async def test_pages_hold_nothing_from_elsewhere(here: Any) -> None:
    for path in ("/", "/docs", "/web/style.css", "/web/app.js", "/web/feed.js"):
        answer = await here.client.get(path)
        assert answer.status_code == 200, path
        assert "default-src 'self'" in answer.headers["content-security-policy"], path
        assert "https://" not in answer.text.replace("https://www.w3.org", ""), path
    for path in ("/docs/assets/swagger-ui-bundle.js", "/docs/assets/swagger-ui.css", "/favicon.ico"):
        assert (await here.client.get(path)).status_code == 200, path


async def test_status_and_health(here: Any) -> None:
    status = (await here.client.get("/v1/status")).json()
    assert {one["name"]: one["status"] for one in status["services"]} == {
        "gateway": "serving",
        "identity-ins": "serving",
        "dmp": "serving",
        "eprescription": "serving",
    }
    assert (await here.client.get("/readyz")).status_code == 200
    assert (await here.client.get("/healthz")).json()["version"] == __version__


def test_version_is_the_one_of_the_package() -> None:
    assert f'version = "{__version__}"' in (WEB.parent.parent / "pyproject.toml").read_text()


async def test_streams_end_when_the_gateway_stops(here: Any) -> None:
    feed = here.app.state.context.feed
    watching = feed.watch()
    waiting = asyncio.ensure_future(anext(watching))
    await asyncio.sleep(0)
    feed.end()
    with pytest.raises(StopAsyncIteration):
        await waiting


async def test_head_of_a_stream_ends(here: Any) -> None:
    answer = await here.client.head("/v1/events/stream")
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/event-stream")


def test_service_without_address_is_told_at_start() -> None:
    with pytest.raises(ValueError, match="SOCLE_SERVICES must say where dmp, eprescription listens"):
        Settings(services={"identity-ins": "127.0.0.1:1"})
