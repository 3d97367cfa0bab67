"""The journal with proof: a Merkle log (RFC 9162) over the audit lines of a service, whose heads are signed.

The lines enter in the commit that writes them (`schema.LEDGER`); one sequencer a service gives each its place
in the tree and in its chain, a moment later. A line is proven from its row and its leaf alone, so a byte
changed in either shows.
"""

from .check import Fault, check
from .lines import canonical, chain_of
from .proofs import (
    LARGEST,
    Head,
    HeadNotFound,
    Kept,
    Proven,
    find_head,
    list_chains,
    listing,
    pending,
    prove,
    prove_consistency,
)
from .sequencer import QUEUE, LedgerBroken, Sequencer
from .signing import Signer, payload_of

__all__ = [
    "LARGEST",
    "QUEUE",
    "Fault",
    "Head",
    "HeadNotFound",
    "Kept",
    "LedgerBroken",
    "Proven",
    "Sequencer",
    "Signer",
    "canonical",
    "chain_of",
    "check",
    "find_head",
    "list_chains",
    "listing",
    "payload_of",
    "pending",
    "prove",
    "prove_consistency",
]
