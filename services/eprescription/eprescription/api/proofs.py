"""What the patient brought to open a prescription, asked of identity-ins where it is a birth date."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

from chassis.call import Call
from chassis.errors import InvalidInput, NotFound, TooMany
from eprescription.domain import number, token
from eprescription.domain.errors import AccessCodeWrong
from eprescription.usecases import claims
from eprescription.usecases.claims import Proof, Refused, TooManyAttempts

from .desk import Desk


class ProofMissing(InvalidInput):
    """A prescription is opened with its QR code, its number and access code, or its number and a birth
    date."""

    where = "access_code"
    remedy = "Give `token`, or `number` with `access_code` or `birth_date`."


@dataclass(frozen=True, slots=True)
class Brought:
    """As the request says it."""

    number: str = ""
    access_code: str = ""
    token: str = ""
    birth_date: str = ""


async def proof(desk: Desk, brought: Brought, call: Call) -> Proof:
    """Raises TokenForged, TokenUnreadable, NumberWrong, ProofMissing, Unavailable."""
    if brought.token:
        # Its last day is not read: a first delivery moves it, and the rows say where to.
        read = token.read(brought.token, desk.platform.jwks())
        if brought.number and number.check(brought.number) != read.number:
            raise AccessCodeWrong(
                field="number", hint="The number is not the one of the QR code: scan it again."
            )
        return Proof(read.number, read.access_code, paper=read.body_sha256)
    typed = number.check(brought.number) if brought.number else ""
    if not typed or not (brought.access_code or brought.birth_date):
        raise ProofMissing
    if brought.access_code:
        return Proof(typed, brought.access_code)
    return Proof(typed, born=await _born(desk, typed, date.fromisoformat(brought.birth_date), call))


async def _born(desk: Desk, typed: str, day: date, call: Call) -> bool:
    """Asked before the transaction that locks the row: identity-ins may be slow."""
    async with desk.db.read() as tx:
        person = await claims.find_person(tx, call.caller, typed)
    if person is None:
        return False
    try:
        return await desk.identities.born_on(person, day, call)
    except NotFound:
        return False


def refuse(answer: Refused) -> AccessCodeWrong | TooMany:
    """The attempt is committed by now. The chassis keeps an answer for a key only when there was a change."""
    if answer.wait:
        return TooManyAttempts(retry_after=answer.wait)
    return AccessCodeWrong()
