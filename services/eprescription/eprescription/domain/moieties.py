"""The substance without its salt, as prescribers write it in DCI: `TARTRATE DE ZOLPIDEM` is zolpidem.

Minerals keep their salt: chloride and bicarbonate of sodium are two substances.
"""

from __future__ import annotations

import re
from functools import lru_cache

from .folding import name_of

SALT = (
    r"[A-Z-]+HYDRATE|[A-Z-]*TARTRATE|[A-Z-]*SULFATE|[A-Z-]*PHOSPHATE|[A-Z-]*CITRATE|[A-Z-]*MALEATE"
    r"|[A-Z-]*FUMARATE|[A-Z-]*SUCCINATE|[A-Z-]*OXALATE|[A-Z-]*ACETATE|[A-Z-]*MESILATE|[A-Z-]*BESILATE"
    r"|[A-Z-]*TOSILATE|[A-Z-]*EMBONATE|[A-Z-]*MALATE|[A-Z-]*NITRATE|[A-Z-]*BROMURE|[A-Z-]*LACTATE"
)
LEADING = re.compile(rf"(?:{SALT}) (?:DE |D')")
ENCLOSED = re.compile(rf" \((?:{SALT}) (?:DE|D')\).*")
ACID = re.compile(r"(\w+) \(ACIDE\)")
TRAILING = re.compile(
    r"(?: (?:\w*SODIQUE|\w*POTASSIQUE|\w*CALCIQUE|MAGNESIQUE|ANHYDRE|[A-Z-]*HYDRATEE?|BASE|ARGININE"
    r"|ERBUMINE|TERT-BUTYLAMINE|TROMETAMOL|LYSINE|MICRONISEE?))+"
)
MINERALS = frozenset(
    "ALUMINIUM AMMONIUM ARGENT CALCIUM CUIVRE FER LITHIUM MAGNESIUM MANGANESE POTASSIUM SODIUM ZINC".split()
)


@lru_cache(maxsize=8192)
def moiety(name: str) -> str:
    """Folded; the name itself where no salt is recognised."""
    whole = name_of(name)
    acid = ACID.fullmatch(whole)
    if acid:
        return f"ACIDE {acid[1]}"
    bare = ENCLOSED.sub("", whole)
    found = LEADING.match(bare)
    bare = bare[found.end() :] if found else bare
    end = TRAILING.search(bare)
    bare = bare[: end.start()] if end and end.end() == len(bare) and end.start() else bare
    return whole if bare in MINERALS else bare
