"""The application in process: what exporters may send, what people and scripts get."""

import re
from collections.abc import AsyncIterator

import httpx
import pytest
from google.rpc.status_pb2 import Status

from socle_local.observe import bodies
from socle_local.observe.app import Observed, create_app

from .given import GZIP, NOW, PROTOBUF, TRACE, Sent, counted, export, gauge, measured, packed

HOSTILE = '<script>alert("1")</script>'


@pytest.fixture
async def client() -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(Observed(clock=lambda: NOW))
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8082") as made:
        yield made


async def send(client: httpx.AsyncClient, *sent: Sent) -> httpx.Response:
    return await client.post("/v1/traces", content=export(*sent).SerializeToString(), headers=PROTOBUF)


async def test_a_trace_is_received_listed_and_shown(client: httpx.AsyncClient) -> None:
    body = export(
        Sent(1, "GET /x", attributes={"http.route": "/x"}), Sent(2, "SELECT t", under=1, service="dmp")
    )
    answer = await client.post("/v1/traces", content=packed(body.SerializeToString()), headers=GZIP)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-protobuf")

    (line,) = (await client.get("/api/traces")).json()["traces"]
    assert (line["trace_id"], line["title"], line["services"]) == (TRACE, "GET /x", ["gateway", "dmp"])
    spans = (await client.get(f"/api/traces/{TRACE}")).json()["spans"]
    assert [(span["name"], span["depth"]) for span in spans] == [("GET /x", 0), ("SELECT t", 1)]
    page = await client.get(f"/traces/{TRACE}")
    assert page.status_code == 200
    assert "<dt>http.route</dt><dd>/x</dd>" in page.text
    assert f'href="/traces/{TRACE}"' in (await client.get("/")).text


async def test_measures_are_received_and_shown(client: httpx.AsyncClient) -> None:
    export = measured(
        counted(-5, (60, 0, 0, 0), {"rpc": "/a.B/C", "code": "OK"}),
        gauge(-5, 90.0, "socle.outbox.oldest_age"),
    )
    answer = await client.post("/v1/metrics", content=export.SerializeToString(), headers=PROTOBUF)
    assert answer.status_code == 200
    told = (await client.get("/api/metrics")).json()
    assert [(line["what"], line["rate"]) for line in told["rpcs"]] == [("a.B/C", 1.0)]
    assert [(line["title"], line["worry"]) for line in told["measures"]] == [("Outbox, oldest event", True)]
    page = (await client.get("/metrics")).text
    assert "a.<wbr>B/<wbr>C" in page
    assert re.search(r'class="number worry">2 min<', page)


@pytest.mark.parametrize(
    ("content", "headers", "status", "says"),
    [
        (b"{}", {"content-type": "application/json"}, 415, "http/protobuf"),
        (b"", {}, 415, "untyped"),
        (b"\xff\xff\xff", PROTOBUF, 400, "ExportTraceServiceRequest"),
        (b"plain", GZIP, 400, "gzip"),
        (packed(b"x" * 100)[:-9], GZIP, 400, "cut short"),
        (packed(b"") + b"more", GZIP, 400, "followed by something"),
        (b"", {**PROTOBUF, "content-encoding": "br"}, 415, "'br'"),
    ],
)
async def test_a_body_that_is_none_is_refused_with_a_reason(
    client: httpx.AsyncClient, content: bytes, headers: dict[str, str], status: int, says: str
) -> None:
    answer = await client.post("/v1/traces", content=content, headers=headers)
    assert answer.status_code == status
    assert says in Status.FromString(answer.content).message


async def test_a_long_body_is_refused_before_it_is_whole(client: httpx.AsyncClient) -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += bodies.MEGABYTE
            yield b"x" * bodies.MEGABYTE

    answer = await client.post("/v1/traces", content=endless(), headers=PROTOBUF)
    assert answer.status_code == 413
    assert read <= bodies.PACKED_MOST + 2 * bodies.MEGABYTE


async def test_a_bomb_is_not_unpacked_beyond_the_bound(client: httpx.AsyncClient) -> None:
    bomb = packed(b"\0" * (bodies.UNPACKED_MOST + 1))
    assert len(bomb) < 100_000
    answer = await client.post("/v1/traces", content=bomb, headers=GZIP)
    assert answer.status_code == 413
    assert "unpacks to more" in Status.FromString(answer.content).message


async def test_what_others_named_is_never_markup(client: httpx.AsyncClient) -> None:
    await send(client, Sent(1, HOSTILE, attributes={HOSTILE: HOSTILE}, service=HOSTILE))
    for path in ("/", f"/traces/{TRACE}", f"/?route={HOSTILE}&service={HOSTILE}"):
        page = await client.get(path)
        assert HOSTILE not in page.text
        assert "&lt;script&gt;" in page.text


@pytest.mark.parametrize("path", ["/", "/metrics", "/traces/none", "/static/observe.css", "/api/traces"])
async def test_every_answer_keeps_scripts_and_strangers_out(client: httpx.AsyncClient, path: str) -> None:
    headers = (await client.get(path)).headers
    assert headers["content-security-policy"].startswith(
        "default-src 'none'; script-src 'self'; style-src 'self'"
    )
    assert (headers["x-content-type-options"], headers["cache-control"]) == ("nosniff", "no-store")


@pytest.mark.parametrize("path", ["/", "/metrics", f"/traces/{TRACE}"])
async def test_no_page_needs_anything_from_elsewhere_or_a_style_of_its_own(
    client: httpx.AsyncClient, path: str
) -> None:
    await send(client, Sent(1, "x"))
    page = (await client.get(path)).text
    assert set(re.findall(r'(?:src|href)="(\w+:|//)', page)) == set()
    assert " style=" not in page
    assert "<style" not in page


async def test_another_name_for_this_machine_is_not_answered(client: httpx.AsyncClient) -> None:
    answer = await client.get("/api/traces", headers={"host": "rebound.example:8082"})
    assert answer.status_code == 400


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("at_least_ms=many", "at_least_ms is 'many'"),
        ("at_least_ms=-1", "from 0 on"),
        ("limit=nan", "from 0 on"),
        ("status=late", "ask for failed"),
    ],
)
async def test_a_question_that_cannot_be_read_says_why(
    client: httpx.AsyncClient, query: str, says: str
) -> None:
    for path in ("/", "/api/traces"):
        answer = await client.get(f"{path}?{query}")
        assert answer.status_code == 400
        assert says in answer.text


async def test_a_trace_that_is_gone_is_told_so(client: httpx.AsyncClient) -> None:
    page, told = await client.get("/traces/none"), await client.get("/api/traces/none")
    assert (page.status_code, told.status_code) == (404, 404)
    assert "newer traces have taken its place" in page.text


async def test_the_form_keeps_what_was_asked(client: httpx.AsyncClient) -> None:
    await send(client, Sent(1, "GET /x", service="dmp", failed=True))
    page = (await client.get("/?service=dmp&route=/x&status=failed&at_least_ms=2.5")).text
    assert "<option selected>dmp</option>" in page
    assert 'value="2.5"' in page
    assert '<option value="failed" selected>' in page
    assert "1 failed" in page
