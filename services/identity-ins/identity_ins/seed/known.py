"""Persons that others rely on by number: the personas of the local platform, test sets of CNDA and ANS.

Those of the CNDA are as public INSi clients show them, here under the test OID. All are fictitious.
"""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from identity_ins.domain import Sex, Traits, parse_birth_date

PATIENT, OTHER_PATIENT, GUARDIAN = 1, 2, 3


class Known(NamedTuple):
    """Traits, the number when the set gives one, and former numbers."""

    traits: Traits
    matricule: str = ""
    former: tuple[str, ...] = ()


class Beneficiary(NamedTuple):
    """Someone covered under the number of another."""

    billing_number: str
    birth_date: date
    # Rank among those born on one day (rang gémellaire).
    birth_rank: int
    # Number of the person here.
    person: int


def _traits(name: str, first_names: str, sex: Sex, born: str, place: str) -> Traits:
    day, precision = parse_birth_date(born)
    return Traits(name, tuple(first_names.split()), sex, day, place, birth_date_precision=precision)


KNOWN: dict[int, Known] = {
    PATIENT: Known(_traits("MARTIN-DELORME", "CAMILLE JEANNE LUCIE", Sex.FEMALE, "1984-03-12", "69383")),
    # A minor: what a legal representative may do is tried on this person.
    OTHER_PATIENT: Known(_traits("ROUSSEL", "LEO GABRIEL", Sex.MALE, "2015-06-21", "33063")),
    GUARDIAN: Known(
        _traits("BERNIER", "SOPHIE ANNE-MARIE", Sex.FEMALE, "1986-11-02", "35238"), "286113523899967"
    ),
    4: Known(_traits("ADRTROIS", "DOMINIQUE", Sex.FEMALE, "1997-02-26", "2A020"), "297022A02077878"),
    5: Known(_traits("ADRTROIS", "TOUSSAINT", Sex.MALE, "1960-01-01", "2B020"), "160012B02077713"),
    6: Known(_traits("TCHITCHI", "CATARINA BELLA", Sex.FEMALE, "1936-06-21", "63220"), "236066322083656"),
    7: Known(
        _traits("ECETINSI", "PIERRE-ALAIN MURIEL FLORIANT", Sex.MALE, "2009-07-14", "63220"),
        "109076322083489",
        ("209066322012355", "209076322083439"),
    ),
    8: Known(_traits("D'ARTAGNAN DE L'HERAULT", "PIERRE-ALAIN", Sex.MALE, "2001-06-17", "32013")),
    9: Known(_traits("HOUILLES", "PIERRE PAUL", Sex.MALE, "1993-01-27", "63220")),
    10: Known(_traits("HOUILLES", "PIERRE JACQUES", Sex.MALE, "1993-01-27", "13055")),
    # The person of the samples of the ANS (HL7 v2, CDA).
    11: Known(
        _traits("PAT-TROIS", "DOMINIQUE MARIE-LOUISE", Sex.FEMALE, "1979-03-28", "51215"), "279035121518989"
    ),
    # A father and his twins.
    12: Known(_traits("KERGOAT", "YANN ERWAN", Sex.MALE, "1981-05-17", "29232"), "181052923299926"),
    13: Known(_traits("KERGOAT", "MALO", Sex.MALE, "2017-09-04", "29232")),
    14: Known(_traits("KERGOAT", "TITOUAN", Sex.MALE, "2017-09-04", "29232"), "117092923299826"),
    # Two spouses of one birthday on one card.
    15: Known(_traits("VASSEUR", "HUGO", Sex.MALE, "1990-02-14", "59350"), "190025935099937"),
    16: Known(_traits("DELMAS", "INES", Sex.FEMALE, "1990-02-14", "33063")),
    # Of these two the civil status knows the month, and the year, of birth.
    17: Known(_traits("DIOP", "AMINATA", Sex.FEMALE, "1958-07", "99341"), "258209934199963"),
    18: Known(_traits("HADDAD", "KARIM", Sex.MALE, "1949", "99352"), "149209935299930"),
}


def beneficiaries() -> Iterator[Beneficiary]:
    """Who is covered under the number of a parent or of a spouse."""
    for insured, person, rank in ((GUARDIAN, OTHER_PATIENT, 1), (12, 13, 1), (12, 14, 2), (15, 16, 1)):
        yield Beneficiary(KNOWN[insured].matricule, KNOWN[person].traits.birth_date, rank, person)
