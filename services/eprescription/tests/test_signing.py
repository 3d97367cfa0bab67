"""Signing: rules first, then the signature, the rows and the events; all or nothing, and again the same."""

from dataclasses import replace
from datetime import timedelta

import pytest

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.testing import NOW, callers
from eprescription.clients.signing import LocalKeyService
from eprescription.domain import body, signature
from eprescription.domain.content import Content, Decision
from eprescription.domain.errors import (
    ChangedMeanwhile,
    DecisionNeeded,
    PrescriptionNotFound,
    RuleRefused,
    SignatureRefused,
    SignedAlready,
    TransitionRefused,
)
from eprescription.domain.findings import Severity
from eprescription.domain.ids import PrescriptionId
from eprescription.domain.prescriptions import Prescription
from eprescription.domain.rules.calendar import paris_day
from eprescription.domain.states import LineState, State
from eprescription.store import lines as line_store
from eprescription.store import prescriptions as store
from eprescription.store.tables import SENDING
from eprescription.usecases import prescriptions, signing
from eprescription.usecases.signing import Done, Wanted

from .given import (
    COLLEAGUE,
    IBUPROFEN,
    LAW,
    PERSON,
    SIGNING,
    TODAY,
    WARFARIN,
    content,
    events,
    events_of,
    journal,
    line,
    refused,
    signed,
)
from .medicines_given import seeded

PARAMETERS = LAW.on(TODAY)
THINNER = content(line(product=WARFARIN), line(product=IBUPROFEN))


@pytest.fixture(scope="module", autouse=True)
async def base(database: Database) -> None:
    """The fictitious medicines and their interactions."""
    await seeded(database)


async def drafted(tx: Tx, written: Content | None = None, by: Caller = callers.doctor) -> PrescriptionId:
    made = await prescriptions.create_prescription(tx, by, PERSON, written or content(), PARAMETERS, NOW)
    return made.id


async def sign(tx: Tx, wanted: Wanted, by: Caller = callers.doctor, given: str = "") -> Done:
    """As the servicer does: prepared, signed by the key service unless it is signed already, kept."""
    prepared = await signing.prepare(tx, by, wanted, PARAMETERS, NOW)
    made = given or ("" if prepared.again else await SIGNING.sign(by.subject, prepared.payload))
    return await signing.sign(tx, by, prepared, made, NOW)


async def stored(tx: Tx, prescription_id: PrescriptionId) -> Prescription:
    found = await store.find_prescription(tx, prescription_id)
    assert found is not None
    return found


async def traces(tx: Tx) -> tuple[int, list[str], int]:
    """Lines of the journal, events, documents that wait."""
    waiting = await tx.all(SENDING.select())
    return len(await journal(tx)), await events(tx), len(waiting)


async def test_signed_it_is_active_with_its_lines_its_signature_and_its_events(tx: Tx) -> None:
    made = await drafted(tx)
    done = await sign(tx, Wanted(made))
    kept = await stored(tx, made)
    assert kept == done.prescription
    assert (kept.state, kept.version, kept.written_on, kept.signed_at) == (State.ACTIVE, 2, TODAY, NOW)
    (row,) = await line_store.list_lines(tx, made)
    assert row.state is LineState.ORDERED
    assert (int(row.authorised), int(row.delivered)) == (24, 0)
    assert row.substances == ("02202",)
    assert kept.expires_on == row.until
    jwk = (await SIGNING.sign(callers.doctor.subject, b"x")).jwk
    signature.verify(kept.signature, kept.body, jwk)
    assert await events(tx) == ["prescription.signed", "prescription.activated"]
    assert (await events_of(tx))[1] == {
        "prescription_id": made.value,
        "person_id": PERSON.value,
        "version": 2,
        "expires_on": str(row.until),
    }
    assert [action for action, _ in await journal(tx)] == ["prescription.create", "prescription.sign"]
    (waiting,) = await tx.all(SENDING.select())
    assert (waiting["kind"], str(waiting["object_id"])) == ("prescription", made.value)


async def test_the_signature_covers_who_the_token_proves_and_the_product_of_the_base(tx: Tx) -> None:
    expert = replace(callers.doctor, know_how=frozenset({"SM54", "SM26"}), sector="SA07")
    made = await drafted(tx)
    await sign(tx, Wanted(made), by=expert)
    kept = body.read((await stored(tx, made)).body)
    assert kept.prescriber.know_how == ("SM26", "SM54")
    assert (kept.prescriber.sector, kept.prescriber.id) == ("SA07", callers.doctor.subject)
    assert kept.content.lines[0].product.atc == "N02BE01"
    assert kept.written_on == TODAY


async def test_signed_again_it_is_the_same_and_nothing_more(tx: Tx) -> None:
    made = await drafted(tx, THINNER)
    decisions = await decided(tx, made)
    first = await sign(tx, Wanted(made, decisions, version=1))
    before = await traces(tx)
    again = await sign(tx, Wanted(made, decisions, version=1))
    assert again.prescription == first.prescription
    assert list(again.lines) == list(first.lines)
    lines, told, waiting = await traces(tx)
    # The reading of the answer is a line of the journal; nothing else happened twice.
    assert (lines, told, waiting) == (before[0] + 1, before[1], before[2])


async def decided(tx: Tx, made: PrescriptionId) -> tuple[Decision, ...]:
    """A decision about every warning."""
    found = await signing.check(tx, callers.doctor, made, PARAMETERS, NOW)
    warned = [one.code for one in found if one.severity is Severity.WARNING]
    return tuple(Decision(code, "Surveillance de l'INR chaque semaine") for code in warned)


async def test_the_findings_of_the_same_request_are_the_same(tx: Tx) -> None:
    made = await drafted(tx, THINNER)
    wanted = Wanted(made, await decided(tx, made))
    first = await signing.prepare(tx, callers.doctor, wanted, PARAMETERS, NOW)
    await signing.sign(
        tx, callers.doctor, first, await SIGNING.sign(callers.doctor.subject, first.payload), NOW
    )
    again = await signing.prepare(tx, callers.doctor, wanted, PARAMETERS, NOW + timedelta(days=3))
    assert (again.again, again.payload, again.findings) == (True, first.payload, first.findings)


async def test_a_refusal_names_the_rule_and_writes_nothing(tx: Tx) -> None:
    made = await drafted(tx, content(line(), line(quantity=None, duration_days=0)))
    before, draft = await traces(tx), await stored(tx, made)
    refusal = await refused(RuleRefused, sign(tx, Wanted(made)))
    assert refusal.rules == ("V23",)
    assert {one.field for one in refusal.violations} == {"content.lines[1]"}
    assert all(one.problem.startswith("V23: ") for one in refusal.violations)
    assert (await traces(tx), await stored(tx, made)) == (before, draft)


async def test_a_warning_needs_a_decision_that_is_signed_with_the_content(tx: Tx) -> None:
    made = await drafted(tx, THINNER)
    before = await traces(tx)
    refusal = await refused(DecisionNeeded, sign(tx, Wanted(made)))
    assert refusal.rules == ("I1",)
    assert await traces(tx) == before
    decisions = await decided(tx, made)
    assert {one.problem for one in refusal.violations} == {one.code for one in decisions}
    about_nothing = Decision("I1/elsewhere/x", "sans objet")
    done = await sign(tx, Wanted(made, (*decisions, about_nothing)))
    assert body.read(done.prescription.body).decisions == decisions


async def test_a_signature_by_another_key_is_refused_and_nothing_is_kept(tx: Tx) -> None:
    made = await drafted(tx)
    prepared = await signing.prepare(tx, callers.doctor, Wanted(made), PARAMETERS, NOW)
    before, draft = await traces(tx), await stored(tx, made)
    stranger = await LocalKeyService(bytes(32)).sign(callers.other_doctor.subject, prepared.payload)
    other_content = await SIGNING.sign(callers.doctor.subject, prepared.payload + b" ")
    for given in (stranger.jws, other_content.jws, "no.signature"):
        await refused(SignatureRefused, signing.sign(tx, callers.doctor, prepared, given, NOW))
    assert (await traces(tx), await stored(tx, made)) == (before, draft)


async def test_a_draft_of_another_version_is_not_signed(tx: Tx) -> None:
    made = await drafted(tx)
    await prescriptions.change_prescription(tx, callers.doctor, made, content(line(), line()), 0, NOW)
    asked = signing.prepare(tx, callers.doctor, Wanted(made, version=1), PARAMETERS, NOW)
    await refused(ChangedMeanwhile, asked)


@pytest.mark.parametrize("caller", [callers.other_doctor, COLLEAGUE, callers.pharmacist])
async def test_nobody_signs_for_somebody_else(tx: Tx, caller: Caller) -> None:
    made = await drafted(tx)
    for asked in (
        signing.prepare(tx, caller, Wanted(made), PARAMETERS, NOW),
        signing.check(tx, caller, made, PARAMETERS, NOW),
        signing.signing_input(tx, caller, Wanted(made), PARAMETERS, NOW),
    ):
        await refused(PrescriptionNotFound, asked)


async def test_what_is_signed_is_signed_once(tx: Tx) -> None:
    """Another decision is another request: it is not what was signed."""
    made = await drafted(tx, THINNER)
    decisions = await decided(tx, made)
    done = await sign(tx, Wanted(made, decisions))
    await refused(SignedAlready, sign(tx, Wanted(made)))
    other = await SIGNING.sign(callers.doctor.subject, done.prescription.body)
    await refused(SignedAlready, sign(tx, Wanted(made, decisions), given=other.jws))
    same = await sign(tx, Wanted(made, decisions), given=done.prescription.signature)
    assert same.prescription == done.prescription


async def test_a_draft_that_was_given_up_is_not_signed(tx: Tx) -> None:
    made = await drafted(tx)
    await prescriptions.discard_prescription(tx, callers.doctor, made, NOW)
    for asked in (
        signing.prepare(tx, callers.doctor, Wanted(made), PARAMETERS, NOW),
        signing.check(tx, callers.doctor, made, PARAMETERS, NOW),
    ):
        refusal = await refused(TransitionRefused, asked)
        assert refusal.reason == "PRESCRIPTION_DISCARDED"


async def test_the_bytes_to_sign_are_dated_the_day_they_are_made(tx: Tx) -> None:
    """23:30 in London in summer is tomorrow in Paris."""
    made, late = await drafted(tx), NOW.replace(hour=22, minute=30)
    prepared = await signing.signing_input(tx, callers.doctor, Wanted(made), PARAMETERS, late)
    assert body.read(prepared.payload).written_on == paris_day(late) == TODAY + timedelta(days=1)
    assert (await journal(tx))[-1] == ("prescription.prepare_signature", made.value)


async def test_an_earlier_treatment_is_looked_at(tx: Tx) -> None:
    """Warfarin runs: ibuprofen alone warns."""
    await signed(tx, content(line(product=WARFARIN)))
    made = await drafted(tx, content(line(product=IBUPROFEN)))
    refusal = await refused(DecisionNeeded, sign(tx, Wanted(made)))
    assert "I1" in refusal.rules


async def test_checked_it_says_the_gravest_first_and_writes_its_line_only(tx: Tx) -> None:
    made = await drafted(tx, content(*THINNER.lines, line(quantity=None, duration_days=0)))
    found = await signing.check(tx, callers.doctor, made, PARAMETERS, NOW)
    gravities = [list(Severity).index(one.severity) for one in found]
    assert gravities == sorted(gravities)
    assert {"V23", "I1"} <= {one.rule for one in found}
    assert [action for action, _ in await journal(tx)] == ["prescription.create", "prescription.check"]
    assert await events(tx) == []
