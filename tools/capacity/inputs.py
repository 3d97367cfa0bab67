"""What goes in: a TOML file that a reader can change, and the results of the benches it names."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

INPUTS = Path(__file__).with_name("inputs.toml")
RESULTS = Path(__file__).parent / "measured"
# Not part of the platform.
BESIDE = frozenset({"load generator", "issuer"})
SEARCH, RETRIEVE, DEPOSIT = "search (ITI-67)", "retrieve (ITI-68)", "deposit (ITI-65)"
Numbers = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The sections of the file, and the seconds of processor of each operation by program."""

    country: Mapping[str, int]
    size: Mapping[str, int]
    assumed: Mapping[str, float]
    profile: Numbers
    simulation: Mapping[str, float]
    cost: Mapping[str, Mapping[str, float]]


def read(path: Path = INPUTS, results: Path = RESULTS) -> Inputs:
    """The inputs of a file. Raises KeyError for a missing number, FileNotFoundError for a missing result."""
    table = tomllib.loads(path.read_text())
    sections = [table[name] for name in ("country", "measured", "assumed", "profile", "simulation")]
    country, measured, assumed, profile, simulation = sections
    return Inputs(country, measured["bytes"], assumed, profile, simulation, costs(measured, results))


def costs(measured: Numbers, results: Path) -> dict[str, dict[str, float]]:
    """Seconds of processor an operation, by program, as the benches noted them."""
    dmp = _result(results / measured["dmp"])
    made = {name: _of_figure(dmp, what) for name, what in _DMP.items()}
    made["prescription"] = _of_rounds(_result(results / measured["eprescription"])["rounds"])
    platform = _result(results / measured["platform"])
    for name, line in _IDENTITY.items():
        made[name] = _shared_out(platform, line, made["retrieve"])
    return made


_DMP = {"deposit": DEPOSIT, "search": SEARCH, "retrieve": RETRIEVE}
_IDENTITY = {"identity": "create identity", "identity read": "read identity"}


def _result(path: Path) -> Any:
    return json.loads(path.read_text())


def _of_figure(result: Any, what: str) -> dict[str, float]:
    (figure,) = (one for one in result["figures"] if one["what"] == what)
    return _of_rounds(figure["rounds"])


def _of_rounds(rounds: list[Any]) -> dict[str, float]:
    count = sum(one["count"] for one in rounds)
    programs = {name for one in rounds for name in one["cpu"]} - BESIDE
    return {name: sum(one["cpu"][name] for one in rounds) / count for name in sorted(programs)}


def _shared_out(result: Any, line: str, like: Mapping[str, float]) -> dict[str, float]:
    """That bench noted rates alone, with every core used: the seconds are shared out as those of a read of
    the DMP, which takes the same way through one service.
    """
    seconds = int(result["machine"]["cores"]) / median(result["rates_per_second"][line])
    whole = sum(like.values())
    own = {"dmp": "identity-ins"}
    shared: dict[str, float] = {}
    for name, part in like.items():
        shared[own.get(name, name)] = shared.get(own.get(name, name), 0.0) + seconds * part / whole
    return shared
