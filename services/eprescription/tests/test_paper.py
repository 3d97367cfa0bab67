"""The paper that is handed over: what the law wants on it, nothing lost, and a code that scans."""

import re
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal

import pytest

from chassis.testing import NOW
from eprescription.domain import symbol, token
from eprescription.domain.cda.patient import Patient
from eprescription.domain.content import (
    Content,
    CountUnit,
    Dose,
    Ingredient,
    LineKind,
    NonSubstitution,
    Posology,
    Product,
    Quantity,
)
from eprescription.domain.paper import fonts, sheet
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State

from . import given
from .keys_given import PATIENT, platform, printed
from .keys_given import token as token_of
from .pdf_given import Pdf, squeezed

SIGNER = platform()[0].token_signer


def drawn(prescription: Prescription, patient: Patient = PATIENT) -> bytes:
    return sheet.draw(prescription, patient, token.make(token_of(prescription), SIGNER), NOW)


def text_of(prescription: Prescription, patient: Patient = PATIENT) -> str:
    """All pages, spaces and line breaks as one space."""
    return squeezed(" ".join(Pdf(drawn(prescription, patient)).pages()))


def told(**changes: object) -> str:
    return text_of(printed(given.content(given.line(**changes))))


def test_it_says_who_prescribes_for_whom_and_until_when() -> None:
    prescription = printed(given.content(weight_grams=72_500, height_millimetres=1760))
    text = text_of(prescription)
    for part in (
        "Anne DOCTEUR",
        "Médecin",
        "N° RPPS 10100000011",
        "Structure : FINESS 750000018",
        "Nom de naissance : LAJOIE-ÉTERNEL",
        "Prénoms de naissance : MARIE CÉLESTE",
        "Nom utilisé : DURAND MARIE",
        "Sexe : féminin",
        "Né(e) le : 02/01/1980",
        "Matricule INS : 2800175114001 39 (INS de test 1.2.250.1.213.1.4.10)",
        "Poids, taille : 72,5 kg, 176 cm",
        "à présenter en pharmacie au plus tard le 22/05/2027",
        f"Ordonnance du {prescription.signed.written_on:%d/%m/%Y}",
        "Fin de la prescription : 1 ligne.",
        "Page 1/1",
    ):
        assert part in text
    assert prescription.number in text.replace(" ", "")


def test_a_person_without_ins_is_printed_without_one() -> None:
    text = text_of(printed(), replace(PATIENT, ins="", ins_oid="", birth_date="1980-01", used_name=""))
    assert "INS" not in text
    assert "Né(e) le : 01/1980" in text


def test_a_line_is_told_in_words() -> None:
    text = told(renewals=2, starts_on=date(2026, 12, 1))
    assert "1. paracétamol 500 mg, comprimé PARACETAMOL 500 mg, comprimé" in text
    assert "1 comprimé 3 fois par jour au plus 6 par 24 heures" in text
    assert "À partir du 01/12/2026. Durée : 8 jours. Quantité : 24 comprimé. À renouveler 2 fois." in text


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"non_substitution": NonSubstitution.MTE}, "Non substituable (MTE) : marge thérapeutique étroite"),
        (
            {"non_substitution": NonSubstitution.CIF, "non_substitution_text": "allergie au lactose"},
            "Non substituable (CIF) : allergie au lactose",
        ),
        ({"off_label": True}, "Prescription hors autorisation de mise sur le marché"),
        ({"non_reimbursable": True}, "NR (non remboursable)"),
        ({"renewal_forbidden": True}, "À ne pas renouveler."),
        ({"single_delivery": True}, "Délivrance en une seule fois"),
        ({"overlap_allowed": True}, "Chevauchement avec une prescription en cours autorisé"),
        ({"early_renewal_allowed": True}, "Renouvellement avant terme autorisé"),
        ({"work_accident": True}, "Accident du travail ou maladie professionnelle"),
        ({"prevention": True}, "Prévention"),
        ({"mentions": ("mention:traitement_bref",)}, "Traitement bref"),
        ({"patient_note": "Boire <beaucoup> & souvent"}, "Pour le patient : Boire <beaucoup> & souvent"),
        ({"dispenser_note": "Appeler"}, "Pour le pharmacien : Appeler"),
        ({"precondition": "fièvre"}, "Condition : fièvre"),
        ({"exception_indication": "Psoriasis"}, "Indication (médicament d'exception) : Psoriasis"),
        ({"rental_days": 30}, "Location : 30 jours."),
    ],
)
def test_every_mention_of_a_line_is_printed(changes: dict[str, object], words: str) -> None:
    assert words in told(**changes)
    assert words not in told()


def test_a_narcotic_says_its_quantity_in_letters() -> None:
    """R.5132-29."""
    quantity = Quantity(Decimal(84), CountUnit.DOSE, "gélules", "quatre-vingt-quatre gélules")
    assert "Quantité : quatre-vingt-quatre gélules (84 gélules)." in told(quantity=quantity)


def test_a_tapered_posology_is_told_step_by_step() -> None:
    steps = (
        Dose(1, Decimal("0.5"), Decimal(1), unit_label="comprimé", frequency=2, when=("MORN", "HS"), days=7),
        Dose(2, Decimal(1), unit_label="comprimé", frequency=1, period=Decimal(2), days=1),
        Dose(
            3, Decimal(1), unit_label="comprimé", frequency=1, period_unit="wk", days_of_week=("mon", "fri")
        ),
    )
    text = told(posology=Posology(doses=steps, as_needed=True, condition="douleur", route_label="orale"))
    assert "0,5 à 1 comprimé 2 fois par jour, le matin, au coucher, pendant 7 jours ; puis" in text
    assert "1 comprimé tous les 2 jours, pendant 1 jour ; puis" in text
    assert "1 comprimé 1 fois par semaine, le lundi, vendredi" in text
    assert "si besoin : douleur, voie : orale" in text


def test_a_preparation_and_a_device_are_named() -> None:
    preparation = given.line(
        kind=LineKind.PREPARATION,
        product=Product(),
        ingredients=(Ingredient("Acide salicylique", "2 g"), Ingredient("Vaseline", "qsp 100 g")),
    )
    device = given.line(kind=LineKind.DEVICE, product=Product(label="Bandelettes", lpp="1101770"))
    text = text_of(printed(given.content(preparation, device)))
    assert "1. Préparation magistrale — Acide salicylique : 2 g — Vaseline : qsp 100 g" in text
    assert "2. Bandelettes Code LPP 1101770" in text


UPPER = "traitement de l'affection de longue durée reconnue"
LOWER = "SANS RAPPORT avec l'affection de longue durée"


def test_one_line_of_long_term_illness_makes_the_form_in_two_parts() -> None:
    """Only the upper part is reimbursed in full: a line in the other by mistake costs the patient."""
    other, ald = (
        given.line(product=Product(dci="Autre")),
        given.line(product=Product(dci="Chronique"), ald=True),
    )
    text = text_of(printed(given.content(other, ald)))
    assert "ORDONNANCE BIZONE" in text
    places = [
        text.index(part) for part in (UPPER, "2. Chronique", LOWER, "1. Autre", "Fin de la prescription")
    ]
    assert places == sorted(places)


def test_an_empty_part_says_so() -> None:
    """Or anything could be written into it."""
    text = text_of(printed(given.content(given.line(ald=True))))
    assert re.search(re.escape(LOWER) + r".*Néant", text)
    assert UPPER not in told()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"secure": True}, "ORDONNANCE SÉCURISÉE"),
        ({"exception_medicines": True}, "ORDONNANCE DE MÉDICAMENTS D'EXCEPTION"),
        ({"large_equipment": True}, "ORDONNANCE DE GRAND APPAREILLAGE"),
        ({"bizone": True}, "ORDONNANCE BIZONE"),
        ({"urgent": True}, "URGENT"),
        ({"at_home": True}, "Exécution à domicile"),
        ({"hospital": True}, "Établie à l'hôpital"),
        ({"military": True}, "Affection militaire"),
        ({"pregnant": True}, "Grossesse en cours"),
        ({"replaced_prescriber": "810100000029"}, "Le prescripteur remplace : 810100000029"),
        ({"named_pharmacy": "1750000042"}, "Pharmacie désignée : 1750000042"),
        ({"planned_discharge_on": date(2026, 12, 1)}, "Sortie prévue après chirurgie : 01/12/2026"),
        (
            {"initial_reference": "S1X", "initial_written_on": date(2026, 1, 5), "initial_by_hospital": True},
            "Prescription initiale (hôpital ou spécialiste) du 05/01/2026 : S1X",
        ),
        ({"comment": "À revoir dans un mois"}, "À revoir dans un mois"),
    ],
)
def test_every_mention_of_the_prescription_is_printed(changes: dict[str, object], words: str) -> None:
    assert words in text_of(printed(given.content(**changes)))
    assert words not in text_of(printed())


def test_a_reprint_after_a_delivery_says_so() -> None:
    """It looks like the first paper: a pharmacy without network would deliver it again."""
    said, first = text_of(printed(state=State.PARTIALLY_DISPENSED)), text_of(printed())
    for words in ("Déjà délivrée en partie au jour de l'impression.", "délivrable jusqu'au 22/05/2027"):
        assert words in said
        assert words not in first


def longest() -> Content:
    """Many lines, some with texts at their longest, one of them without any space."""
    texts = [f"mot{rank:03}" for rank in range(250)]
    long = given.line(
        product=Product(dci="D" * 500, label="L" * 500),
        posology=Posology(text=" ".join(texts)),
        patient_note="N" * 1000,
    )
    return given.content(*(given.line() for _ in range(25)), long, comment=" ".join(reversed(texts)))


def test_long_texts_go_over_pages_without_loss() -> None:
    prescription = printed(longest())
    pages = [squeezed(page) for page in Pdf(drawn(prescription)).pages()]
    whole = " ".join(pages)
    assert len(pages) > 3
    for rank in range(250):
        assert whole.count(f"mot{rank:03}") == 2
    for letter, count in (("D", 500), ("L", 500), ("N", 1000)):
        assert sum(len(run) for run in re.findall(f"{letter}{{3,}}", whole)) == count
    for at, page in enumerate(pages, 1):
        assert f"Page {at}/{len(pages)}" in page
        assert prescription.number in page.replace(" ", "")
        assert ("pour LAJOIE-ÉTERNEL MARIE (suite)" in page) is (at > 1)


def test_a_copy_for_the_record_does_not_open_the_prescription() -> None:
    prescription = printed()
    data = sheet.draw(prescription, PATIENT, prescription.number, NOW)
    (page,) = Pdf(data).pages()
    assert "n'ouvre rien" in page
    assert "se vérifie sans réseau" not in page
    assert "se vérifie sans réseau" in text_of(prescription)


def test_the_same_moment_gives_the_same_bytes() -> None:
    prescription = printed()
    text = token.make(token_of(prescription), SIGNER)
    first, again = (sheet.draw(prescription, PATIENT, text, NOW) for _ in range(2))
    later = sheet.draw(prescription, PATIENT, text, NOW + timedelta(days=1))
    assert first == again != later
    assert f"/CreationDate (D:{NOW:%Y%m%d%H%M%S}+00'00')".encode() in first


def test_its_properties_name_nobody_and_its_fonts_are_within() -> None:
    data = drawn(printed(given.content(given.line(ald=True))))
    properties = b" ".join(re.findall(rb"/(?:Title|Author|Subject|Keywords) \([^)]*\)", data))
    assert b"Ordonnance S1" in properties
    for name in (b"LAJOIE", b"DURAND", b"DOCTEUR", b"PARACETAMOL"):
        assert name not in data
    named, embedded = re.findall(rb"/BaseFont /(\S+)", data), re.findall(rb"/FontName /(\S+)", data)
    assert set(named) == set(embedded)
    assert all(b"+BitstreamVera" in name for name in named)
    assert data.count(b"/FontFile2") == len(embedded)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Zoë Łukasz", "Zoë Łukasz"),
        ("Nguyễn 漢", "Nguyen ?"),
        ("½ μg\u200b\x07", "½ ?g"),
        ("a\u00a0b", "a\u00a0b"),
    ],
)
def test_a_letter_that_the_fonts_lack_is_not_lost_in_silence(text: str, shown: str) -> None:
    assert fonts.printable(text) == shown


def test_the_code_is_drawn_as_it_was_made() -> None:
    """Bottom left, module by module: read back from the path of the page."""
    prescription = printed()
    text = token.make(token_of(prescription), SIGNER)
    pdf = Pdf(sheet.draw(prescription, PATIENT, text, NOW))
    rows = symbol.modules(text)
    dark = sum(row.count(0) for row in rows)
    module = sheet.CODE / (len(rows) + 8)
    content = b" ".join(pdf.contents())
    boxes = [
        [float(n) for n in box] for box in re.findall(rb"([\d.]+) ([\d.]+) ([\d.]+) ([\d.]+) re", content)
    ]
    code = [box for box in boxes if abs(box[3] - module) < 0.01 and box[0] < sheet.MARGIN + sheet.CODE]
    assert round(sum(width for _, _, width, _ in code) / module) == dark
    assert min(box[0] for box in code) == pytest.approx(sheet.MARGIN + 4 * module, abs=0.01)
