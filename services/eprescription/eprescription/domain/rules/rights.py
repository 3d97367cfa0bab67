"""V25: who may prescribe what, and who may deliver, by profession (TRE_G15)."""

from __future__ import annotations

from eprescription.domain.content import Line, LineKind, Prescriber
from eprescription.domain.findings import Finding
from eprescription.domain.products import Medicine

from .book import duty, refusal
from .kinds import class_of
from .parameters import Law, Parameters, Right

# In force whatever the day, for who holds no parameters: a list of professions, not of rights.
SEED = Law.seed().parameters[0]


def is_dispenser(profession: str, parameters: Parameters = SEED) -> bool:
    """A pharmacist. Students and staff have no profession in a token: others answer for what they do."""
    return profession in parameters.dispensing_professions


def is_prescriber(profession: str, parameters: Parameters = SEED) -> bool:
    """Whether the profession prescribes at all."""
    return profession in parameters.prescribing_rights


def may_prescribe(
    prescriber: Prescriber, line: Line, medicine: Medicine | None, parameters: Parameters
) -> list[Finding]:
    """V25: a refusal where the profession may not; a duty where its list is not known here whole."""
    right = parameters.prescribing_rights.get(prescriber.profession)
    if right is None:
        return [
            refusal(
                "V25",
                "Votre profession ne permet pas de prescrire.",
                "Adressez le patient à une profession habilitée, comme un médecin.",
                line.line_id,
            )
        ]
    wrong = _beyond(right, line, medicine)
    if wrong:
        hint = "Adressez le patient à un médecin."
        return [refusal("V25", f"Votre profession ne permet pas de prescrire {wrong}.", hint, line.line_id)]
    return [_own_list(right, line)] if right.own_list else []


def _beyond(right: Right, line: Line, medicine: Medicine | None) -> str:
    if line.kind is LineKind.DEVICE:
        return "" if right.devices else "un dispositif médical"
    if not right.medicines:
        return "un médicament"
    if class_of(medicine).narcotic and not right.narcotics:
        return "un stupéfiant"
    codes = [code for code in (*(medicine.atc if medicine else ()), line.product.atc) if code]
    # An ATC code is not always known: what is not known to be beyond the list is for the prescriber to know.
    if right.atc and codes and not any(code.startswith(right.atc) for code in codes):
        return "ce médicament"
    return ""


def _own_list(right: Right, line: Line) -> Finding:
    return duty(
        "V25",
        "Vérifiez que cette prescription figure parmi celles que votre profession autorise.",
        f"Voyez {right.own_list} du code de la santé publique et ses arrêtés.",
        line.line_id,
    )
