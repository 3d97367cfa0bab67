"""`python -m tools.lints [paths]`: prints `path:line rule message` for each finding; 1 when there is one."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tools.lints import clock, migrations, privacy, size, text, transactions
from tools.lints.contracts import check_contracts, compile_set
from tools.lints.model import Finding, Lint, Source, read_all, tracked
from tools.paths import ROOT

LINTS: tuple[Lint, ...] = (
    transactions.no_ending_outside_chassis,
    transactions.no_waiting_in_transaction,
    clock.no_clock_of_its_own,
    privacy.no_patient_in_logs,
    privacy.no_patient_in_telemetry,
    privacy.no_print_in_services,
    size.caps,
    text.no_local_words,
)


def of_source(source: Source) -> Iterator[Finding]:
    """What the rules of single files find in one."""
    try:
        for lint in LINTS:
            yield from lint(source)
    except SyntaxError as error:
        yield source.finding(
            error.lineno or 1, "syntax", "is not Python: correct it, nothing else can be checked"
        )


def of_repository(root: Path, paths: list[str], sources: list[Source]) -> Iterator[Finding]:
    """What every rule finds in the repository at `root`, with these paths and what could be read of them."""
    yield from text.no_generated_code(paths)
    for source in sources:
        yield from of_source(source)
    yield from migrations.expand_then_contract(sources)
    yield from size.long_medians(sources)
    yield from check_contracts(compile_set(root / "proto"))


def wanted(findings: Iterable[Finding], prefixes: list[str]) -> list[Finding]:
    """The findings under these folders, all of them when none is given, in reading order, each once."""
    return sorted({found for found in findings if not prefixes or found.path.startswith(tuple(prefixes))})


def main(prefixes: list[str], root: Path = ROOT) -> int:
    """Prints the findings, then the median function of each package, and returns the exit status."""
    paths = tracked(root)
    sources = list(read_all(root, paths))
    findings = wanted(of_repository(root, paths, sources), prefixes)
    for found in findings:
        print(found)
    medians = size.medians(sources)
    print("median function:", ", ".join(f"{package} {value:g}" for package, value in medians.items()))
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
