"""A file of persons taken into the registry: what is right enters once, what is wrong is told."""

import csv
import stat
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import pytest

from chassis.db import Database
from identity_ins import seed
from identity_ins.domain import Authority, Person, Platform, key_of
from identity_ins.seed.intake import Intake, rejections, take_in
from identity_ins.seed.lines import COLUMNS, FileUnreadable, Line, count_lines, header_of, read_lines

TODAY = date(2026, 6, 12)
# Far from the persons that other tests load.
FIRST = 700_000


def cells_of(person: Person, **other: str) -> dict[str, str]:
    """A right line; what a test is about is given by name."""
    traits = person.traits
    usual = {
        "numIdentifiant": person.ins.body,
        "cle": person.ins.key,
        "oid": person.ins.oid.value,
        "nomNaissance": traits.birth_name,
        "listePrenom": " ".join(traits.birth_first_names),
        "sexe": traits.sex.value,
        "dateNaissance": traits.birth_date_text,
        "lieuNaissance": traits.birth_place,
    }
    return {**usual, **other}


def written(path: Path, *lines: dict[str, str], separator: str = ",", start: str = "") -> Path:
    with path.open("w", newline="", encoding="utf-8") as file:
        file.write(start)
        table = csv.DictWriter(file, COLUMNS, delimiter=separator)
        table.writeheader()
        table.writerows(lines)
    return path


async def taken(database: Database, path: Path, refused: Path | None = None) -> Intake:
    lines = read_lines(path, Platform.TEST, TODAY)
    with rejections(refused or path.with_suffix(".rejected.csv"), header_of(path)) as reject:
        return await take_in(database.pool, lines, reject)


def told(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


async def test_import_when_run_twice_then_the_second_adds_nothing(database: Database, tmp_path: Path) -> None:
    people = list(seed.people(50, FIRST))
    path = written(tmp_path / "persons.csv", *map(cells_of, people))
    assert await taken(database, path) == Intake(added=50)
    assert await taken(database, path) == Intake(standing=50)
    row = await database.pool.fetchrow(
        "SELECT p.* FROM person p JOIN ins_number n ON n.person_id = p.id WHERE n.matricule = $1",
        people[7].ins.matricule,
    )
    assert row is not None
    assert row["birth_first_names"] == list(people[7].traits.birth_first_names)
    assert row["birth_name_key"] == people[7].traits.birth_name_key


async def test_import_when_stopped_half_way_then_run_again_completes_it(
    database: Database, tmp_path: Path
) -> None:
    people = list(seed.people(30, FIRST + 100))
    path = written(tmp_path / "persons.csv", *map(cells_of, people))

    def cut() -> Iterator[Line]:
        for line in read_lines(path, Platform.TEST, TODAY):
            if line.number > 25:
                raise KeyboardInterrupt
            yield line

    with pytest.raises(KeyboardInterrupt):
        await take_in(database.pool, cut(), lambda line, problem: None, batch=10)
    assert await taken(database, path) == Intake(added=10, standing=20)


# The column that the reason must name, and what stands in it.
WRONG = (
    ("numIdentifiant", {"cle": "00"}),
    ("oid", {"oid": Authority.NIR.value}),
    ("numIdentifiant", {"numIdentifiant": "12345"}),
    ("nomNaissance", {"nomNaissance": "A" * 300}),
    ("nomNaissance", {"nomNaissance": "МАРТИН"}),
    ("listePrenom", {"listePrenom": ""}),
    ("listePrenom", {"listePrenom": "JEAN 4"}),
    ("sexe", {"sexe": "U"}),
    ("dateNaissance", {"dateNaissance": "1999-02-30"}),
    ("dateNaissance", {"dateNaissance": "2031-01-01"}),
    ("lieuNaissance", {"lieuNaissance": "PARIS"}),
    ("lieuNaissance", {"lieuNaissance": ""}),
)


@pytest.mark.parametrize("case", range(len(WRONG)))
async def test_import_when_a_line_is_wrong_then_told_with_its_reason_and_the_others_enter(
    database: Database, tmp_path: Path, case: int
) -> None:
    column, wrong = WRONG[case]
    good, bad, last = seed.people(3, FIRST + 1_000 + 10 * case)
    path = written(tmp_path / "persons.csv", cells_of(good), cells_of(bad, **wrong), cells_of(last))
    assert await taken(database, path) == Intake(added=2, rejected=1)
    (refused,) = told(path.with_suffix(".rejected.csv"))
    assert refused["line"] == "3"
    assert refused["reason"].startswith(f"{column}: ")
    assert not any(value in refused["reason"] for value in (bad.traits.birth_name, *wrong.values()) if value)
    # The line itself comes along, so that it can be put right in place and taken in again.
    assert {name: refused[name] for name in COLUMNS} == cells_of(bad, **wrong)


async def test_import_when_a_rejected_file_is_put_right_then_it_can_be_taken_in(
    database: Database, tmp_path: Path
) -> None:
    (bad,) = seed.people(1, FIRST + 3_000)
    path = written(tmp_path / "persons.csv", cells_of(bad, cle="00"))
    refused = tmp_path / "refused.csv"
    await taken(database, path, refused)
    refused.write_text(refused.read_text().replace(",00,", f",{bad.ins.key},"))
    assert await taken(database, refused) == Intake(added=1)


async def test_import_when_cells_are_missing_or_a_quote_is_open_then_only_that_line_is_refused(
    database: Database, tmp_path: Path
) -> None:
    one, other = seed.people(2, FIRST + 3_100)
    path = written(tmp_path / "persons.csv", cells_of(one))
    with path.open("a") as file:
        file.write('1,2,3\n"never closed,2\n\n')
        file.write(",".join(cells_of(other).values()) + "\n")
    assert await taken(database, path) == Intake(added=2, rejected=2)
    reasons = [line["reason"] for line in told(path.with_suffix(".rejected.csv"))]
    assert reasons == ["3 cells stand here, 8 are needed", "1 cells stand here, 8 are needed"]


async def test_import_when_a_number_comes_with_other_traits_then_refused(
    database: Database, tmp_path: Path
) -> None:
    one, other = seed.people(2, FIRST + 3_200)
    twice = cells_of(other, numIdentifiant=one.ins.body, cle=one.ins.key)
    path = written(tmp_path / "persons.csv", cells_of(one), twice, cells_of(one))
    assert await taken(database, path) == Intake(added=1, standing=1, rejected=1)
    (refused,) = told(path.with_suffix(".rejected.csv"))
    assert refused["line"] == "3"
    assert refused["reason"] == "numIdentifiant: this number stands in the registry, with other traits"


async def test_import_when_only_the_year_is_known_then_the_precision_is_kept(
    database: Database, tmp_path: Path
) -> None:
    (one,) = seed.people(1, FIRST + 3_300)
    body = f"{one.ins.body[:3]}31{one.ins.body[5:]}"
    line = cells_of(one, dateNaissance=one.traits.birth_date_text[:4], numIdentifiant=body, cle=key_of(body))
    assert await taken(database, written(tmp_path / "persons.csv", line)) == Intake(added=1)
    row = await database.pool.fetchrow(
        "SELECT birth_date, birth_date_precision FROM person p JOIN ins_number n ON n.person_id = p.id"
        " WHERE n.matricule = $1",
        body + key_of(body),
    )
    assert row is not None
    assert (row["birth_date"].month, row["birth_date"].day, row["birth_date_precision"]) == (12, 31, "year")


async def test_import_when_written_as_a_spreadsheet_does_then_read_alike(
    database: Database, tmp_path: Path
) -> None:
    people = seed.people(3, FIRST + 3_400)
    path = written(tmp_path / "persons.csv", *map(cells_of, people), separator=";", start="\ufeff")
    assert count_lines(path) == 3
    assert await taken(database, path) == Intake(added=3)


def test_file_when_its_columns_have_other_names_then_they_are_said(tmp_path: Path) -> None:
    path = tmp_path / "persons.csv"
    path.write_text("nom,prenom\nMARTIN,CAMILLE\n")
    with pytest.raises(FileUnreadable) as refused:
        list(read_lines(path, Platform.TEST, TODAY))
    assert "numIdentifiant" in refused.value.hint


@pytest.mark.parametrize("content", [b"", b"\x00\xff\xfe", b"a" * 50_000])
def test_file_when_it_is_no_csv_then_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "persons.csv"
    path.write_bytes(content)
    with pytest.raises(FileUnreadable):
        list(read_lines(path, Platform.TEST, TODAY))


def test_rejections_when_written_then_for_their_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "rejected.csv"
    with rejections(path, COLUMNS):
        pass
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
