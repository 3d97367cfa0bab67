"""The public medicines base and the thesaurus, as they are published: imported whole, counted, understood."""

import json
from collections import Counter
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from chassis import testing
from chassis.db import Database
from chassis.testing import NOW, Server, copied
from eprescription import store
from eprescription.domain import thesaurus
from eprescription.domain.base import Base
from eprescription.domain.conditions import understand
from eprescription.domain.folder import read_folder
from eprescription.domain.imports import FileReport, Reading
from eprescription.domain.interactions import Level
from eprescription.store import imports
from eprescription.usecases import medicines, products
from tests.conformance.conftest import Reference

TODAY = date(2026, 11, 22)
ORPHAN = "This CIS is not in CIS_bdpm.txt."
# Lines taken and rejected: the snapshot of 31 May 2026, counted by hand. Only lines about medicines that the
# base does not hold are rejected.
LINES = {
    "CIS_bdpm.txt": (15_848, 0),
    "CIS_CIP_bdpm.txt": (20_899, 4),
    "CIS_COMPO_bdpm.txt": (32_389, 0),
    "CIS_CPD_bdpm.txt": (28_151, 0),
    "CIS_GENER_bdpm.txt": (8_187, 2_517),
    "CIS_CIP_Dispo_Spec.txt": (754, 12),
    "CIS_MITM.txt": (7_711, 0),
}
# Headings and remainders of texts cut in several lines: nothing in them can be checked alone, so each is
# shown to the professional as it stands.
NOT_UNDERSTOOD = {
    "pour tous les patients :",
    "pour toute antériorité de traitement inférieur à 1 an :",
    "pour toute antériorité de traitement supérieur à 1 an :",
    "à l'initiation du traitement et une fois par an",
    "dispositions particulières de DELIVRANCE",
}


@pytest.fixture(scope="module")
def tested() -> testing.Tested:
    return testing.Tested("eprescription", store.CONSTRAINTS)


@pytest.fixture(scope="module")
def folder(reference: Reference) -> Path:
    """Beside the folder of the INS."""
    where = reference.folder.parent
    absent = [name for name in ("bdpm", "interactions") if not (where / name).is_dir()]
    if absent:
        pytest.skip(f"REFERENCE DATA ABSENT: {where} has no {', '.join(absent)}: medicines were NOT checked")
    return where


@pytest.fixture(scope="module")
def base(folder: Path) -> Base:
    def given(name: str) -> bytes | None:
        file = folder / "bdpm" / name
        return file.read_bytes() if file.exists() else None

    return read_folder(given, Reading(TODAY))


@pytest.fixture(scope="module")
async def imported(postgres: Server, template: str, base: Base, folder: Path) -> AsyncIterator[Database]:
    """The base and the thesaurus in a database, each in one transaction."""
    reports = [FileReport("pairs"), FileReport("index")]
    pairs = thesaurus.read_pairs(_json(folder, "thesaurus_ansm_2020-10.json"), reports[0])
    classes = thesaurus.read_classes(_json(folder, "index_substances_ansm_2020-10.json"), reports[1])
    assert [(one.taken, one.rejected) for one in reports] == [(3_139, 0), (1_084, 0)]
    async with copied(postgres, template, store.CONSTRAINTS) as made, made.pool.acquire() as connection:
        async with connection.transaction():
            await imports.replace_base(connection, base, "bdpm", NOW)
        async with connection.transaction():
            await imports.replace_thesaurus(connection, pairs, classes, reports, "thesaurus", NOW)
        yield made


def _json(folder: Path, name: str) -> object:
    return json.loads((folder / "interactions" / name).read_text())


def test_every_line_of_the_base_is_taken_or_rejected_for_a_stated_reason(base: Base) -> None:
    assert {one.file: (one.taken, one.rejected) for one in base.reports} == LINES
    assert {reason for one in base.reports for reason in one.reasons} == {ORPHAN}
    for report in base.reports:
        assert sum(report.reasons.values()) == report.rejected
        assert len(report.problems) <= 100


def test_the_traps_of_the_base_are_told_or_overcome(base: Base) -> None:
    (packs,) = [one for one in base.reports if one.file == "CIS_CIP_bdpm.txt"]
    assert [one for one in packs.problems if "2924" in one] == [
        "line 13322 taken: `29/11/2924` is not a likely date: left out"
    ]
    assert max(one.price_cents or 0 for one in base.packs) > 100_000
    assert not [one for one in base.medicines if one.form != one.form.strip()]
    assert not [one for one in base.medicines if "\ufffd" in one.label]
    assert sum(one.withdrawn for one in base.medicines) == 1_000


def test_units_of_dose_are_told_for_most_packs_and_never_for_a_bottle(base: Base) -> None:
    """A quarter are bottles, tubes and kits: their label tells no count."""
    known = [one for one in base.packs if one.units is not None]
    assert len(known) > 0.7 * len(base.packs)
    assert not [one for one in known if one.unit_label in ("flacon", "tube", "stylo")]


def test_all_condition_texts_are_understood_but_those_listed(folder: Path) -> None:
    lines = (folder / "bdpm" / "CPD_values_count.tsv").read_text().splitlines()[1:]
    texts = [line.split("\t", 1)[1] for line in lines if line]
    assert len(texts) == 165
    assert {text for text in texts if not understand(text).understood} == NOT_UNDERSTOOD


def test_the_rules_count_what_the_base_counts(base: Base) -> None:
    """Of the texts that one rule stands for, by hand in the counts of the folder."""
    found = Counter(rule for one in base.conditions for rule in one.rules)
    assert (found["list_1"], found["list_2"], found["narcotic"]) == (10_864, 1_304, 306)
    assert (found["max_days:28"], found["max_days:84"], found["max_days:184"]) == (370 + 23, 230, 123)
    assert (found["fraction_days:7"], found["fraction_days:14"]) == (123, 44)
    assert (found["hospital_initial:12"], found["hospital_initial:6"]) == (413, 312)
    assert found["hospital_use"] == 789


async def test_the_base_is_read_back_as_medicines(imported: Database) -> None:
    async with imported.read() as tx:
        medicine = await medicines.get_medicine(tx, "", "3400949497294")
        unknown = await medicines.list_unknown_conditions(tx)
    assert medicine.cis == "60002283"
    assert [(one.code, one.name) for one in medicine.components] == [("42215", "ANASTROZOLE")]
    assert {text for text, _ in unknown} == NOT_UNDERSTOOD


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("dolipranne", "DOLIPRANE"),
        ("amoxiciline 500", "AMOXICILLINE"),
        ("levotirox", "LEVOTHYROX"),
        ("ibuprofne", "IBUPROFÈNE"),
        ("melpahlan", "MELPHALAN"),
        ("kardegik", "KARDEGIC"),
    ],
)
async def test_a_slip_of_the_pen_is_forgiven(imported: Database, text: str, word: str) -> None:
    async with imported.read() as tx:
        hits = await medicines.search_medicines(tx, text, True, 20)
    named = hits[0].medicine
    assert word in " ".join((named.label, *(one.name for one in named.components))).upper()


async def test_medicines_of_the_base_meet_the_thesaurus(imported: Database) -> None:
    """Coverage counted by hand: 9 879 medicines of 15 846 hold a substance of the thesaurus."""
    async with imported.read() as tx:
        known = await products.thesaurus(tx)
        found = await products.medicines(tx, [row["cis"] for row in await imported.pool.fetch(SAMPLE)])
    met = [one for one in found.values() if known.names_of(one.components)]
    assert len(found) == 1_000
    assert 0.55 < len(met) / len(found) < 0.75
    warfarin, aspirin = known.keys(["WARFARINE"]), known.keys(["ACIDE ACETYLSALICYLIQUE"])
    hit = known.between(warfarin, aspirin)
    assert hit is not None
    assert hit.level is Level.CONTRAINDICATED
    assert hit.otherwise


SAMPLE = "SELECT cis FROM medicine ORDER BY md5(cis) LIMIT 1000"
