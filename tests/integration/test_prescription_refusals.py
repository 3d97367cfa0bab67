"""Whatever is wrong with a prescription, a signature or a QR code is refused by name, and nothing is kept."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import asyncpg
import pytest

from socle_local.journey import Actor, Patient
from tests.ledger import Ledger
from tests.reach import Actors, code_of, places_of

from . import prescriptions as rx
from .cards import Card, signed_by, to_sign
from .prescriptions import FIRST, PRESCRIBER, SECOND, THIRD, Rx

Json = dict[str, Any]
PARIS = ZoneInfo("Europe/Paris")
# Persons that no other test prescribes for.
SOMEONE = 620
UNKNOWN_CIS, UNKNOWN_PACK = "69999990", "3400999999995"
PARACETAMOL = "paracétamol 500"
PRODUCT = "content.lines[0].product"


@pytest.fixture
def doctor(actors: Actors) -> Actor:
    return actors[PRESCRIBER]


@pytest.fixture
def someone() -> Patient:
    return Patient.seeded(SOMEONE)


async def simple(doctor: Actor, **more: Any) -> Json:
    """A line that nothing is wrong with, but for `more`."""
    return {**rx.written(await rx.medicine(doctor, PARACETAMOL), boxes=1, days=4, a_day=4), **more}


async def of_product(doctor: Actor, **product: Any) -> Json:
    return await simple(doctor, product=product)


def wrong_digit(cip13: str) -> str:
    return cip13[:-1] + str((int(cip13[-1]) + 1) % 10)


# ------------------------------------------------------------------------------------------ the product


async def test_wrong_digit_of_a_pack_is_refused_at_its_place(
    doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    good = (await rx.medicine(doctor, PARACETAMOL))["cip13"][0]
    line = await of_product(doctor, cip13=wrong_digit(good))
    await refused_at_signature(doctor, someone, ledger, line, f"{PRODUCT}.cip13", "UNKNOWN_PRODUCT")


@pytest.mark.parametrize(("field", "code"), [("cis", UNKNOWN_CIS), ("cip13", UNKNOWN_PACK)])
async def test_unknown_product_is_refused_at_its_place(
    doctor: Actor, someone: Patient, ledger: Ledger, field: str, code: str
) -> None:
    line = await of_product(doctor, **{field: code})
    await refused_at_signature(doctor, someone, ledger, line, f"{PRODUCT}.{field}", "UNKNOWN_PRODUCT")


async def test_withdrawn_product_is_refused_at_its_place(
    doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    hits = await doctor.send("GET", "/v1/medicines", params={"text": "diclorane"})
    withdrawn = next(one for one in hits.expect(200).json()["hits"] if not one["marketed"])
    line = await of_product(doctor, cis=withdrawn["cis"])
    await refused_at_signature(doctor, someone, ledger, line, f"{PRODUCT}.cis", "UNKNOWN_PRODUCT")


async def test_pack_of_another_medicine_than_the_one_named_is_refused(
    doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    one, other = await rx.medicine(doctor, PARACETAMOL), await rx.medicine(doctor, "amoxicilline 1 g")
    line = await of_product(doctor, cis=one["cis"], cip13=other["cip13"][0])
    await refused_at_signature(doctor, someone, ledger, line, f"{PRODUCT}.cip13", "UNKNOWN_PRODUCT")


async def refused_at_signature(
    doctor: Actor, someone: Patient, ledger: Ledger, line: Json, place: str, code: str
) -> None:
    """A draft may hold anything well formed; the signature is refused, and the draft stays a draft."""
    made = await rx.draft(doctor, someone, [line])
    async with ledger.no_trace():
        reply = await doctor.send("POST", f"/v1/prescriptions/{made}/signature", {})
        assert (reply.status, code_of(reply)) == (400, code), reply.answered
        assert place in places_of(reply)
        assert reply.json()["hint"]
    assert (await doctor.send("GET", f"/v1/prescriptions/{made}")).json()["state"] == "draft"


# ------------------------------------------------------------------------- quantities, dates, persons

ABSURD: dict[str, tuple[Json, str]] = {
    "no box": ({"quantity": {"value": "0", "unit": "box"}}, "quantity.value"),
    "too many renewals": ({"renewals": 500}, "renewals"),
    "a treatment of twelve years": ({"duration_days": 4000}, "duration_days"),
    "no dose": (
        {"posology": {"doses": [{"quantity": "0", "frequency": 1, "period": "1", "period_unit": "d"}]}},
        "posology.doses[0].quantity",
    ),
}


@pytest.mark.parametrize("case", ABSURD)
async def test_absurd_line_never_becomes_a_draft(
    doctor: Actor, someone: Patient, ledger: Ledger, case: str
) -> None:
    change, place = ABSURD[case]
    line = await simple(doctor, **change)
    async with ledger.no_trace():
        reply = await rx.drafted(doctor, someone, [line])
        assert reply.status == 400, reply.answered
        assert places_of(reply) == [f"content.lines[0].{place}"]


async def test_every_fault_of_a_draft_is_told_at_once(doctor: Actor, someone: Patient) -> None:
    lines = [await simple(doctor, **ABSURD[case][0]) for case in ("no box", "too many renewals")]
    reply = await rx.drafted(doctor, someone, lines)
    assert places_of(reply) == ["content.lines[0].quantity.value", "content.lines[1].renewals"]


async def test_unknown_person_is_refused(doctor: Actor, ledger: Ledger) -> None:
    nobody = {"ins": {"matricule": "255081416802538", "oid": "1.2.250.1.213.1.4.10"}}
    body = {**nobody, "content": {"lines": [await simple(doctor)]}}
    async with ledger.no_trace():
        reply = await doctor.send("POST", "/v1/prescriptions", body)
        assert reply.status == 404, reply.answered


# ------------------------------------------------------------------------------------------- the law


@pytest.mark.parametrize("days", [-90, 400], ids=["in the past", "beyond a year"])
async def test_date_out_of_its_time_is_refused_by_its_rule(
    doctor: Actor, someone: Patient, ledger: Ledger, days: int
) -> None:
    day = datetime.now(PARIS).date() + timedelta(days=days)
    await refused_by(doctor, someone, ledger, await simple(doctor, starts_on=day.isoformat()), "V23")


@pytest.mark.parametrize("missing", ["posology", "product"])
async def test_incomplete_line_is_refused_by_its_rule(
    doctor: Actor, someone: Patient, ledger: Ledger, missing: str
) -> None:
    """A draft may wait for the rest; what is signed may not (R.5132-3)."""
    await refused_by(doctor, someone, ledger, await simple(doctor, **{missing: {}}), "V23")


async def test_narcotic_with_renewals_is_refused_by_its_rule(
    doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    line = {**rx.written(await rx.medicine(doctor, "morphine 10"), boxes=1, days=7), "renewals": 2}
    await refused_by(doctor, someone, ledger, line, "V7")


@pytest.mark.parametrize("persona", [FIRST, "secretary"])
async def test_who_may_not_prescribe_is_refused_by_the_rights(
    actors: Actors, someone: Patient, ledger: Ledger, persona: str
) -> None:
    line = await simple(actors[PRESCRIBER])
    async with ledger.no_trace():
        reply = await rx.drafted(actors[persona], someone, [line])
        assert reply.status == 403, reply.answered
    assert reply.json()["rules"] in (["V25"], ["rpc.prescription.create"])


async def refused_by(doctor: Actor, someone: Patient, ledger: Ledger, line: Json, rule: str) -> None:
    """The law refuses a signature: 422, the rule, the place, the sentence; the draft stays as it was."""
    made = await rx.draft(doctor, someone, [line])
    async with ledger.no_trace():
        reply = await doctor.send("POST", f"/v1/prescriptions/{made}/signature", {})
        assert (reply.status, code_of(reply)) == (422, "RULE_REFUSED"), reply.answered
    assert rule in reply.json()["rules"]
    assert "content.lines[0]" in places_of(reply)
    assert (await doctor.send("GET", f"/v1/prescriptions/{made}")).json()["state"] == "draft"


# -------------------------------------------------------------------------------------- the signature


async def test_signature_by_a_key_of_nobody_is_refused(
    doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    made = await rx.draft(doctor, someone, [await simple(doctor)])
    decided = await rx.decisions(doctor, made)
    payload = await to_sign(doctor, made, decided)
    async with ledger.no_trace():
        reply = await signed_by(doctor, made, Card().sign(payload), decided)
        assert (reply.status, code_of(reply)) == (400, "SIGNATURE_REFUSED"), reply.answered


async def test_signature_by_the_key_of_a_colleague_is_refused(
    actors: Actors, doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    card = Card()
    await card.registered(actors["other-doctor"])
    made = await rx.draft(doctor, someone, [await simple(doctor)])
    decided = await rx.decisions(doctor, made)
    payload = await to_sign(doctor, made, decided)
    async with ledger.no_trace():
        reply = await signed_by(doctor, made, card.sign(payload), decided)
        assert (reply.status, code_of(reply)) == (400, "SIGNATURE_REFUSED"), reply.answered


async def test_signature_over_another_content_is_refused(
    doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    """What was shown when the card signed is what is kept, or nothing is."""
    card = Card()
    await card.registered(doctor)
    made = await rx.draft(doctor, someone, [await simple(doctor)])
    decided = await rx.decisions(doctor, made)
    signature = card.sign(await to_sign(doctor, made, decided))
    changed = {"content": {"lines": [await simple(doctor, patient_note="autre chose")]}}
    (await doctor.send("PUT", f"/v1/prescriptions/{made}", changed)).expect(200)
    decided = await rx.decisions(doctor, made)
    async with ledger.no_trace():
        reply = await signed_by(doctor, made, signature, decided)
        assert (reply.status, code_of(reply)) == (400, "SIGNATURE_REFUSED"), reply.answered


async def test_own_key_signs_and_its_signature_verifies(doctor: Actor, someone: Patient) -> None:
    card = Card()
    key = await card.registered(doctor)
    made = await rx.draft(doctor, someone, [await simple(doctor)])
    decided = await rx.decisions(doctor, made)
    signature = card.sign(await to_sign(doctor, made, decided))
    (await signed_by(doctor, made, signature, decided)).expect(200)
    told = (await doctor.send("GET", f"/v1/prescriptions/{made}/verification")).expect(200).json()
    assert (told["valid"], told["key_id"], told["signature"]) == (True, key["key_id"], signature)


async def test_signed_content_is_never_changed_through_the_interface(
    actors: Actors, doctor: Actor, someone: Patient, ledger: Ledger
) -> None:
    made = await rx.signed(actors, someone, (PARACETAMOL, 1, 4))
    other = {"content": {"lines": [await simple(doctor, patient_note="autre chose")]}}
    async with ledger.no_trace():
        reply = await doctor.send("PUT", made.path, other)
        assert (reply.status, code_of(reply)) == (409, "PRESCRIPTION_ACTIVE"), reply.answered


REWRITE = "UPDATE prescription SET body = $1 WHERE prescription_id = $2"


async def rewritten(connection: Any, made: Rx, body: bytes) -> None:
    """As whoever owns the tables can, the triggers put out of the way."""
    async with connection.transaction():
        await connection.execute("ALTER TABLE prescription DISABLE TRIGGER USER")
        await connection.execute(REWRITE, body, made.id)
        await connection.execute("ALTER TABLE prescription ENABLE TRIGGER USER")


async def test_content_changed_in_the_database_is_never_dispensed(
    actors: Actors, someone: Patient, ledger: Ledger
) -> None:
    """The service's own statements cannot change it; whoever goes round that is found out at the claim."""
    made = await rx.signed(actors, someone, (PARACETAMOL, 1, 4))
    await ledger.settled()
    erx = ledger["eprescription"]
    body = await erx.fetchval("SELECT body FROM prescription WHERE prescription_id = $1", made.id)
    # Nine boxes in place of one.
    forged = body.replace(b'"value":"1"', b'"value":"9"')
    assert forged != body
    with pytest.raises(asyncpg.PostgresError, match="what was signed is not changed"):
        await erx.execute(REWRITE, forged, made.id)
    await rewritten(erx, made, forged)
    try:
        told = (await actors[PRESCRIBER].send("GET", f"{made.path}/verification")).expect(200).json()
        reply = await actors[FIRST].send("POST", "/v1/dispensings/claims", made.code)
    finally:
        await rewritten(erx, made, body)
    assert (told["valid"], bool(told["problem"])) == (False, True)
    assert (reply.status, code_of(reply)) == (422, "SIGNATURE_BROKEN"), reply.answered
    await rx.claimed(actors[FIRST], made)


# ------------------------------------------------------------------------------ the QR code, the codes


async def test_forged_code_of_a_paper_opens_nothing(actors: Actors, someone: Patient) -> None:
    made = await rx.signed(actors, someone, (PARACETAMOL, 1, 4))
    token = (await actors[PRESCRIBER].send("GET", f"{made.path}/token")).expect(200).json()["token"]
    for place in range(60, len(token), max(1, len(token) // 7)):
        other = "0" if token[place] != "0" else "1"
        forged = {"number": made.number, "token": token[:place] + other + token[place + 1 :]}
        reply = await actors[FIRST].send("POST", "/v1/dispensings/claims", forged)
        assert reply.status == 400, reply.answered
        assert code_of(reply).startswith("TOKEN_")
    assert (await rx.read(actors[PRESCRIBER], made))["state"] == "active"


async def test_code_of_one_paper_does_not_open_another(actors: Actors, someone: Patient) -> None:
    one, other = [await rx.signed(actors, someone, (PARACETAMOL, 1, 4)) for _ in range(2)]
    crossed = {"number": one.number, "access_code": other.access_code}
    reply = await actors[FIRST].send("POST", "/v1/dispensings/claims", crossed)
    assert (reply.status, code_of(reply)) == (403, "ACCESS_CODE_WRONG"), reply.answered
    assert (await rx.read(actors[PRESCRIBER], one))["state"] == "active"


async def test_mistyped_number_is_told_by_its_check_character(actors: Actors, someone: Patient) -> None:
    made = await rx.signed(actors, someone, (PARACETAMOL, 1, 4))
    typed = ("A" if made.number[0] != "A" else "B") + made.number[1:]
    reply = await actors[FIRST].send(
        "POST", "/v1/dispensings/claims", {"number": typed, "access_code": made.access_code}
    )
    assert (reply.status, code_of(reply)) == (400, "NUMBER_WRONG"), reply.answered


async def test_token_used_again_gives_nothing_more(actors: Actors, someone: Patient, ledger: Ledger) -> None:
    """The paper can be copied; what it is worth is counted in the database."""
    made = await rx.signed(actors, someone, (PARACETAMOL, 1, 4))
    token = (await actors[PRESCRIBER].send("GET", f"{made.path}/token")).expect(200).json()["token"]
    copy = {"token": token}
    held = (await actors[FIRST].send("POST", "/v1/dispensings/claims", copy)).expect(200).json()
    meanwhile = await actors[SECOND].send("POST", "/v1/dispensings/claims", copy)
    assert (meanwhile.status, code_of(meanwhile)) == (409, "HELD_BY_ANOTHER_PHARMACY")
    (await rx.recorded(actors[FIRST], made, held["secret"], rx.act(made, 0, 1))).expect(201)
    await rx.closed(actors[FIRST], made, held["secret"])
    async with ledger.no_trace():
        for pharmacy in (FIRST, SECOND, THIRD):
            reply = await actors[pharmacy].send("POST", "/v1/dispensings/claims", copy)
            assert (reply.status, code_of(reply)) == (409, "PRESCRIPTION_COMPLETED"), reply.answered


async def test_secret_of_one_hold_is_worth_nothing_to_another_pharmacy(
    actors: Actors, someone: Patient, ledger: Ledger
) -> None:
    made = await rx.signed(actors, someone, (PARACETAMOL, 1, 4))
    held = await rx.claimed(actors[FIRST], made)
    body = {"secret": held["secret"], "acts": [rx.act(made, 0, 1)]}
    async with ledger.no_trace():
        for method in ("interventions", "closing"):
            sent = body if method == "interventions" else {"secret": held["secret"]}
            reply = await actors[SECOND].send("POST", f"{made.desk}/{method}", sent)
            assert reply.status in (403, 404), reply.answered
