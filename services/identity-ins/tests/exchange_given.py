"""Identities that leave for other software, built without a database."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import settings
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from identity_ins.domain import (
    Attribute,
    Authority,
    CollectionMethod,
    Identity,
    IdentityId,
    Ins,
    Paper,
    PaperCheck,
    PersonId,
    Retrieval,
    Sex,
    Traits,
    key_of,
)

CREATED = datetime(2026, 6, 12, 10, 0, tzinfo=UTC)
RETRIEVED = datetime(2026, 6, 13, 10, 30, tzinfo=UTC)
TODAY = CREATED.date()
BODY = "2790351215189"
INS = Ins(BODY + key_of(BODY), Authority.NIR_TEST)
OTHER_INS = Ins("2790351215190" + key_of("2790351215190"), Authority.NIR_TEST)
TRAITS = Traits(
    "PAT-TROIS", ("DOMINIQUE", "MARIE-LOUISE"), Sex.FEMALE, date(1979, 3, 28), "63220", "D'ARTAGNAN", "DO"
)
ID = IdentityId("01900000-0000-7000-8000-00000000beef")
PERSON = PersonId("01900000-0000-7000-8000-00000000cafe")
PROVISIONAL = Identity(ID, "1750000018", "IPP-1", TRAITS, CREATED)
RETRIEVAL, CHECK = Retrieval(INS, PERSON, RETRIEVED), PaperCheck(Paper.PASSPORT, RETRIEVED)
RETRIEVED_ONLY = replace(
    PROVISIONAL, retrieval=RETRIEVAL, collection_method=CollectionMethod.INSI, version=2, updated_at=RETRIEVED
)
VALIDATED = replace(PROVISIONAL, paper_check=CHECK, version=2)
QUALIFIED = replace(RETRIEVED_ONLY, paper_check=CHECK, version=3)
EVERY_STATUS = {
    "provisoire": PROVISIONAL,
    "récupérée": RETRIEVED_ONLY,
    "validée": VALIDATED,
    "qualifiée": QUALIFIED,
}


def qualified(**traits: Any) -> Identity:
    """A qualifiée with other traits."""
    return replace(QUALIFIED, traits=replace(TRAITS, **traits))


def refused(read: Callable[[str], Any], text: str) -> tuple[str, list[str]]:
    """The reason of a refusal and the fields at fault; what was read is nowhere in it."""
    with pytest.raises(InvalidInput) as told:
        read(text)
    error = told.value
    said = " ".join((str(error), error.hint, *(one.problem for one in error.violations)))
    assert not any(secret in said for secret in (BODY, "DOMINIQUE", "TROIS", "1979"))
    return error.reason, [one.field for one in error.violations]


# A machine that does other work at the same time is no fault of a parser.
unhurried = settings(deadline=None)

# Names as they are stored: INSi's letters, and what may stand between two of them.
NAMES = st.from_regex(r"[A-Z]{1,12}(?:['-][A-Z]{1,12}){0,2}", fullmatch=True)
COMPOUND_NAMES = st.from_regex(r"[A-Z]{1,12}(?:[ '-]{1,1}[A-Z]{1,12}){0,3}", fullmatch=True)
SEXES = st.sampled_from([Sex.MALE, Sex.FEMALE])
DATES = st.dates(date(1900, 1, 1), TODAY)
PLACES = st.from_regex(r"[0-9]{5}|2[AB][0-9]{3}", fullmatch=True)
NUMBERS = st.builds(
    lambda sex, year, month, place, order: f"{sex}{year:02d}{month:02d}{place}{order:03d}",
    st.integers(1, 2),
    st.integers(0, 99),
    st.integers(1, 12) | st.integers(20, 99),
    PLACES,
    st.integers(0, 999),
)
TEST_NUMBERS = st.builds(
    lambda body, oid: Ins(body + key_of(body), oid),
    NUMBERS,
    st.sampled_from([Authority.NIR_TEST, Authority.NIR_DEMO]),
)
ATTRIBUTES = st.frozensets(st.sampled_from([Attribute.HOMONYME, Attribute.HOMONYME_DETECTEE]))
