"""The lines of the public medicines base, with the traps that it is known for."""

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from eprescription.domain import imports
from eprescription.domain.folder import FileMissing, read_folder
from eprescription.domain.imports import FILES, FileReport, PackRow, Reading, decoded

TODAY = date(2026, 6, 12)
OURS = Reading(TODAY)
KINDS = {kind.name: kind for kind in FILES}
MEDICINE = (
    "60000001\tESSAI 5 mg, comprimé\t comprimé\torale;nasale\tAutorisation active\tP\tCommercialisée"
    "\t12/03/1998\t\t\t MAISON\tNon"
)
PACK = (
    "60000001\t9000001\tplaquette(s) de 30 comprimé(s)\tPrésentation active\tDéclaration de commercialisation"
    "\t01/06/2015\t3400930000014\toui\t65 %\t1,00\t{price}\t1,02\t"
)


def read(name: str, *lines: str, known: set[str] | None = None) -> tuple[list[imports.Row], FileReport]:
    return imports.read(KINDS[name], "\r\n".join(lines).encode("cp1252"), OURS, known)


def test_a_medicine_is_read_with_its_leading_spaces_gone() -> None:
    (row,), report = read("CIS_bdpm.txt", MEDICINE, "")
    assert isinstance(row, imports.MedicineRow)
    assert (row.form, row.holder, row.routes) == ("comprimé", "MAISON", ["orale", "nasale"])
    assert (row.marketed, row.withdrawn, row.authorised_on) == (True, False, date(1998, 3, 12))
    assert (report.taken, report.rejected, report.problems) == (1, 0, [])


@pytest.mark.parametrize(
    ("status", "withdrawn"),
    [
        ("Autorisation active", False),
        ("Autorisation abrogée", True),
        ("Autorisation archivée", True),
        ("Autorisation retirée", True),
        ("Autorisation suspendue", True),
    ],
)
def test_what_is_no_longer_authorised_is_withdrawn(status: str, withdrawn: bool) -> None:
    (row,), _ = read("CIS_bdpm.txt", MEDICINE.replace("Autorisation active", status))
    assert isinstance(row, imports.MedicineRow)
    assert row.withdrawn is withdrawn


@pytest.mark.parametrize(
    ("price", "cents"),
    [("24,34", 2434), ("1,466,29", 146629), ("12", 1200), ("0,5", 50), ("", None), ("1 200,00", 120000)],
)
def test_the_last_comma_of_a_price_is_the_decimal_one(price: str, cents: int | None) -> None:
    (row,), report = read("CIS_CIP_bdpm.txt", PACK.format(price=price))
    assert isinstance(row, PackRow)
    assert (row.price_cents, report.problems) == (cents, [])


@pytest.mark.parametrize("price", ["gratuit", "1,2,345", "-3,00", "99999999999,00"])
def test_a_price_that_is_none_is_left_out_and_told(price: str) -> None:
    (row,), report = read("CIS_CIP_bdpm.txt", PACK.format(price=price))
    assert isinstance(row, PackRow)
    assert row.price_cents is None
    assert report.problems == [f"line 1 taken: `{price}` is not a price: left out"]


@pytest.mark.parametrize("day", ["29/11/2924", "31/02/2020", "hier", "1/2", "01/01/1066"])
def test_a_date_that_cannot_be_is_left_out_and_told(day: str) -> None:
    (row,), report = read("CIS_bdpm.txt", MEDICINE.replace("12/03/1998", day))
    assert isinstance(row, imports.MedicineRow)
    assert row.authorised_on is None
    assert len(report.problems) == 1
    assert report.rejected == 0


REJECTED = {
    ("CIS_bdpm.txt", MEDICINE.replace("60000001", "70000001")): "A CIS has 8 digits, the first is 6.",
    ("CIS_bdpm.txt", MEDICINE.replace("60000001", "69996000")): (
        "Only fictitious products have a CIS from 69996000 to 69996899."
    ),
    ("CIS_bdpm.txt", "60000001\tESSAI"): "There are 2 columns in place of 12.",
    ("CIS_CIP_bdpm.txt", PACK.format(price="1,00").replace("3400930000014", "3400930000017")): (
        "The check digit of this CIP13 is wrong: it ends with 7, 4 is expected."
    ),
    ("CIS_CIP_bdpm.txt", PACK.format(price="1,00").replace("3400930000014", "340093")): (
        "A CIP13 has 13 digits."
    ),
    ("CIS_CIP_bdpm.txt", PACK.format(price="1,00").replace("3400930000014", "3400990000016")): (
        "Only fictitious products have a CIP13 that begins with 340099."
    ),
    ("CIS_COMPO_bdpm.txt", "60000001\tcp\t2202\tESSAI\t5 mg\tun\tSA\t1"): (
        "A substance has a code of 5 digits."
    ),
    ("CIS_COMPO_bdpm.txt", "60000001\tcp\t02202\tESSAI\t5 mg\tun\tXX\t1"): (
        "The nature of a substance is SA or FT."
    ),
    ("CIS_COMPO_bdpm.txt", "60000001\tcp\t02202\t\t5 mg\tun\tSA\t1"): "The substance has no name.",
    ("CIS_CPD_bdpm.txt", "60000001\t "): "There is no condition.",
    ("CIS_GENER_bdpm.txt", "1\tGROUPE\t60000001\t3\t1"): "The type of a generic is 0, 1, 2 or 4.",
    ("CIS_CIP_Dispo_Spec.txt", "60000001\t\t9\tRupture\t\t\t\t"): (
        "The status of availability is 1, 2, 3 or 4."
    ),
    ("CIS_MITM.txt", "60000001\tABC\tESSAI\t"): "This is not an ATC code.",
}


@pytest.mark.parametrize(("name", "line", "reason"), [(*key, reason) for key, reason in REJECTED.items()])
def test_a_line_that_cannot_be_taken_is_told_with_its_number(name: str, line: str, reason: str) -> None:
    rows, report = read(name, "", line)
    assert (rows, report.taken, report.rejected) == ([], 0, 1)
    assert report.problems == [f"line 2 rejected: {reason}"]
    assert report.reasons == {reason: 1}


def test_a_line_about_no_medicine_of_the_base_is_an_orphan() -> None:
    rows, report = read("CIS_CPD_bdpm.txt", "60000001\tliste I", "60000002\tliste I", known={"60000001"})
    assert (len(rows), report.reasons) == (1, {"This CIS is not in CIS_bdpm.txt.": 1})


def test_a_line_that_stands_twice_is_taken_once() -> None:
    rows, report = read("CIS_bdpm.txt", MEDICINE, MEDICINE)
    assert (len(rows), report.reasons) == (1, {"This line stands above already.": 1})


def test_a_hundred_problems_are_told_and_all_are_counted() -> None:
    _, report = read("CIS_CPD_bdpm.txt", *["70000001\tliste I"] * 250)
    assert (report.rejected, len(report.problems)) == (250, 100)


def test_either_encoding_is_read() -> None:
    assert decoded("comprimé".encode()) == decoded("comprimé".encode("cp1252")) == "comprimé"
    assert decoded(b"\xef\xbb\xbfcomprim\xc3\xa9") == "comprimé"


def test_a_nul_and_a_hard_space_do_not_reach_the_database() -> None:
    (row,), _ = read("CIS_bdpm.txt", MEDICINE.replace("ESSAI 5", "ES\x00SAI\xa05"))
    assert isinstance(row, imports.MedicineRow)
    assert row.label == "ESSAI 5 mg, comprimé"


@given(st.binary(max_size=300), st.sampled_from(FILES))
def test_any_bytes_are_taken_or_rejected_line_by_line(content: bytes, kind: imports.FileKind) -> None:
    rows, report = imports.read(kind, content, OURS, None)
    lines = [line for line in decoded(content).split("\n") if line.strip()]
    assert report.taken == len(rows)
    assert report.taken + report.rejected == len(lines)


def folder(**files: str) -> dict[str, bytes]:
    return {f"{name}.txt": text.encode() for name, text in files.items()}


def test_a_folder_is_put_together_and_what_is_missing_is_told() -> None:
    given_files = folder(
        CIS_bdpm=MEDICINE,
        CIS_CIP_bdpm=PACK.format(price="2,00"),
        CIS_COMPO_bdpm="60000001\tcp\t02202\tEssaïne\t5 mg\tun\tSA\t1",
        CIS_CPD_bdpm="60000001\tliste I\n60000001\tinconnue au bataillon",
        CIS_MITM="60000001\tN02BE01\tESSAI\t",
    )
    base = read_folder(given_files.get, OURS)
    (medicine,) = base.medicines
    assert (medicine.atc, medicine.rules) == (["N02BE01"], ["list_1"])
    assert medicine.searched == " ESSAI 5 MG COMPRIME | ESSAINE"
    assert [one.text for one in base.conditions] == ["liste I", "inconnue au bataillon"]
    assert [one.file for one in base.reports if one.missing] == [
        "CIS_GENER_bdpm.txt",
        "CIS_CIP_Dispo_Spec.txt",
    ]


def test_a_folder_without_its_packs_is_no_base() -> None:
    with pytest.raises(FileMissing, match=r"CIS_CIP_bdpm\.txt"):
        read_folder(folder(CIS_bdpm=MEDICINE).get, OURS)
