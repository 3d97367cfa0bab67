"""What the pharmacist does or checks at a delivery, and a machine cannot."""

from __future__ import annotations

from fractions import Fraction

from eprescription.domain import quantities
from eprescription.domain.content import Content, CountUnit, LineKind
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine, Pack

from .book import duty
from .caps import Cap
from .covering import Treatment
from .kinds import class_of
from .parameters import Parameters


def of_delivery(treatment: Treatment, written: Content, cap: Cap) -> tuple[Finding, ...]:
    """V3, V14, V16, V20, V21, V22, as far as they concern the line."""
    said = [
        *_length_unknown(treatment, cap),
        *papers(treatment),
        *big_pack(treatment),
        *off_label(treatment.line.line_id, treatment.line.off_label, treatment.line.non_reimbursable),
        *long_term(treatment.line.line_id, treatment.line.ald, written.bizone),
        *exception(treatment, written),
    ]
    return tuple(said)


def _length_unknown(treatment: Treatment, cap: Cap) -> list[Finding]:
    """V3: nobody said how long the quantity lasts: the pharmacist answers for the month (R.5132-12)."""
    if cap.known or treatment.line.kind is not LineKind.MEDICINE:
        return []
    return [
        duty(
            "V3",
            f"La durée couverte ne se calcule pas : vérifiez qu'elle ne dépasse pas {cap.days} jours.",
            "Indiquez le nombre de jours couverts par la délivrance.",
            treatment.line.line_id,
        )
    ]


def papers_of(medicine: Medicine | None, parameters: Parameters) -> list[str]:
    """V14: the machine rules of the medicine that name a paper to see."""
    if medicine is None:
        return []
    wanted = parameters.papers_to_see
    return sorted(
        rule
        for rule in medicine.rules
        if rule in wanted or any(rule.startswith(head) for head in wanted if head.endswith(":"))
    )


def papers(treatment: Treatment) -> list[Finding]:
    """V14: forms to see before the delivery, and mentions to look for on the prescription."""
    medicine, line_id = treatment.medicine, treatment.line.line_id
    seen = [
        duty(
            "V14",
            f"À vérifier avant la délivrance : {named(paper)}.",
            f"Confirmez l'avoir vu (`{paper}` parmi les vérifications de l'acte).",
            line_id,
            paper,
        )
        for paper in papers_of(medicine, treatment.parameters)
    ]
    mentions = sorted(rule for rule in (medicine.rules if medicine else ()) if rule.startswith("mention:"))
    return seen + [
        duty("V14", f"Vérifiez la mention de l'ordonnance : {named(one)}.", "", line_id, one)
        for one in mentions
    ]


NAMES = {
    "consent_form": "le recueil de l'accord de soins",
    "attestation": "l'attestation co-signée",
    "annual_attestation": "l'attestation annuelle d'information",
    "pregnancy_programme": "le programme de prévention de la grossesse (ou qu'il ne s'applique pas)",
    "booklet": "le carnet du patient",
}


def named(rule: str) -> str:
    """The paper or mention as a reader names it."""
    head, _, tail = rule.partition(":")
    told = tail.replace("_", " ")
    return NAMES.get(rule) or (f"résultat de {told}" if head == "test_result" else told or head)


def pack_days(treatment: Treatment, units: Fraction) -> Fraction | None:
    """Days that so many units last."""
    month = quantities.of_days(treatment.line, CountUnit.DOSE, treatment.medicine, 0, 30)
    return units * 30 / month if month else None


def big_pack(treatment: Treatment) -> list[Finding]:
    """V16: a chronic treatment is delivered in the big pack where there is one (L.5125-23)."""
    known, total = class_of(treatment.medicine), treatment.total_days
    shortened = treatment.narcotic or known.fraction or known.pregnancy
    if shortened or total is None or total < treatment.parameters.chronic_days:
        return []
    lasts = [pack_days(treatment, units) for units in quantities.marketed_units(treatment.medicine)]
    month = treatment.parameters.delivery_days
    if len(lasts) < 2 or not any(one is not None and one > month for one in lasts):
        return []
    return [
        duty(
            "V16",
            "Traitement chronique : un grand conditionnement existe.",
            "Délivrez le grand conditionnement, sauf avis contraire du prescripteur.",
            treatment.line.line_id,
        )
    ]


def is_small(pack: Pack | None, treatment: Treatment) -> bool:
    """Whether a pack lasts a month at most."""
    lasts = pack_days(treatment, Fraction(pack.units)) if pack and pack.units else None
    return lasts is not None and lasts <= treatment.parameters.delivery_days


def off_label(line_id: str, off: bool, not_reimbursed: bool) -> list[Finding]:
    """V20: outside the authorisation: the mention is on the line, and `NR` where nothing is reimbursed."""
    if not off:
        return []
    billed = "non remboursable (NR)" if not_reimbursed else "vérifiez la prise en charge (NR ?)"
    return [duty("V20", f"Prescription hors AMM : {billed}.", "Informez le patient.", line_id)]


def long_term(line_id: str, ald: bool, bizone: bool) -> list[Finding]:
    """V21: the line belongs to the upper part of the two-part form."""
    if not (ald and bizone):
        return []
    return [duty("V21", "Ligne en rapport avec l'affection de longue durée : partie haute.", "", line_id)]


def exception(treatment: Treatment, written: Content) -> list[Finding]:
    """V22: an exception medicine is delivered for the indication of its form."""
    if not (written.exception_medicines and treatment.line.exception_indication):
        return []
    sentence = "Médicament d'exception : vérifiez la conformité à la fiche d'information thérapeutique."
    return [duty("V22", sentence, "", treatment.line.line_id)]


def shortened(line_id: str, lost: int, days: int) -> Finding:
    """V9: the part that came too late is lost, and the box is opened."""
    return duty(
        "V9",
        f"Stupéfiant présenté après trois jours : {lost} jours sont perdus, {days} restent à délivrer.",
        "Délivrez à l'unité près (déconditionnement).",
        line_id,
    )
