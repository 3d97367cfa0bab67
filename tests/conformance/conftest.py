"""Official and hand-checked data, kept outside the repository (licences differ): SOCLE_REFERENCE_DATA."""

import csv
import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

VARIABLE = "SOCLE_REFERENCE_DATA"
DEFAULT = Path(__file__).resolve().parents[2].parent / "shared" / "reference" / "data"
ABSENT = (
    "REFERENCE DATA ABSENT: no folder {folder}. The conformance of INS numbers, INSi answers, HL7 messages,"
    f" document types, FHIR resources and medicines was NOT checked. Set {VARIABLE} to a folder that holds"
    " ins-dmp/, bdpm/ and interactions/, then run again."
)


def folder() -> Path:
    return Path(os.environ.get(VARIABLE) or DEFAULT)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Said loudly: a run that skipped all this looks much like one that passed it."""
    if not folder().is_dir():
        terminalreporter.section("conformance", sep="!", yellow=True)
        terminalreporter.write_line(ABSENT.format(folder=folder()), yellow=True)


@dataclass(frozen=True, slots=True)
class Reference:
    """The folder, and its files as Python values."""

    folder: Path

    def json(self, path: str) -> Any:
        return json.loads((self.folder / path).read_text())

    def rows(self, path: str) -> list[dict[str, str]]:
        with (self.folder / path).open(newline="") as file:
            return list(csv.DictReader(file))


@pytest.fixture(scope="session")
def reference() -> Reference:
    where = folder()
    if not where.is_dir():
        pytest.skip(ABSENT.format(folder=where))
    return Reference(where / "ins-dmp")
