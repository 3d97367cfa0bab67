"""Persons that others rely on by number: the personas of the local platform, and the test set of the CNDA.

Those of the CNDA are as public INSi clients show them, here under the test OID. All are fictitious.
"""

from datetime import date
from typing import NamedTuple

from identity_ins.domain import Sex, Traits

PATIENT, OTHER_PATIENT, GUARDIAN = 1, 2, 3


class Known(NamedTuple):
    """Traits, the number when the set gives one, and former numbers."""

    traits: Traits
    matricule: str = ""
    former: tuple[str, ...] = ()


def _traits(name: str, first_names: str, sex: Sex, born: str, place: str) -> Traits:
    return Traits(name, tuple(first_names.split()), sex, date.fromisoformat(born), place)


KNOWN: dict[int, Known] = {
    PATIENT: Known(_traits("MARTIN-DELORME", "CAMILLE JEANNE LUCIE", Sex.FEMALE, "1984-03-12", "69383")),
    # A minor: what a legal representative may do is tried on this person.
    OTHER_PATIENT: Known(_traits("ROUSSEL", "LEO GABRIEL", Sex.MALE, "2015-06-21", "33063")),
    GUARDIAN: Known(_traits("BERNIER", "SOPHIE ANNE-MARIE", Sex.FEMALE, "1986-11-02", "35238")),
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
}
