"""The person that a paper or a document names. Traits live for one request: they are never stored here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True, repr=False)
class Patient:
    """As the reference registry describes them; what it does not know is empty. Never printed."""

    birth_name: str
    # In the order of the civil status.
    first_names: tuple[str, ...]
    # M, F, or empty.
    sex: str
    # YYYY-MM-DD; YYYY-MM or YYYY when the civil status knows no more.
    birth_date: str
    # COG code.
    birth_place: str = ""
    used_name: str = ""
    used_first_name: str = ""
    # 13 characters and the key on 2 digits, and the OID of its authority; both empty when no INS is known.
    ins: str = ""
    ins_oid: str = ""

    def born_on(self, day: date) -> bool:
        """Whether that is the birth date, as far as the civil status knows it."""
        return bool(self.birth_date) and day.isoformat().startswith(self.birth_date)
