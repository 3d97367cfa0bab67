"""What the law says of one act of a pharmacist: V3 to V9, V13, V14, V16 to V19."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from math import ceil

from eprescription.domain import quantities
from eprescription.domain.content import Line, LineKind
from eprescription.domain.dispensing import Act, InterventionKind, LineStatus, NotDelivered
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine, Pack

from . import duties, substituting
from .book import duty, refusal, warning
from .covering import DELIVERED, Treatment, treatment_of
from .entitled import Entitled
from .kinds import among, substances_of
from .parameters import Parameters


@dataclass(frozen=True, slots=True)
class Given:
    """One act, with all that is known of what was prescribed and what is given."""

    act: Act
    treatment: Treatment
    status: LineStatus
    entitled: Entitled
    given: Medicine | None
    pack: Pack | None
    pharmacy: str

    @property
    def line(self) -> Line:
        return self.treatment.line

    @property
    def prescribed(self) -> Medicine | None:
        return self.treatment.medicine

    @property
    def parameters(self) -> Parameters:
        return self.treatment.parameters


def check_act(  # noqa: PLR0913, PLR0917 (one act and all that surrounds it)
    act: Act,
    line: Line,
    status: LineStatus,
    entitled: Entitled,
    prescribed: Medicine | None,
    given: Medicine | None,
    pack: Pack | None,
    caller_pharmacy: str,
    today: date,
    parameters: Parameters,
) -> list[Finding]:
    """What the law says of one act. `entitled`: what may still be given of the line, before this act.

    Raises QuantityUnknown where the act does not say how much was delivered.
    """
    treatment = treatment_of(line, status, prescribed, today, None, parameters)
    one = Given(act, treatment, status, entitled, given, pack, caller_pharmacy)
    if act.kind not in DELIVERED:
        return not_delivered(one)
    said: list[Finding] = []
    for rule in (*EVERY_DELIVERY, BY_KIND[act.kind]):
        said += rule(one)
    return said


def not_delivered(one: Given) -> list[Finding]:
    """V17: who refuses for the health of the patient tells the prescriber at once (R.4235-61)."""
    if one.act.not_delivered is not NotDelivered.CLINICALLY_UNSUITABLE:
        return []
    sentence = "Refus dans l'intérêt de la santé du patient : informez immédiatement le prescripteur."
    return [duty("V17", sentence, "Par messagerie de santé ou par téléphone.", one.line.line_id)]


def quantity(one: Given) -> list[Finding]:
    """V3, V4, V8, V9...: no more than the line entitles to, by the rule that bounds it."""
    counted = quantities.count(one.act, one.line, one.status, one.prescribed, one.pack)
    if counted <= one.entitled.quantity or _one_pack_more(one, counted):
        return []
    if one.entitled.quantity <= 0:
        sentence = "Rien ne peut être délivré de cette ligne aujourd'hui."
    else:
        sentence = f"Trop : au plus {_figure(one.entitled.quantity)} {UNITS[one.entitled.unit.value]}."
    hint = "Lisez ce qui peut être délivré de la ligne, et délivrez au plus cela."
    return [refusal(one.entitled.bound, sentence, hint, one.line.line_id, "quantity")]


UNITS = {"box": "boîte(s)", "dose": "unité(s) de prise", "day": "jour(s) de traitement"}


def _figure(amount: Decimal) -> str:
    return f"{amount.normalize():f}".replace(".", ",")


def _one_pack_more(one: Given, counted: Decimal) -> bool:
    """A box is not opened but for narcotics and fractions: the last one may go beyond the month (R.5132-12).

    Up to three months, or without bound where the medicine has no smaller pack.
    """
    packs, most = one.act.packs, one.entitled.quantity
    exact = one.treatment.narcotic or one.entitled.bound in {"V8", "V9"}
    if exact or packs is None or packs <= 0 or one.act.units is not None or most <= 0:
        return False
    if counted * (ceil(packs) - 1) / packs >= most:
        return False
    lasts = one.treatment.days_of(counted, 0)
    if lasts is None or lasts <= max(one.parameters.big_pack_days, one.parameters.contraceptive_days):
        return True
    inside = quantities.pack_units(one.pack)
    return inside is None or not any(units < inside for units in quantities.marketed_units(one.given))


def days_declared(one: Given) -> list[Finding]:
    """V4: where the dose is not structured, the pharmacist says when the next delivery is due."""
    line = one.line
    if not line.renewals or line.early_renewal_allowed or line.kind is not LineKind.MEDICINE:
        return []
    if one.act.days_covered or one.treatment.days_of(one.status.authorised, 0) is not None:
        return []
    return [
        refusal(
            "V4",
            "La date du prochain renouvellement ne se calcule pas : la posologie n'est pas structurée.",
            "Indiquez `days_covered`, le nombre de jours couverts par cette délivrance.",
            line.line_id,
            "days",
        )
    ]


def papers_seen(one: Given) -> list[Finding]:
    """V14: consent, attestation, result: not delivered unless the pharmacist has seen it."""
    missing = [
        paper for paper in duties.papers_of(one.prescribed, one.parameters) if paper not in one.act.checks
    ]
    return [
        refusal(
            "V14",
            f"Délivrance impossible sans avoir vu {duties.named(paper)}.",
            f"Ajoutez `{paper}` aux vérifications de l'acte une fois vu.",
            one.line.line_id,
            paper,
        )
        for paper in missing
    ]


def reserved(one: Given) -> list[Finding]:
    """V13: never dispensed in town, or only by a hospital pharmacy (R.5121-77)."""
    rules = one.given.rules if one.given else frozenset()
    line_id = one.line.line_id
    if "hospital_use" in rules:
        sentence = "Médicament réservé à l'usage hospitalier : il ne se délivre pas en ville."
        return [refusal("V13", sentence, "Joignez le prescripteur.", line_id, "given")]
    if "pharmacy_hospital_only" in rules:
        sentence = "Délivrance réservée aux pharmacies à usage intérieur."
        return [warning("V13", sentence, "Adressez le patient à l'établissement de santé.", line_id, "given")]
    return []


def named_pharmacy(one: Given) -> list[Finding]:
    """V7: opioid substitution is delivered by the pharmacy that the prescriber named (L.162-4-2 CSS)."""
    named = one.entitled.named_pharmacy
    if not named or named == one.pharmacy:
        return []
    if not among(substances_of(one.line, one.prescribed), one.parameters.named_pharmacy_substances):
        return []
    sentence = "Traitement de substitution aux opioïdes : l'ordonnance nomme une autre pharmacie."
    hint = "Adressez le patient à la pharmacie nommée, ou joignez le prescripteur."
    return [refusal("V7", sentence, hint, one.line.line_id, "pharmacy")]


def small_pack(one: Given) -> list[Finding]:
    """V16: a small pack given where the big one exists."""
    if not duties.big_pack(one.treatment) or not duties.is_small(one.pack, one.treatment):
        return []
    sentence = "Petit conditionnement délivré pour un traitement chronique."
    hint = "Délivrez le grand conditionnement, sauf indisponibilité."
    return [duty("V16", sentence, hint, one.line.line_id, "given")]


def mte_by_pharmacist(one: Given) -> list[Finding]:
    """V19: the pharmacist's own refusal to substitute (MTE-PH) is for the substances of the list."""
    if not one.act.mte_by_pharmacist:
        return []
    line_id = one.line.line_id
    if one.act.kind is InterventionKind.SUBSTITUTED:
        sentence = "Substitution et refus de substituer (MTE-PH) ne vont pas ensemble."
        return [refusal("V19", sentence, "Retirez l'un des deux.", line_id, "mte_ph")]
    if among(substances_of(one.line, one.prescribed or one.given), one.parameters.mte_substances):
        return []
    sentence = "MTE-PH : la substance n'est pas sur la liste des marges thérapeutiques étroites."
    hint = "Retirez la mention, ou délivrez le générique."
    return [refusal("V19", sentence, hint, line_id, "mte_ph")]


def changed(one: Given) -> list[Finding]:
    """V17: another product, dose or quantity with the prior agreement of the prescriber, or in emergency."""
    agreement, line_id = one.act.agreement, one.line.line_id
    if agreement is None or not one.act.reason.strip():
        sentence = "Modifier ce qui est prescrit demande l'accord préalable du prescripteur et un motif."
        hint = "Joignez le prescripteur ; indiquez son accord (date, moyen) et ce qui a été modifié."
        return [refusal("V17", sentence, hint, line_id, "agreement")]
    if not agreement.obtained:
        sentence = "Modification sans accord préalable : possible en cas d'urgence seulement."
        hint = "Motivez l'urgence et informez le prescripteur dès que possible."
        return [warning("V17", sentence, hint, line_id, "agreement")]
    if agreement.obtained_at is None or not agreement.means.strip():
        sentence = "L'accord du prescripteur se note avec sa date et son moyen."
        hint = "Indiquez `obtained_at` et `means`."
        return [refusal("V17", sentence, hint, line_id, "agreement")]
    return []


def as_prescribed(one: Given) -> list[Finding]:
    """V18: another product under the name of the prescribed one is a substitution that hides itself."""
    return substituting.same_product(one.line, one.prescribed, one.given)


def substituted(one: Given) -> list[Finding]:
    """V18, V19: inside the generic group, and where the prescriber did not exclude it."""
    return substituting.substitution(one.line, one.prescribed, one.given)


def additional(one: Given) -> list[Finding]:
    """V23: what was added by hand on the paper is the prescriber's, and signed."""
    sentence = "Ligne ajoutée à la main : vérifiez qu'elle est du prescripteur, datée et signée."
    return [duty("V23", sentence, "Conservez la copie du papier.", one.line.line_id, "additional")]


EVERY_DELIVERY: tuple[Callable[[Given], list[Finding]], ...] = (
    quantity,
    days_declared,
    papers_seen,
    reserved,
    named_pharmacy,
    small_pack,
    mte_by_pharmacist,
)
BY_KIND: Mapping[InterventionKind, Callable[[Given], list[Finding]]] = {
    InterventionKind.AS_PRESCRIBED: as_prescribed,
    InterventionKind.SUBSTITUTED: substituted,
    InterventionKind.CHANGED: changed,
    InterventionKind.ADDITIONAL_LINE: additional,
}
