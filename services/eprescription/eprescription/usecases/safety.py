"""Safety of products against each other and against what is known of a person."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

from chassis.db import ReadTx, Tx
from eprescription.domain.content import Line
from eprescription.domain.findings import Finding
from eprescription.domain.ids import PersonId, PrescriptionId
from eprescription.domain.products import Component, Medicine
from eprescription.domain.safety import Patient, Running, SafetyItem, check
from eprescription.store import treatments
from eprescription.store.treatments import Treatment

from . import products

__all__ = ["SafetyItem", "compare", "findings_for", "item_of"]


async def findings_for(
    tx: Tx,
    person: PersonId,
    items: Sequence[SafetyItem],
    today: date,
    *,
    beside: PrescriptionId | None = None,
) -> list[Finding]:
    """I1 to I4 of these products for this person, most pressing first; two small statements.

    `beside`: the prescription that the products are of, whose own lines are no other treatment. What the
    caller may not read is not named: a restricted prescription of somebody else, and every one of them where
    the person opposes the sight of their history.
    """
    thesaurus = await products.thesaurus(tx)
    known = await treatments.find_known(tx, person, today, beside)
    own = tx.call.caller.subject
    seen = [one for one in known.treatments if not known.opposed or one.prescriber == own]
    patient = Patient(await _running(tx, seen, own), known.allergies, known.opposed)
    return check(items, patient, thesaurus, today)


async def compare(tx: ReadTx, items: Sequence[SafetyItem], today: date) -> list[Finding]:
    """The same without a person."""
    return check(items, Patient(), await products.thesaurus(tx), today)


def item_of(line: Line, medicine: Medicine | None) -> SafetyItem:
    """A line as it is checked."""
    product = line.product
    named = " + ".join(one.name for one in product.substances if one.name)
    label = product.label or product.dci or named or "produit"
    return SafetyItem(line.line_id, label, medicine, product.substances)


async def _running(tx: ReadTx, found: Sequence[Treatment], own: str) -> list[Running]:
    medicines = await products.medicines(tx, (one.cis for one in found if one.cis))
    codes = {code for one in found if one.cis not in medicines for code in one.substances}
    named = await products.components(tx, codes) if codes else {}
    return [
        _of(one, medicines[one.cis].components, medicines[one.cis].label, own)
        if one.cis in medicines
        else _of(one, tuple(named[code] for code in one.substances if code in named), "", own)
        for one in found
    ]


def _of(one: Treatment, components: tuple[Component, ...], label: str, own: str) -> Running:
    names = label or " + ".join(part.name.lower() for part in components) or "traitement sans code"
    secret = one.restricted and one.prescriber != own
    # The substances, and no number of a row: a decision about this treatment holds when it is checked again.
    about = "secret" if secret else one.cis or "+".join(sorted(one.substances))
    return Running(names, about, components, one.until, secret)
