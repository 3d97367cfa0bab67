"""What the law says of a prescription that is about to be signed, rule after rule, line after line."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from eprescription.domain import quantities
from eprescription.domain.content import Content, Line, LineKind, NonSubstitution, Signed
from eprescription.domain.dispensing import LineStatus
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine

from . import duties, mentions, overlapping, restricted, words
from .book import duty, refusal, warning
from .calendar import add_days, add_months
from .kinds import Class, among, class_of, substances_of
from .parameters import Parameters


@dataclass(frozen=True, slots=True)
class Written:
    """A line as the rules read it."""

    line: Line
    medicine: Medicine | None
    content: Content
    written_on: date
    running: Sequence[LineStatus]
    parameters: Parameters
    known: Class
    # Days of the whole treatment, renewals counted.
    days: int | None

    @property
    def id(self) -> str:
        return self.line.line_id


def check(
    signed: Signed,
    medicines: Mapping[str, Medicine],
    running: Sequence[LineStatus],
    parameters: Parameters,
) -> list[Finding]:
    """Every finding on a prescription; `medicines` by line id, `running`: open lines of other prescriptions.

    A line without a medicine is a preparation, a device or an unknown product: its content alone is judged.
    """
    said = [*two_parts(signed.content), *mentions.of_prescription(signed, parameters)]
    for line in signed.content.lines:
        medicine = medicines.get(line.line_id)
        said += mentions.of_line(line, signed.written_on, parameters)
        said += restricted.check(signed, line, medicine, parameters)
        days = quantities.total_days(line, medicine)
        known = class_of(medicine)
        one = Written(line, medicine, signed.content, signed.written_on, running, parameters, known, days)
        for rule in BY_LINE:
            said += rule(one)
    return said


def two_parts(content: Content) -> list[Finding]:
    """V21: what concerns a long-term illness is written on the two-part form."""
    concerned = [line for line in content.lines if line.ald]
    if not content.bizone:
        sentence = "Une ligne en rapport avec une ALD s'écrit sur une ordonnance bizone."
        hint = "Cochez « bizone », ou retirez l'ALD de la ligne."
        return [refusal("V21", sentence, hint, line.line_id) for line in concerned]
    if concerned:
        return []
    sentence = "Ordonnance bizone sans ligne en rapport avec une ALD."
    return [duty("V21", sentence, "Vérifiez la partie de chaque ligne.")]


def treatment_length(one: Written) -> list[Finding]:
    """V2: a listed medicine is prescribed for twelve months at most (R.5132-21)."""
    if not one.known.listed or one.known.narcotic or one.days is None:
        return []
    begins = one.line.starts_on or one.written_on
    if add_days(begins, one.days) <= add_months(begins, one.parameters.treatment_months):
        return []
    sentence = f"Durée totale de plus de {one.parameters.treatment_months} mois, renouvellements compris."
    return [refusal("V2", sentence, "Réduisez la durée ou le nombre de renouvellements.", one.id)]


def renewals(one: Written) -> list[Finding]:
    """V5: renewals that are both written and forbidden; list I wants them written (R.5132-21)."""
    line = one.line
    if line.renewal_forbidden and line.renewals:
        sentence = "Renouvellement interdit et nombre de renouvellements se contredisent."
        return [refusal("V5", sentence, "Gardez l'un des deux.", one.id)]
    return []


def renewal_day(one: Written) -> list[Finding]:
    """V4: a renewal comes once the time covered has passed, so that time must be told (R.5132-14)."""
    line = one.line
    if not line.renewals or line.kind is not LineKind.MEDICINE or one.days is not None:
        return []
    if line.early_renewal_allowed:
        return []
    sentence = "Renouvellement sans durée ni posologie structurée : sa date ne se calcule pas."
    return [duty("V4", sentence, "Indiquez la durée d'un traitement.", one.id)]


def limited_length(one: Written) -> list[Finding]:
    """V6: the longest prescription that the conditions of the medicine allow."""
    longest = one.known.longest
    if not longest or one.known.narcotic:
        return []
    if one.days is None:
        sentence = f"Médicament limité à {longest} jours : la durée n'est pas indiquée."
        return [warning("V6", sentence, "Indiquez la durée du traitement.", one.id, "unknown")]
    if one.days <= longest:
        return []
    sentence = f"Prescription limitée à {longest} jours pour ce médicament, renouvellements compris."
    return [refusal("V6", sentence, "Réduisez la durée ou les renouvellements.", one.id)]


def narcotic(one: Written) -> list[Finding]:
    """V7: secure form, 28 days at most (14 or 7 for some), never renewable, length known."""
    if not one.known.narcotic:
        return []
    said: list[Finding] = []
    if not one.content.secure:
        said.append(
            _v7(one, "secure", "Un stupéfiant s'écrit sur une ordonnance sécurisée.", "Cochez « sécurisée ».")
        )
    if one.line.renewals:
        sentence = "Un stupéfiant ne se renouvelle pas."
        said.append(
            _v7(
                one,
                "renewals",
                sentence,
                "Retirez les renouvellements : une nouvelle ordonnance à chaque fois.",
            )
        )
    most = min(one.known.longest or one.parameters.narcotic_days, one.parameters.narcotic_days)
    if one.days is None:
        sentence = "La durée d'un stupéfiant doit être indiquée."
        said.append(
            _v7(one, "length", sentence, "Indiquez la durée, ou une posologie structurée et une quantité.")
        )
    elif one.days > most:
        sentence = f"Stupéfiant limité à {most} jours."
        said.append(_v7(one, "length", sentence, "Réduisez la durée."))
    return said


def full_letters(one: Written) -> list[Finding]:
    """V7: units, doses and strength in full letters (R.5132-29)."""
    if not one.known.in_words:
        return []
    said: list[Finding] = []
    quantity, text = one.line.quantity, one.line.posology.text
    if quantity is None or not words.says(quantity.in_words, quantity.value):
        sentence = "La quantité s'écrit en toutes lettres, la même qu'en chiffres."
        said.append(_v7(one, "quantity", sentence, "Par exemple « vingt-huit comprimés »."))
    if not text.strip() or words.has_figures(text):
        sentence = "La posologie s'écrit en toutes lettres."
        said.append(
            _v7(one, "dose", sentence, "Par exemple « un comprimé de dix milligrammes deux fois par jour ».")
        )
    return said


def _v7(one: Written, about: str, sentence: str, hint: str) -> Finding:
    return refusal("V7", sentence, hint, one.id, about)


def opioid_substitution(one: Written) -> list[Finding]:
    """V7: a substitution treatment of opioids names the pharmacy that delivers it (L.162-4-2 CSS)."""
    if not one.known.in_words or one.content.named_pharmacy:
        return []
    if not among(substances_of(one.line, one.medicine), one.parameters.named_pharmacy_substances):
        return []
    sentence = "Un traitement de substitution aux opioïdes nomme la pharmacie qui le délivre."
    hint = "Indiquez la pharmacie, avec l'accord du patient."
    return [warning("V7", sentence, hint, one.id, "pharmacy")]


def fractions(one: Written) -> list[Finding]:
    """V8: delivered by fractions unless the prescriber writes otherwise."""
    if not one.known.fraction or one.line.single_delivery:
        return []
    sentence = f"Délivrance fractionnée de {one.known.fraction} jours."
    return [duty("V8", sentence, "Sinon, portez « délivrance en une seule fois ».", one.id)]


def discharge(one: Written) -> list[Finding]:
    """V10: a discharge is planned for surgery to come, and lies in the time of the prescription."""
    planned = one.content.planned_discharge_on
    if planned is None or not one.known.narcotic:
        return []
    last = add_months(one.written_on, one.parameters.first_delivery_months)
    if one.written_on <= planned <= last:
        return []
    sentence = "La sortie prévue n'est pas dans les trois mois qui suivent l'ordonnance."
    return [refusal("V10", sentence, "Vérifiez la date de sortie.", one.id)]


def overlap(one: Written) -> list[Finding]:
    """V11: no narcotic prescription over one that runs, unless the prescriber writes it (R.5132-33)."""
    return overlapping.at_writing(one.line, one.medicine, one.running, one.written_on)


def assimilated(one: Written) -> list[Finding]:
    """V12: narcotic-like medicines are written on the secure form too."""
    if not one.known.assimilated or one.content.secure:
        return []
    sentence = "Ce médicament s'écrit sur une ordonnance sécurisée."
    return [refusal("V12", sentence, "Cochez « sécurisée ».", one.id)]


def papers(one: Written) -> list[Finding]:
    """V14: consent, attestation, result or mention that the prescriber owes."""
    rules = one.medicine.rules if one.medicine else frozenset()
    owed = set(duties.papers_of(one.medicine, one.parameters))
    owed |= {rule for rule in rules if rule == "booklet" or rule.startswith("mention:")}
    answered = {*one.line.mentions, *(f"mention:{text}" for text in one.line.mentions)}
    return [
        duty(
            "V14",
            f"À faire ou à porter : {duties.named(rule)}.",
            "Notez-le parmi les mentions.",
            one.id,
            rule,
        )
        for rule in sorted(owed - answered)
    ]


def non_substitution(one: Written) -> list[Finding]:
    """V19: no substitution only for one of the three reasons of the arrêté, each with its own condition."""
    line = one.line
    if line.non_substitution is NonSubstitution.NONE:
        if not line.non_substitution_text:
            return []
        sentence = "Un refus de substitution porte l'un des motifs MTE, EFG ou CIF."
        return [refusal("V19", sentence, "Choisissez le motif, ou retirez le texte.", one.id)]
    if line.kind is not LineKind.MEDICINE:
        sentence = "Seul un médicament se substitue."
        return [refusal("V19", sentence, "Retirez la mention.", one.id)]
    return REASONS[line.non_substitution](one)


def _mte(one: Written) -> list[Finding]:
    names = substances_of(one.line, one.medicine)
    if among(names, one.parameters.mte_substances):
        return []
    if not names:
        sentence = "MTE : la substance n'est pas connue, vérifiez qu'elle est sur la liste."
        return [duty("V19", sentence, "Arrêté du 12 novembre 2019.", one.id)]
    sentence = "MTE : la substance n'est pas sur la liste des marges thérapeutiques étroites."
    return [refusal("V19", sentence, "Retirez la mention, ou choisissez EFG ou CIF.", one.id)]


def _efg(one: Written) -> list[Finding]:
    """The age is not known here: it stays with who holds the identity."""
    sentence = "EFG : seulement pour un enfant de moins de six ans, sans forme générique adaptée."
    return [duty("V19", sentence, "Vérifiez l'âge du patient.", one.id)]


def _cif(one: Written) -> list[Finding]:
    if one.line.non_substitution_text.strip():
        return []
    sentence = "CIF : l'excipient contre-indiqué se note."
    return [refusal("V19", sentence, "Nommez l'excipient à effet notoire.", one.id)]


REASONS: Mapping[NonSubstitution, Callable[[Written], list[Finding]]] = {
    NonSubstitution.MTE: _mte,
    NonSubstitution.EFG: _efg,
    NonSubstitution.CIF: _cif,
}


def off_label(one: Written) -> list[Finding]:
    """V20: `hors AMM` is printed on the line, and `NR` where it is not reimbursed."""
    return duties.off_label(one.id, one.line.off_label, one.line.non_reimbursable)


def exception(one: Written) -> list[Finding]:
    """V22: the form of exception medicines states the indication of each."""
    stated = bool(one.line.exception_indication.strip())
    if one.line.kind is not LineKind.MEDICINE or stated == one.content.exception_medicines:
        return []
    if stated:
        sentence = (
            "Une indication de médicament d'exception s'écrit sur l'ordonnance de médicaments d'exception."
        )
        return [refusal("V22", sentence, "Cochez « médicaments d'exception ».", one.id)]
    sentence = "Ordonnance de médicaments d'exception : l'indication de la ligne manque."
    return [refusal("V22", sentence, "Indiquez-la selon la fiche d'information thérapeutique.", one.id)]


BY_LINE: tuple[Callable[[Written], list[Finding]], ...] = (
    treatment_length,
    renewal_day,
    renewals,
    limited_length,
    narcotic,
    full_letters,
    opioid_substitution,
    fractions,
    discharge,
    overlap,
    assimilated,
    papers,
    non_substitution,
    off_label,
    exception,
)
