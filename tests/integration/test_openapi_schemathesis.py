"""Schemathesis over the published OpenAPI: what a client invents is answered as documented, never a 5xx."""

import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, seed, settings
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from socle_local.issuer.tokens import fetch
from socle_local.journey import Reach

# Seconds for the whole run, shared by the operations; the seed makes two runs send the same.
BUDGET, SEED, EXAMPLES = 60.0, 20260612, 60
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
# Who may call what: a citizen's operations would only ever answer 403 to a professional.
PERSONAS = ("doctor", "patient", "integrator")
# A message of HL7 v2 is a text: what is invented for it is sent as one.
schemathesis.serializer.alias(["x-application/hl7-v2+er7", "application/hl7-v2"], "text/plain")
# A 405 is HTTP's own word for a method that an address does not have: OpenAPI has no place to document it.
UNTOLD = {405}


class Enough(Exception):
    """The share of an operation is over: inventing more requests would take time without sending any."""


@dataclass
class Purse:
    """The time that is left, shared evenly by the operations still to come."""

    operations: int
    limit: float = field(default_factory=lambda: time.monotonic() + BUDGET)

    def share(self) -> float:
        left = max(0.0, self.limit - time.monotonic()) / max(1, self.operations)
        self.operations -= 1
        return time.monotonic() + max(0.3, left)


@pytest.fixture(scope="module")
def document(reach: Reach) -> dict[str, Any]:
    answer = httpx.get(f"{reach.gateway}/openapi.json", timeout=30)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.fixture(scope="module")
def bearers(reach: Reach) -> list[str]:
    return [fetch(reach.issuer, persona) for persona in PERSONAS]


def operations(document: dict[str, Any], base: str) -> Iterator[Any]:
    schema = schemathesis.openapi.from_dict(document)
    schema.config.update(base_url=base)
    for found in schema.get_all_operations():
        assert isinstance(found, Ok), "an operation of the document cannot be read"
        yield found.ok()


def test_openapi_is_3_1_and_every_operation_says_its_errors(document: dict[str, Any]) -> None:
    assert document["openapi"].startswith("3.1")
    paths = [path for path in document["paths"] if path.startswith("/v1/")]
    assert len(paths) > 45
    for path in paths:
        for method, operation in document["paths"][path].items():
            assert {"400", "401", "403", "404"} <= operation["responses"].keys(), (method, path)


def test_no_invented_request_gets_a_server_error(
    document: dict[str, Any], reach: Reach, bearers: list[str]
) -> None:
    known = list(operations(document, reach.gateway))
    purse = Purse(len(known))
    statuses: dict[str, set[int]] = {}
    for operation in known:
        statuses[operation.label] = hammered(operation, bearers, purse.share())
    assert all(statuses.values()), "an operation that was never called proves nothing"
    # Requests without a server error could all be refusals at the door: some must get through.
    assert any(status < 300 for seen in statuses.values() for status in seen)


def hammered(operation: Any, bearers: list[str], until: float) -> set[int]:
    """Calls one operation with invented requests until its share of the time is over; the statuses seen."""
    seen: set[int] = set()

    @seed(SEED)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.explicit, Phase.generate],
        report_multiple_bugs=False,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy())
    def send(case: Any) -> None:
        if seen and time.monotonic() > until:
            raise Enough
        # A deadline of a nanosecond is rightly answered by a 504.
        case.headers.pop("Socle-Timeout", None)
        for bearer in bearers:
            answer = case.call(headers={"Authorization": f"Bearer {bearer}"}, timeout=20)
            seen.add(answer.status_code)
            if answer.status_code not in UNTOLD:
                case.validate_response(answer, checks=CHECKS)

    with suppress(Enough):
        send()
    return seen
