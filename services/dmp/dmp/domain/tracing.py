"""Which chain of the journal a line belongs to: what not every reader of it may know is numbered apart."""

from __future__ import annotations

from collections.abc import Collection

from chassis.caller import Purpose

from .documents import Confidentiality

APART = frozenset({Confidentiality.HIDDEN_FROM_PATIENT, Confidentiality.HIDDEN_FROM_REPRESENTATIVES})
# Kinds of chains: `document:<id>`, `secret:<id>`, `secret`.
DOCUMENT = "document"
SECRET = "secret"  # noqa: S105 (the name of a chain)


def chain(purpose: Purpose, document_id: str = "", codes: Collection[Confidentiality] = ()) -> str:
    """The chain of a line about a document, or about the record when there is none.

    A line about a document that waits for its announcement (R1111-53) or that a minor keeps from their
    representatives (R1111-50) is in the chain of that document, which its readers get with it. What a secret
    connection did is in a chain that the holder alone reads, apart too when the document still waits for its
    announcement to them. The others are in the chain of the record (empty).
    """
    if purpose is Purpose.SECRET:
        waits = document_id and Confidentiality.HIDDEN_FROM_PATIENT in codes
        return f"{SECRET}:{document_id}" if waits else SECRET
    return f"{DOCUMENT}:{document_id}" if document_id and not APART.isdisjoint(codes) else ""
