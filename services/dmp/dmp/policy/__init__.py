"""May this caller, on this record, for this purpose? Pure; every answer names the rules behind it.

Articles (`R1111-46`...) are those of the Code de la santé publique; `matrix.<profession>.<type>` is a cell
of the matrix of the arrêté of 26 October 2023; `consent.*` is a switch of the holder; `role.*` a role the
holder gave; `dmp.*` is a rule of this service. A refusal also says what would change it. The order is that
of the law in every mode: record, blocked, authorisation or emergency, matrix, flags of the document.
"""

from .changing import may_change
from .feeding import Parameters, may_feed, may_open, may_send
from .holding import (
    may_block,
    may_change_consents,
    may_close,
    may_declare,
    may_explain,
    may_grant,
    may_read_journal,
    may_reopen,
)
from .reading import (
    HIDDEN_FROM_HOLDER,
    HIDDEN_FROM_REPRESENTATIVE,
    REGULATION_ROLE,
    Reach,
    check_purpose,
    hidden_from_citizen,
    is_emergency,
    may_consult,
    may_read,
    may_see,
    reach,
)
from .standing import may_hold, not_open

__all__ = [
    "HIDDEN_FROM_HOLDER",
    "HIDDEN_FROM_REPRESENTATIVE",
    "REGULATION_ROLE",
    "Parameters",
    "Reach",
    "check_purpose",
    "hidden_from_citizen",
    "is_emergency",
    "may_block",
    "may_change",
    "may_change_consents",
    "may_close",
    "may_consult",
    "may_declare",
    "may_explain",
    "may_feed",
    "may_grant",
    "may_hold",
    "may_open",
    "may_read",
    "may_read_journal",
    "may_reopen",
    "may_see",
    "may_send",
    "not_open",
    "reach",
]
