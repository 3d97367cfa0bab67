"""What a record refuses, in the words the caller reads."""

from __future__ import annotations

from chassis.errors import AlreadyExists, Conflict, InvalidInput, NotFound, RuleViolated


class RecordNotFound(NotFound):
    """There is no record that you may see for this person."""


class DocumentNotFound(NotFound):
    """There is no document that you may see under this identifier."""


class AuthorisationNotFound(NotFound):
    """No running authorisation of this record has this identifier."""


class BlockNotFound(NotFound):
    """This professional is not blocked on this record."""


class DepositRefused(InvalidInput):
    """The lot has several faults; nothing was stored."""


class DocumentHashMismatch(InvalidInput):
    """The SHA-1 of the content is not the one its metadata give."""


class DocumentSizeMismatch(InvalidInput):
    """The size of the content is not the one its metadata give."""


class UnknownDocumentType(InvalidInput):
    """This type of document is not one that a deposit may use (JDV_J07)."""


class ClassDoesNotMatchType(InvalidInput):
    """The class of the document is not the one its type belongs to (ASS_X04)."""


class ConfidentialityNotAllowed(InvalidInput):
    """These confidentiality codes may not stand together."""


class MimeTypeNotAccepted(InvalidInput):
    """A record does not take content of this MIME type."""


class ContentNotAsDeclared(InvalidInput):
    """The content is not what its MIME type says."""


class CdaNotReadable(InvalidInput):
    """The content is not a well-formed CDA R2 document."""


class DatesInDisorder(InvalidInput):
    """The dates of the document contradict each other."""


class SameIdentifierTwice(InvalidInput):
    """Two documents of the lot carry the same unique identifier."""


class AuthorisationAlreadyOver(InvalidInput):
    """The end of the authorisation is not in the future."""


class ReasonMissing(InvalidInput):
    """Breaking the glass needs a reason, typed by the professional."""


class DuplicateDocument(AlreadyExists):
    """The record holds another document under this unique identifier."""


class DuplicateLot(AlreadyExists):
    """The record holds another lot under this unique identifier."""


class DepositedMeanwhile(Conflict):
    """The same lot or document was deposited at this very moment: send it again to get the stored answer."""


class AccessChangedMeanwhile(Conflict):
    """This access was changed at this very moment: read the list again, then retry."""


class DocumentChangedMeanwhile(Conflict):
    """This document was changed at this very moment: read it again, then retry."""


class DocumentAlreadyMasked(RuleViolated):
    """The document is hidden from professionals already."""


class DocumentNotMasked(RuleViolated):
    """The document is not hidden from professionals."""


class DocumentStillHiddenFromPatient(RuleViolated):
    """A document that waits for its announcement to the patient may not be hidden from professionals."""


class ProfessionalIsBlocked(RuleViolated):
    """This professional is blocked on this record."""
