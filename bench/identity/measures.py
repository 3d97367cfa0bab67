"""What is measured at each size, in rounds: every size is asked every question once a round."""

from __future__ import annotations

import base64
import json
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx

from bench.identity import ask, draw, lookup
from bench.identity.closed import in_a_process
from bench.identity.country import Country
from bench.identity.lot import LotOutcome, run_lot
from bench.load import Job, Outcome, measure
from bench.rounds import Rounds
from identity_ins.seed.identities import identity_id_of
from socle_local.personas import HOSPITAL

RAW_TRAITS, RAW_NUMBER = "raw SQL by traits", "raw SQL by number"
SEARCH, SEARCH_WEB = "search by traits, gRPC", "search by traits, gateway"
VERIFY, VERIFY_WEB = "verify, gRPC", "verify, gateway"
SEARCH_OPEN = "search by traits, gateway, open arrivals"
MATCH_PATH = "/fhir/Patient/$match"
MATCH, MATCH_OPEN = "Patient/$match, gateway", "Patient/$match, gateway, open arrivals"
# Questions drawn for one measure: more than it has time for, so that few are asked twice.
DRAWN, DRAWN_RAW = 8_000, 50_000
WARMING, WARMING_SECONDS = -1, 1.0
# Matches whose answer is looked at.
TRIES = 200
# Connections that open arrivals may use at once. Few arrive: a hundredth of them takes longer to come.
CONNECTIONS, OPEN_LONGER = 64, 3


@dataclass(frozen=True, slots=True)
class Pace:
    """How long a measure lasts, how many ask at once, and the arrivals a second of the open ones."""

    seconds: float
    clients: int
    match_clients: int
    arrivals: float


@dataclass(slots=True)
class Figure(Rounds):
    """One thing measured at one size; `run` takes the number of the round."""

    what: str
    country: Country
    run: Callable[[int], Outcome]
    outcomes: list[Outcome] = field(default_factory=list)

    def shares(self) -> dict[str, float]:
        """How often each answer came, in per cent."""
        counts: Counter[str] = Counter()
        for one in self.outcomes:
            counts.update(one.statuses)
        return {name: 100 * count / counts.total() for name, count in sorted(counts.items())}


class Asked:
    """The questions of one country, in every form, with the tokens and addresses they need."""

    def __init__(self, country: Country, pace: Pace, identities: int) -> None:
        self.country, self.pace, self.identities = country, pace, identities
        self._token = country.token("secretary")
        self._database = country.running.database("identity-ins")
        self._ports = country.running.ports

    def figures(self) -> list[Figure]:
        """What is measured here, in the order of a round."""
        runs: dict[str, Callable[[int], Outcome]] = {
            RAW_TRAITS: lambda turn: self._lookup("traits", turn),
            SEARCH: lambda turn: self._grpc(ask.SEARCH, self._searches(turn), turn),
            SEARCH_WEB: lambda turn: self._web("/v1/insi/search", self._search_bodies(turn), turn),
            SEARCH_OPEN: lambda turn: self._open("/v1/insi/search", self._search_bodies(turn), turn),
            RAW_NUMBER: lambda turn: self._lookup("number", turn),
            VERIFY: lambda turn: self._grpc(ask.VERIFY, self._verifications(turn), turn),
            VERIFY_WEB: lambda turn: self._web("/v1/insi/verification", self._lines(turn), turn),
        }
        if self.identities:
            clients = self.pace.match_clients
            runs[MATCH] = lambda turn: self._web(MATCH_PATH, self._parameters(turn), turn, clients)
            runs[MATCH_OPEN] = lambda turn: self._open(MATCH_PATH, self._parameters(turn), turn)
        return [Figure(what, self.country, run) for what, run in runs.items()]

    def right_first(self) -> float:
        """Of a hundred matches, how many show the identity of the person that was meant first."""
        right = 0
        with httpx.Client(base_url=f"http://{self._ports.address('gateway')}") as http:
            for one in draw.matches(self.identities, TRIES, TRIES):
                sent = {"authorization": f"Bearer {self._token}", "content-type": "application/fhir+json"}
                answer = http.post(MATCH_PATH, content=json.dumps(one.parameters()), headers=sent)
                found = answer.raise_for_status().json().get("entry", [])
                wanted = identity_id_of(HOSPITAL.id_nat, one.number)
                right += bool(found) and found[0]["resource"]["id"] == wanted
        return 100 * right / TRIES

    def lot(self, lines: int) -> LotOutcome:
        """A lot of so many verifications."""
        self.country.warm()
        return run_lot(self._ports.address("identity-ins"), self._token, self.country.size, lines)

    def _seconds(self, turn: int) -> float:
        return WARMING_SECONDS if turn == WARMING else self.pace.seconds

    def _searches(self, turn: int) -> Iterable[bytes]:
        drawn = draw.searches(self.country.size, DRAWN, turn * 10 + 1)
        return (one.search().SerializeToString() for one in drawn)

    def _search_bodies(self, turn: int) -> Iterable[Any]:
        return (one.search_body() for one in draw.searches(self.country.size, DRAWN, turn * 10 + 2))

    def _verifications(self, turn: int) -> Iterable[bytes]:
        drawn = draw.verifications(self.country.size, DRAWN, turn * 10 + 3)
        return (one.verification().SerializeToString() for one in drawn)

    def _lines(self, turn: int) -> Iterable[Any]:
        return ({"line": one.line()} for one in draw.verifications(self.country.size, DRAWN, turn * 10 + 4))

    def _parameters(self, turn: int) -> Iterable[Any]:
        return (one.parameters() for one in draw.matches(self.identities, DRAWN, turn * 10 + 5))

    def _lookup(self, by: str, turn: int) -> Outcome:
        address, password = self._database
        seed, size = turn * 10 + 6, self.country.size
        rows = (
            [one.search_row() for one in draw.searches(size, DRAWN_RAW, seed)]
            if by == "traits"
            else [one.number_row() for one in draw.verifications(size, DRAWN_RAW, seed)]
        )
        job = lookup.Job(
            address=address,
            password=password,
            by=by,
            rows=rows,
            seconds=self._seconds(turn),
            clients=self.pace.clients,
        )
        return in_a_process("bench.identity.lookup", job)

    def _grpc(self, method: str, messages: Iterable[bytes], turn: int) -> Outcome:
        job = ask.Job(
            address=self._ports.address("identity-ins"),
            token=self._token,
            method=method,
            requests=[base64.b64encode(message).decode() for message in messages],
            seconds=self._seconds(turn),
            clients=self.pace.clients,
        )
        return in_a_process("bench.identity.ask", job)

    def _web(self, path: str, bodies: Iterable[Any], turn: int, clients: int = 0) -> Outcome:
        requests = [self._post(path, body) for body in bodies]
        port, clients = self._ports["gateway"], clients or self.pace.clients
        return measure(Job(port, requests, self._seconds(turn), clients))

    def _open(self, path: str, bodies: Iterable[Any], turn: int) -> Outcome:
        requests = [self._post(path, body) for body in bodies]
        port, seconds = self._ports["gateway"], self._seconds(turn) * OPEN_LONGER
        return measure(Job(port, requests, seconds, CONNECTIONS, rate=self.pace.arrivals))

    def _post(self, path: str, body: Any) -> bytes:
        """A whole HTTP/1.1 request."""
        content = json.dumps(body).encode()
        kind = "application/fhir+json" if path.startswith("/fhir") else "application/json"
        head = (
            f"POST {path} HTTP/1.1",
            "host: 127.0.0.1",
            f"authorization: Bearer {self._token}",
            f"accept: {kind}",
            f"content-type: {kind}",
            f"content-length: {len(content)}",
        )
        return "\r\n".join([*head, "", ""]).encode() + content


def interleaved(countries: list[list[Figure]]) -> list[Figure]:
    """Every size beside the others for each question: a noisy minute touches all of them alike."""
    every = [one for figures in countries for one in figures]
    order = list(dict.fromkeys(one.what for one in every))
    return sorted(every, key=lambda one: order.index(one.what))
