"""Who prescribes, for whom, and what proves it."""

from __future__ import annotations

from datetime import datetime
from typing import Final

from reportlab.graphics.barcode.code128 import Code128
from reportlab.lib.units import mm
from reportlab.platypus import Flowable, Paragraph, Spacer

from eprescription.domain.cda.patient import Patient
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.states import State

from . import words
from .qualifications import qualification
from .story import MENTION, PLAIN, SMALL, STRONG, text

# PS_IdNat: the first digit says which number follows (ANS, TRE_G08).
RPPS: Final = "8"
STRUCTURES: Final = {"1": "FINESS", "3": "SIRET"}
SEXES: Final = {"M": "masculin", "F": "féminin"}
# Of the INS; the first two are real, the last is of the tests (ANS).
AUTHORITIES: Final = {
    "1.2.250.1.213.1.4.8": "INS-NIR",
    "1.2.250.1.213.1.4.9": "INS-NIA",
    "1.2.250.1.213.1.4.10": "INS de test",
}

VERIFIABLE: Final = (
    "Le code à gauche se vérifie sans réseau ; sans lui, donnez le numéro et la date de naissance."
)
BARE: Final = "Copie pour le dossier : le code à gauche porte le numéro, et n'ouvre rien."


def prescriber(prescription: Prescription) -> list[Flowable]:
    who = prescription.signed.prescriber
    identifier = who.id.removeprefix(RPPS) if who.id.startswith(RPPS) else who.id
    flow: list[Flowable] = [text(who.name or "Prescripteur", STRONG), text(qualification(who), PLAIN)]
    flow += [text(f"N° RPPS {identifier}", PLAIN), Spacer(1, 1.5 * mm)]
    flow.append(Code128(identifier, barHeight=8 * mm, barWidth=0.3 * mm, humanReadable=False, quiet=False))
    flow += [Spacer(1, 2 * mm), text(_structure(who.organisation), PLAIN)]
    return flow


def _structure(identifier: str) -> str:
    kind = STRUCTURES.get(identifier[:1])
    return (
        f"Structure : {kind} {identifier[1:]}" if kind else f"Structure : {identifier}" if identifier else ""
    )


def patient(prescription: Prescription, of: Patient) -> list[Flowable]:
    """The five traits of the INS, the used name, the number with its authority, what the doses depend on."""
    told = [
        ("Nom de naissance", of.birth_name),
        ("Prénoms de naissance", " ".join(of.first_names)),
        ("Nom utilisé", " ".join(part for part in (of.used_name, of.used_first_name) if part)),
        ("Sexe", SEXES.get(of.sex, "")),
        ("Né(e) le", _birth(of.birth_date)),
        ("Code du lieu de naissance", of.birth_place),
        ("Matricule INS", _ins(of)),
        ("Poids, taille", _measures(prescription)),
    ]
    return [text("Patient", STRONG)] + [text(f"{title} : {value}", SMALL) for title, value in told if value]


def _birth(birth_date: str) -> str:
    """Partial dates stay partial."""
    return "/".join(reversed(birth_date.split("-")))


def _ins(of: Patient) -> str:
    if not of.ins:
        return ""
    authority = AUTHORITIES.get(of.ins_oid, "")
    return f"{of.ins[:13]} {of.ins[13:]} ({' '.join(part for part in (authority, of.ins_oid) if part)})"


def _measures(prescription: Prescription) -> str:
    content = prescription.signed.content
    weight = f"{content.weight_grams / 1000:.1f} kg".replace(".", ",") if content.weight_grams else ""
    height = f"{content.height_millimetres // 10} cm" if content.height_millimetres else ""
    return ", ".join(part for part in (weight, height) if part)


def reminder(prescription: Prescription, of: Patient) -> Paragraph:
    """Above the sheets that follow the first."""
    who, on = prescription.signed.prescriber.name, words.day(prescription.signed.written_on)
    return text(
        f"{who}, ordonnance du {on} pour {of.birth_name} {' '.join(of.first_names[:1])} (suite)", MENTION
    )


def foot(prescription: Prescription, at: datetime, *, verifiable: bool) -> list[Paragraph]:
    """Beside the QR code; `verifiable`: it holds the signed token, not the number alone."""
    number = prescription.number
    spaced = " ".join(number[start : start + 3] for start in range(0, len(number), 3))
    return [
        text(f"Ordonnance du {words.day(prescription.signed.written_on)}{_until(prescription)}", MENTION),
        text(_signature(prescription, at), SMALL),
        text(f"Imprimée le {at:%d/%m/%Y à %H:%M} (heure de Paris)", SMALL),
        text(VERIFIABLE if verifiable else BARE, SMALL),
        text(f"N° {spaced}", STRONG),
    ]


def _until(prescription: Prescription) -> str:
    """Before a first delivery the last day is the one of that delivery (R.5132-22), not of the treatment."""
    if prescription.expires_on is None:
        return ""
    begun = prescription.state is State.PARTIALLY_DISPENSED
    until = "délivrable jusqu'au" if begun else "à présenter en pharmacie au plus tard le"
    return f", {until} {words.day(prescription.expires_on)}"


def _signature(prescription: Prescription, at: datetime) -> str:
    if prescription.signed_at is None or not prescription.key_id:
        return "Renouvellement exceptionnel par le pharmacien (article R.5123-2-1)"
    signed_at = prescription.signed_at.astimezone(at.tzinfo)
    return f"Signée électroniquement le {signed_at:%d/%m/%Y à %H:%M}, clé {prescription.key_id[:16]}"
