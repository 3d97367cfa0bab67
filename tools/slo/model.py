"""What a file of `slo/` may say. The form is explained in `docs/how-to/watch-a-platform.md`."""

from decimal import Decimal
from pathlib import Path
from typing import Annotated, Literal, Self, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from chassis.telemetry import FAULTS
from tools.slo.burn import BURNS, budget
from tools.slo.promql import metric_names

M = TypeVar("M", bound=BaseModel)
Severity = Literal["page", "ticket"]
Text = Annotated[str, Field(min_length=10)]
ALERTS = "alerts.yaml"


class FileRefused(Exception):
    """A file of `slo/` that cannot be used; the sentence says where and why."""


class Strict(BaseModel):
    """A misspelt word is refused: left out in silence it would leave an alert out."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Counted(Strict):
    """Events that go well or badly: counters, selected by their labels. One of `good` and `bad`.

    `$FAULTS` stands for the gRPC codes that are a fault of ours, as the chassis counts them.
    """

    total: str
    good: str = ""
    bad: str = ""

    @model_validator(mode="after")
    def one_of_two(self) -> Self:
        """Both would be able to contradict each other."""
        if bool(self.good) == bool(self.bad):
            raise ValueError("say good or bad, one of the two")
        return self

    @field_validator("total", "good", "bad")
    @classmethod
    def one_counter(cls, selector: str) -> str:
        """A bare selector: the generator puts `rate` and the window around it."""
        if selector and (len(metric_names(selector)) != 1 or not selector.endswith("}")):
            raise ValueError(f"{selector!r} is no selector such as name{{label=...}}")
        return selector.replace("$FAULTS", "|".join(sorted(FAULTS)))


class Level(Strict):
    """Time during which a gauge stays low enough: good while `level` is at most `at_most`."""

    level: str
    at_most: float


class Objective(Strict):
    """One promise: `target` in percent of events, or of time.

    `says` is for who uses the service, `why` for who would change the number.
    """

    name: Literal["availability", "latency", "delivery", "outbox", "journal", "claims"]
    says: Text
    why: Text
    target: Decimal
    indicator: Counted | Level

    @field_validator("target")
    @classmethod
    def can_be_missed(cls, target: Decimal) -> Decimal:
        """Between 100, which leaves no budget, and what the fastest alert could still notice."""
        fastest = max(burn.factor for burn in BURNS)
        if not 0 < budget(target) * fastest < 1:
            raise ValueError(
                f"{target} must be below 100 and so high that {fastest} times its budget is below 1"
            )
        return target

    @property
    def alert(self) -> str:
        """The name of its alert, shared by the same promise of every service."""
        return f"{self.name.capitalize()}Burns"


class Slo(Strict):
    """The promises of one service. `owner` answers for them; `window` is what a budget is counted over."""

    service: str
    owner: Text
    window: Literal["28d", "30d"]
    objectives: Annotated[list[Objective], Field(min_length=1)]

    @field_validator("objectives")
    @classmethod
    def each_once(cls, objectives: list[Objective]) -> list[Objective]:
        """Two of one name would be recorded as one."""
        if len({objective.name for objective in objectives}) < len(objectives):
            raise ValueError("an objective is named twice")
        return objectives

    def id(self, objective: Objective) -> str:
        """The label `slo` of everything recorded for an objective."""
        return f"{self.service}-{objective.name}"


class Direct(Strict):
    """An alert on a cause: something that must be mended although no promise is broken yet."""

    alert: Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]+$")]
    says: Text
    why: Text
    severity: Severity
    lasts: Annotated[str, Field(pattern=r"^[1-9][0-9]*[mh]$")]
    expr: str


class Alerts(Strict):
    """The alerts that are no promise of one service."""

    alerts: list[Direct]


def read_all(folder: Path) -> tuple[list[Slo], list[Direct]]:
    """Every file of a folder, by name. Raises FileRefused."""
    slos = [_slo(path) for path in sorted(folder.glob("*.yaml")) if path.name != ALERTS]
    return slos, _read(folder / ALERTS, Alerts).alerts


def _slo(path: Path) -> Slo:
    slo = _read(path, Slo)
    if slo.service != path.stem:
        raise FileRefused(f"{path.name} is about {slo.service!r}: name the file after its service")
    return slo


def _read(path: Path, kind: type[M]) -> M:
    try:
        return kind.model_validate(yaml.safe_load(path.read_text("utf-8")))
    except (ValidationError, yaml.YAMLError) as error:
        raise FileRefused(f"{path.name}: {error}") from error
