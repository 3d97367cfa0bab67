"""A lot of verifications in one request: what is read, what is sent on, what a second try does."""

import csv
import io
import json
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import Conflict, NotFound, RuleViolated, SocleError, Unavailable
from chassis.testing import callers
from gateway import lines
from socle.identity_ins.v1 import insi_pb2 as pb

LOTS = "/v1/insi/verification-lots"
ID = "01900000-0000-7000-8000-0000000000aa"
HEADER = "num_identifiant;cle;oid;nom_naissance;liste_prenom;sexe;date_naissance;lieu_naissance;reference"
ROW = "2790351215189;89;1.2.250.1.213.1.4.10;PAT-TROIS;DOMINIQUE MARIE-LOUISE;F;1979-03-28;51215;IPP-{}"
OTHER_ORDER = (
    b"reference, sexe,num_identifiant,cle,oid,nom_naissance,liste_prenom,date_naissance,lieu_naissance\n"
    b"IPP-0,F,2790351215189,89,1.2.250.1.213.1.4.10,PAT-TROIS,DOMINIQUE MARIE-LOUISE,1979-03-28,51215"
)
LINE = {
    "num_identifiant": "2790351215189",
    "cle": "89",
    "oid": "1.2.250.1.213.1.4.10",
    "nom_naissance": "PAT-TROIS",
    "liste_prenom": "DOMINIQUE MARIE-LOUISE",
    "sexe": "F",
    "date_naissance": "1979-03-28",
    "lieu_naissance": "51215",
}


def line(reference: str = "", **other: str) -> pb.VerificationLine:
    return pb.VerificationLine(**{**LINE, "reference": reference, **other})


def text(rows: Iterable[str]) -> bytes:
    return "\r\n".join([HEADER, *rows, ""]).encode()


def of_size(count: int) -> bytes:
    return text(ROW.format(number) for number in range(count))


async def pieces(raw: bytes, size: int = 7) -> AsyncIterator[bytes]:
    for start in range(0, len(raw), size):
        yield raw[start : start + size]


async def read(raw: bytes, kind: str = lines.CSV, size: int = 7) -> list[pb.VerificationLine]:
    return [one async for batch in lines.batches(kind, pieces(raw, size)) for one in batch]


@pytest.mark.parametrize("size", [1, 2, 7, 100_000])
async def test_lines_are_the_same_however_they_come(size: int) -> None:
    raw = text([ROW.format(1), ROW.format(2)])
    assert await read(raw, size=size) == [line("IPP-1"), line("IPP-2")]


@pytest.mark.parametrize(
    "raw",
    [
        b"\xef\xbb\xbf" + of_size(1),
        of_size(1).replace(b"\r\n", b"\n"),
        of_size(1).removesuffix(b"\r\n"),
        of_size(1).replace(b"\r\n", b"\r\n\r\n"),
        of_size(1).replace(b";", b","),
        of_size(1).replace(b"PAT-TROIS", b'"PAT-TROIS"'),
        OTHER_ORDER,
    ],
    ids=["BOM", "LF", "no last end", "empty lines", "commas", "quoted", "other order"],
)
async def test_each_way_of_writing_a_csv_is_read(raw: bytes) -> None:
    assert await read(raw) == [line("IPP-0")]


async def test_reference_is_optional_and_an_unquoted_mark_in_it_is_kept() -> None:
    assert await read(text(["2790351215189;89;" + ROW.format("1;2").split(";", 2)[2]])) == [line("IPP-1;2")]
    without = HEADER.removesuffix(";reference").encode() + b"\n" + ROW.rpartition(";")[0].encode()
    assert await read(without) == [line()]


@pytest.mark.parametrize(
    ("raw", "expected"),
    [
        (b"2790351215189;89", pb.VerificationLine(num_identifiant="2790351215189", cle="89")),
        (
            ROW.format(1).replace("PAT", "Ÿ").encode("cp1252", "replace"),
            line("IPP-1", nom_naissance="?-TROIS"),
        ),
        (ROW.format(1).replace("PAT", "\0").encode(), line("IPP-1", nom_naissance="\0-TROIS")),
        (b'"never closed;89;', pb.VerificationLine(num_identifiant="never closed;89;")),
    ],
    ids=["cut short", "another charset", "NUL", "open quote"],
)
async def test_broken_line_travels_as_far_as_it_can_be_read(
    raw: bytes, expected: pb.VerificationLine
) -> None:
    first, broken, last = await read(text([ROW.format(0)]) + raw + b"\n" + ROW.format(2).encode())
    assert (first, last) == (line("IPP-0"), line("IPP-2"))
    if b"\x9f" in raw:
        expected = line("IPP-1", nom_naissance="\ufffd-TROIS")
    assert broken == expected


async def test_ndjson_lines_are_objects_of_text_and_a_broken_one_travels_empty() -> None:
    rows = [{**LINE, "reference": "é"}, {**LINE, "cle": 89, "sexe": None, "oid": True}]
    raw = "\n".join([*map(json.dumps, rows), "{broken", "[1]", json.dumps({**LINE, "more": 1})])
    assert await read(raw.encode(), lines.NDJSON) == [
        line("é"),
        line(sexe="", oid=""),
        pb.VerificationLine(),
        pb.VerificationLine(),
        line(),
    ]


@given(st.binary(max_size=300), st.sampled_from([lines.CSV, lines.NDJSON]))
async def test_lines_of_any_bytes_are_never_lost_nor_a_fault_of_ours(raw: bytes, kind: str) -> None:
    header, first = (HEADER, ROW) if kind == lines.CSV else ("", json.dumps(LINE))
    found = await read(f"{header}\n{first}\n".encode() + raw, kind)
    assert len(found) == 1 + sum(bool(one.decode("utf-8", "replace").strip()) for one in raw.split(b"\n"))


@given(st.binary(max_size=300), st.sampled_from([lines.CSV, lines.NDJSON]))
async def test_lot_without_a_header_is_refused_with_a_hint(raw: bytes, kind: str) -> None:
    with pytest.raises((lines.LotHeaderWrong, lines.LotEmpty)) as refused:
        await read(raw, kind)
    assert refused.value.hint


@pytest.mark.parametrize(
    ("raw", "kind", "code", "places"),
    [
        (b"", "text/csv", "LOT_HEADER_WRONG", set(lines.NEEDED)),
        (b"\n", "application/x-ndjson", "LOT_EMPTY", {""}),
        (HEADER.encode(), "text/csv", "LOT_EMPTY", {""}),
        (
            ROW.encode(),
            "text/csv",
            "LOT_HEADER_WRONG",
            set(lines.NEEDED) | {f"name {n}" for n in range(1, 10)},
        ),
        (of_size(1).replace(b"cle", b"key"), "text/csv", "LOT_HEADER_WRONG", {"cle", "name 2"}),
        (of_size(1).replace(b"reference", b"sexe"), "text/csv", "LOT_HEADER_WRONG", {"name 9"}),
        (of_size(1).replace(b";", b"\t"), "text/csv", "LOT_HEADER_WRONG", set(lines.NEEDED) | {"name 1"}),
        (
            of_size(1).decode().encode("utf-16"),
            "text/csv",
            "LOT_HEADER_WRONG",
            set(lines.NEEDED),
        ),
        (b'{"matricule": "279035121518989"}', "application/x-ndjson", "LOT_HEADER_WRONG", {"cle", "name 1"}),
        (b"[]\n", "application/x-ndjson", "LOT_HEADER_WRONG", set(lines.NEEDED)),
        (of_size(1) + b"x" * 5000, "text/csv", "LOT_LINE_TOO_LONG", {"line 3"}),
    ],
)
async def test_lot_that_cannot_be_read_is_refused_before_it_is_opened(
    here: Any, raw: bytes, kind: str, code: str, places: set[str]
) -> None:
    answer = await here.client.post(LOTS, content=raw, headers=here.as_(callers.machine, Content_Type=kind))
    assert answer.status_code == 400, answer.text
    problem = answer.json()
    assert problem["code"] == code
    assert places <= {one["field"] for one in problem.get("violations", [])} | {problem.get("field", "")}
    assert problem["hint"]
    assert "279035121518" not in answer.text
    assert here.insi.asked == []


def opened(here: Any) -> None:
    """What identity-ins answers while a lot comes in."""
    lot = pb.VerificationLot(id=ID, state=pb.LOT_STATE_OPEN)
    here.insi.answers["OpenVerificationLot"] = pb.OpenVerificationLotResponse(lot=lot)
    done = pb.VerificationLot(id=ID, state=pb.LOT_STATE_SUBMITTED, lines=12_000)
    here.insi.answers["SubmitVerificationLot"] = pb.SubmitVerificationLotResponse(lot=done)


def sent(here: Any, **headers: str) -> dict[str, str]:
    result: dict[str, str] = here.as_(callers.machine, Content_Type="text/csv; charset=utf-8", **headers)
    return result


async def test_lot_is_opened_filled_in_order_and_submitted(here: Any) -> None:
    opened(here)
    answer = await here.client.post(
        f"{LOTS}?label=Fusion%202026", content=of_size(12_000), headers=sent(here)
    )
    assert answer.status_code == 201, answer.text
    assert answer.headers["location"] == f"{LOTS}/{ID}"
    assert (answer.json()["state"], answer.json()["lines"]) == ("submitted", 12_000)
    (_, asked, call), *added, (last, submitted, _) = here.insi.asked
    assert asked.label == "Fusion 2026"
    assert call.remaining > 60
    assert [(name, one.lot_id, one.first, len(one.lines)) for name, one, _ in added] == [
        ("AddVerificationLines", ID, first, count)
        for first, count in ((0, 5000), (5000, 5000), (10_000, 2000))
    ]
    assert added[2][1].lines[-1] == line("IPP-11999")
    assert (last, submitted.lot_id) == ("SubmitVerificationLot", ID)


def keys(here: Any) -> list[tuple[str, str]]:
    return [(name, call.idempotency.key if call.idempotency else "") for name, _, call in here.insi.asked]


async def test_same_key_gives_each_step_the_same_key_of_its_own(here: Any) -> None:
    opened(here)
    for key in ("k-1", "k-1", "k-2"):
        await here.client.post(LOTS, content=of_size(6000), headers=sent(here, Idempotency_Key=key))
    steps = keys(here)
    first, again, other = steps[:4], steps[4:8], steps[8:]
    assert first == again
    assert len(set(first)) == 4
    assert not {key for _, key in first} & {key for _, key in other}


async def test_lot_without_a_key_sends_none(here: Any) -> None:
    opened(here)
    await here.client.post(LOTS, content=of_size(1), headers=sent(here))
    assert {key for _, key in keys(here)} == {""}


@pytest.mark.parametrize(
    ("error", "key", "abandoned"),
    [
        (RuleViolated("no"), "k", False),
        (RuleViolated("no"), "", True),
        (Unavailable("away"), "", True),
        (Unavailable("away"), "k", False),
        (Conflict("faster"), "k", False),
    ],
)
async def test_lot_that_cannot_be_filled_is_abandoned_unless_it_may_come_again(
    here: Any, error: SocleError, key: str, abandoned: bool
) -> None:
    opened(here)
    here.insi.answers["AddVerificationLines"] = error
    headers = sent(here, **({"Idempotency_Key": key} if key else {}))
    answer = await here.client.post(LOTS, content=of_size(1), headers=headers)
    assert answer.status_code == error.kind.http
    names = [name for name, _, _ in here.insi.asked]
    assert ("AbandonVerificationLot" in names, "SubmitVerificationLot" in names) == (abandoned, False)


@pytest.mark.parametrize(("state", "abandoned"), [(pb.LOT_STATE_OPEN, True), (pb.LOT_STATE_RUNNING, False)])
async def test_wrong_file_sent_with_the_key_of_a_lot_that_runs_leaves_it_running(
    here: Any, state: pb.LotState.ValueType, abandoned: bool
) -> None:
    opened(here)
    here.insi.answers["GetVerificationLot"] = pb.GetVerificationLotResponse(
        lot=pb.VerificationLot(id=ID, state=state)
    )
    wrong = of_size(5000) + b"A" * 5000
    answer = await here.client.post(LOTS, content=wrong, headers=sent(here, Idempotency_Key="k"))
    assert (answer.status_code, answer.json()["code"]) == (400, "LOT_LINE_TOO_LONG")
    assert ("AbandonVerificationLot" in [name for name, _, _ in here.insi.asked]) == abandoned


async def test_shorter_file_with_the_same_key_is_another_submission(here: Any) -> None:
    opened(here)
    for count in (6000, 5000):
        await here.client.post(LOTS, content=of_size(count), headers=sent(here, Idempotency_Key="k"))
    submissions = [key for name, key in keys(here) if name == "SubmitVerificationLot"]
    assert len(set(submissions)) == 2


async def test_lot_over_its_lines_is_refused_and_abandoned(here: Any) -> None:
    opened(here)
    row = b"1;" * 8 + b"1\n"
    raw = HEADER.encode() + b"\n" + row * 100_001
    answer = await here.client.post(LOTS, content=raw, headers=sent(here))
    assert answer.status_code == 400
    assert (answer.json()["code"], answer.json()["field"]) == ("LOT_TOO_LONG", "line 100001")
    assert [name for name, _, _ in here.insi.asked][-1] == "AbandonVerificationLot"


async def test_lot_over_its_bytes_is_413_and_other_addresses_keep_their_limit(house: Any) -> None:
    async with house(lot_body_limit=2000, body_limit=100) as here:
        opened(here)
        assert (await here.client.post(LOTS, content=of_size(10), headers=sent(here))).status_code == 201
        assert (await here.client.post(LOTS, content=of_size(30), headers=sent(here))).status_code == 413
        as_json = here.as_(callers.machine, Content_Type="application/json")
        other = await here.client.post("/v1/insi/verification", content=of_size(10), headers=as_json)
        assert other.status_code == 413


@pytest.mark.parametrize("kind", ["application/json", "text/csv; charset=iso-8859-1", ""])
async def test_lot_of_another_type_is_415(here: Any, kind: str) -> None:
    answer = await here.client.post(LOTS, content=of_size(1), headers={**sent(here), "Content-Type": kind})
    assert answer.status_code == 415
    assert answer.headers["accept"] == "text/csv, application/x-ndjson"


def result(position: int, **fields: Any) -> pb.VerificationLineResult:
    return pb.VerificationLineResult(position=position, **fields)


CONFIRMED, BROKEN = pb.VERIFICATION_OUTCOME_CONFIRMED, pb.VERIFICATION_OUTCOME_BROKEN
RESULTS = [
    result(0, reference="IPP-1", outcome=CONFIRMED),
    result(1, reference='a, "b"', outcome=BROKEN, problem="cle must be 2 digits; see the number."),
]


async def test_results_are_csv_page_after_page(here: Any) -> None:
    class Paged(dict[str, Any]):
        """Answers by the position asked for."""

        def get(self, name: str, default: Any = None) -> Any:
            first = here.insi.asked[-1][1].first
            return pb.ListVerificationResultsResponse(results=RESULTS[first : first + 1], next=first + 1)

    here.insi.answers = Paged()
    answer = await here.client.get(f"{LOTS}/{ID}/results", headers=here.as_(callers.machine))
    assert answer.headers["content-type"].partition(";")[0] == "text/csv"
    assert list(csv.DictReader(io.StringIO(answer.text))) == [
        {"position": "0", "reference": "IPP-1", "outcome": "confirmed", "problem": ""},
        {"position": "1", "reference": 'a, "b"', "outcome": "broken", "problem": RESULTS[1].problem},
    ]
    assert [one.first for _, one, _ in here.insi.asked] == [0, 1, 2]


async def test_results_are_ndjson_when_asked(here: Any) -> None:
    headers = here.as_(callers.machine, Accept="application/x-ndjson")
    page = pb.ListVerificationResultsResponse(results=RESULTS, next=2)
    assert lines.write_results(lines.NDJSON, page.results).count(b"\n") == 2
    answer = await here.client.get(f"{LOTS}/{ID}/results", headers=headers)
    assert (answer.status_code, answer.content) == (200, b"")
    assert answer.headers["content-type"] == "application/x-ndjson"


async def test_results_of_a_lot_that_is_not_there_are_a_problem(here: Any) -> None:
    here.insi.answers["ListVerificationResults"] = NotFound("no such lot", field="lot_id")
    answer = await here.client.get(f"{LOTS}/{ID}/results", headers=here.as_(callers.machine))
    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"
