"""HL7 v2 PAM, national extension of IHE France: the messages that tell of an identity, written and read.

Source: Interop'Santé, IHE PAM national extension v2.11 and HL7 data types v1.8.
"""

from .er7 import PamMalformed
from .read import PamRead, read
from .write import Pam, PamMessageNotFound, Trigger, announce, downgrade, replacement, update

__all__ = [
    "Pam",
    "PamMalformed",
    "PamMessageNotFound",
    "PamRead",
    "Trigger",
    "announce",
    "downgrade",
    "read",
    "replacement",
    "update",
]
