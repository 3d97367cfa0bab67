"""Bodies within their limit that cost more than they weigh: refused before they are built, or unread."""

import gzip
from typing import Any

import pytest

from chassis.testing import callers
from gateway.bodies import MOST_VALUES, parse
from gateway.fhir.structure import MOST_ENTRIES
from gateway.refusals import MalformedJson

from .deposits import DEPOSIT, deposit

WIDE = {
    "objects": b"[" + b"{}," * MOST_VALUES + b"{}]",
    "numbers": b"[" + b"1," * MOST_VALUES + b"1]",
    "members": b"{" + b",".join(b'"%d":1' % number for number in range(MOST_VALUES + 1)) + b"}",
    "lists": b"[" * (MOST_VALUES + 1),
}


@pytest.mark.parametrize("what", WIDE)
def test_body_of_endless_values_is_not_built(what: str) -> None:
    with pytest.raises(MalformedJson) as refused:
        parse(WIDE[what])
    assert refused.value.violations[0].problem == f"has more than {MOST_VALUES} values"


def test_long_text_is_one_value() -> None:
    text = "A" * (4 * MOST_VALUES)
    assert parse(f'{{"data": "{text}"}}'.encode()) == {"data": text}


async def test_lot_of_endless_entries_is_refused_in_one_line(here: Any) -> None:
    body = {**DEPOSIT, "entry": [{}] * (MOST_ENTRIES + 1)}
    answer = await here.client.post("/fhir", json=body, headers=here.as_(callers.doctor))
    assert (answer.status_code, answer.json()["issue"][0]["expression"]) == (400, ["Bundle.entry"])
    assert "send several lots" in answer.json()["issue"][0]["diagnostics"]


READS = {
    "/fhir": "application/fhir+json",
    "/v1/identities": "application/json",
    "/hl7/v2/mdm": "application/hl7-v2",
    "/fhir/DocumentReference/_search": "application/x-www-form-urlencoded",
}


@pytest.mark.parametrize("path", READS)
async def test_packed_body_is_415_and_unread(here: Any, path: str) -> None:
    headers = here.as_(callers.doctor, Content_Encoding="gzip", Content_Type=READS[path])
    answer = await here.client.post(path, content=gzip.compress(b"0" * 10_000_000), headers=headers)
    assert (answer.status_code, answer.headers["accept-encoding"]) == (415, "identity"), answer.text
    assert "without Content-Encoding" in answer.text


async def test_body_that_says_it_is_not_packed_is_read(here: Any) -> None:
    headers = here.as_(callers.doctor, Content_Encoding="Identity")
    answer = await here.client.post("/fhir", json=deposit(), headers=headers)
    assert answer.status_code == 200, answer.text
