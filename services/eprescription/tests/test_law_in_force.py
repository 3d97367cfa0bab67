"""The law in force, at the signature and at the counter, on a real database: each refusal names its rule and
leaves every table as it was."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import uuid4

import pytest
import sqlalchemy as sa

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.testing import NOW, call_as, callers
from eprescription.domain.content import Content, CountUnit, Line, NonSubstitution, Quantity
from eprescription.domain.dispensing import Act, InterventionKind
from eprescription.domain.errors import RuleRefused
from eprescription.domain.products import Medicine
from eprescription.domain.rules.parameters import Law, Parameters
from eprescription.store import parameters as rows
from eprescription.store.medicine_tables import COMPONENT, IMPORT, MEDICINE, PACK
from eprescription.store.tables import METADATA, PARAMETER
from eprescription.usecases import prescriptions, signing
from eprescription.usecases.signing import Wanted

from .dispensing_given import (
    BRAND,
    COPY,
    DAY,
    LISTED,
    OPIATE,
    OTHER,
    STOCK,
    Counter,
    gives,
    medicine,
    opiate,
    prescribed,
    stock,
    written,
)
from .given import LAW, PERSON, SIGNING, TODAY, refused

SHORT = medicine(6, "BREVIVAL 10 mg, comprimé", "list_1", "max_days:28")
HOSPITAL = medicine(7, "HOPIVAL 10 mg, comprimé", "list_1", "hospital_prescription")
LIKE = medicine(8, "ASSIMIVAL 10 mg, comprimé", "list_1", "secure", "in_words")
CONSENT = medicine(9, "ACCORDIVAL 10 mg, comprimé", "list_1", "consent_form")
NURSE = replace(callers.doctor, profession="60", subject="810100000088")


@pytest.fixture(scope="module", autouse=True)
async def shelves(database: Database) -> None:
    """The stock of the counter, and a few medicines with conditions."""
    await stock(database)
    async with database.begin(call_as(callers.doctor)) as tx:
        for one in (SHORT, HOSPITAL, LIKE, CONSENT):
            _shelve(tx, one)
        # A new import, so that what was read of the earlier one is read again.
        tx.insert(IMPORT, import_id=str(uuid4()), source="tests", finished_at=NOW + timedelta(1), files={})


def _shelve(tx: Tx, one: Medicine) -> None:
    tx.insert(
        MEDICINE, cis=one.cis, label=one.label, form="comprimé", routes=["orale"], status="", marketed=True,
        withdrawn=False, holder="", reinforced_surveillance=False, authorised_on=None, atc=[],
        rules=sorted(one.rules), searched=one.label.lower(),
    )  # fmt: skip
    pack, component = one.packs[0], one.components[0]
    tx.insert(
        PACK, cip13=pack.cip13, cis=one.cis, label=pack.label, marketed=True, units=pack.units,
        unit_label="comprimé", price_cents=None, reimbursement_percent=None,
    )  # fmt: skip
    tx.insert(
        COMPONENT, cis=one.cis, rank=0, code=component.code, name=component.name,
        folded=component.name.lower(), strength=component.strength, nature="SA", link=0,
    )  # fmt: skip


async def snapshot(tx: Tx) -> Mapping[str, str]:
    """What every table holds, outbox and journal included, once all that waits is written."""
    await tx.flush()
    return {
        table.name: str((await tx.all(_sum_of(table.name)))[0]["sum"]) for table in METADATA.sorted_tables
    }


def _sum_of(name: str) -> sa.TextClause:
    return sa.text(f"SELECT md5(string_agg(t::text, ',' ORDER BY t::text)) AS sum FROM {name} AS t")  # noqa: S608 (a name of our own)


def of(what: Medicine, **changes: Any) -> Line:
    return prescribed(what, **changes)


def letters(what: Medicine = OPIATE, **changes: Any) -> Line:
    """As the law wants a narcotic written."""
    text = replace(opiate().posology, text="un comprimé par jour")
    return replace(opiate(), **{"product": prescribed(what).product, "posology": text, **changes})


AT_SIGNATURE: dict[str, tuple[Line, dict[str, Any]]] = {
    "V2": (of(LISTED, renewals=12), {}),
    "V5": (of(LISTED, renewals=1, renewal_forbidden=True), {}),
    "V6": (of(SHORT), {}),
    "V7": (letters(renewals=1), {"secure": True}),
    "V10": (letters(), {"secure": True, "planned_discharge_on": TODAY + 200 * DAY}),
    "V12": (letters(LIKE), {}),
    "V13": (of(HOSPITAL), {}),
    "V19": (of(BRAND, non_substitution=NonSubstitution.MTE), {}),
    "V21": (of(BRAND, ald=True), {}),
    "V22": (of(BRAND), {"exception_medicines": True}),
    "V23": (of(BRAND, quantity=Quantity(Decimal(101), CountUnit.BOX)), {}),
}


async def signs(
    tx: Tx, line: Line, by: Caller = callers.doctor, law: Parameters | None = None, **flags: Any
) -> None:
    """Drafts a prescription of one line and signs it, as the servicer does."""
    law = law or LAW.on(TODAY)
    made = await prescriptions.create_prescription(tx, by, PERSON, Content((line,), **flags), law, NOW)
    before = await snapshot(tx)
    try:
        prepared = await signing.prepare(tx, by, Wanted(made.id), law, NOW)
        await signing.sign(tx, by, prepared, await SIGNING.sign(by.subject, prepared.payload), NOW)
    except RuleRefused:
        assert await snapshot(tx) == before
        raise
    # What is signed is seen in the sums, so that their silence above means something.
    assert await snapshot(tx) != before


@pytest.mark.parametrize("rule", AT_SIGNATURE)
async def test_a_prescription_against_the_law_is_not_signed(tx: Tx, rule: str) -> None:
    line, flags = AT_SIGNATURE[rule]
    refusal = await refused(RuleRefused, signs(tx, line, **flags))
    assert refusal.rules == (rule,)
    assert {one.field for one in refusal.violations} <= {"content.lines[0]", "content"}


async def test_what_the_law_allows_is_signed(tx: Tx) -> None:
    await signs(tx, of(LISTED))
    await signs(tx, letters(), secure=True)


async def test_a_nurse_prescribes_no_narcotic(tx: Tx) -> None:
    refusal = await refused(RuleRefused, signs(tx, letters(), NURSE, secure=True))
    assert refusal.rules == ("V25",)


async def test_a_second_narcotic_waits_for_the_end_of_the_first(tx: Tx) -> None:
    await signs(tx, letters(), secure=True)
    refusal = await refused(RuleRefused, signs(tx, replace(letters(), line_id=str(uuid4())), secure=True))
    assert refusal.rules == ("V11",)


SUBSTITUTED, CHANGED = InterventionKind.SUBSTITUTED, InterventionKind.CHANGED
LONG = of(LISTED, boxes=3)
MONTHS = of(LISTED, renewals=2)
KEPT = of(BRAND, non_substitution=NonSubstitution.CIF)
# Line, act, days after the signature.
AT_THE_COUNTER: dict[str, tuple[Line, Act, int]] = {
    "V1": (MONTHS, gives(MONTHS, product=LISTED), 100),
    "V3": (LONG, gives(LONG, "2", LISTED), 0),
    "V9": (letters(), gives("", units=Decimal(28), product=OPIATE), 10),
    "V14": (of(CONSENT), gives("", product=CONSENT), 0),
    "V17": (of(BRAND), gives("", product=OTHER, kind=CHANGED), 0),
    "V18": (of(BRAND), gives("", product=OTHER, kind=SUBSTITUTED), 0),
    "V19": (KEPT, gives(KEPT, product=COPY, kind=SUBSTITUTED), 0),
}


def stocked(monkeypatch: pytest.MonkeyPatch) -> None:
    for one in (SHORT, HOSPITAL, LIKE, CONSENT):
        monkeypatch.setitem(STOCK, one.cis, one)


@pytest.mark.parametrize("rule", AT_THE_COUNTER)
async def test_a_delivery_against_the_law_is_not_recorded(
    tx: Tx, rule: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    stocked(monkeypatch)
    line, act, days = AT_THE_COUNTER[rule]
    # Beside it a line that is not listed, which keeps the prescription open for a year.
    made = await written(tx, line, of(OTHER))
    counter = Counter(tx).at(NOW + days * DAY)
    held = await counter.claim(made)
    before = await snapshot(tx)
    refusal = await refused(RuleRefused, counter.record(held, replace(act, line_id=line.line_id)))
    assert rule in refusal.rules
    assert all(one.field == "acts[0]" for one in refusal.violations)
    assert await snapshot(tx) == before


async def test_a_renewal_too_early_is_not_recorded(tx: Tx) -> None:
    made = await written(tx, MONTHS)
    await Counter(tx).whole(made, gives(MONTHS, product=LISTED))
    soon = Counter(tx).at(NOW + 10 * DAY)
    held = await soon.claim(made)
    before = await snapshot(tx)
    refusal = await refused(RuleRefused, soon.record(held, gives(MONTHS, product=LISTED)))
    assert set(refusal.rules) == {"V4"}
    assert await snapshot(tx) == before


async def test_a_change_of_law_is_a_row(tx: Tx) -> None:
    """From its day on, 120 days of a listed medicine are refused; the day before they are signed."""
    tx.insert(PARAMETER, name="treatment_months", valid_from=TODAY + DAY, value=3, source="test")
    law = Law.of(await rows.list_rows(tx))
    await signs(tx, of(LISTED, boxes=4), law=law.on(TODAY))
    refusal = await refused(RuleRefused, signs(tx, of(LISTED, boxes=4), law=law.on(TODAY + DAY)))
    assert refusal.rules == ("V2",)
