"""What a record refuses, in the words the caller reads."""

from __future__ import annotations

from chassis.errors import AlreadyExists, Conflict, InvalidInput, NotFound, RuleViolated, SocleError


class RecordNotFound(NotFound):
    """There is no record that you may see for this person."""

    remedy = "Check the person; a record is opened where their identity is qualifiée (OpenRecord)."


class DocumentNotFound(NotFound):
    """There is no document that you may see under this identifier."""

    remedy = "Search the person's documents: one that you may not know of is told like one that is not there."


class AuthorisationNotFound(NotFound):
    """No running authorisation of this record has this identifier."""

    remedy = "List them (ListAccesses)."


class BlockNotFound(NotFound):
    """This professional is not blocked on this record."""

    remedy = "List who is (ListAccesses)."


class ReceiptNotFound(NotFound):
    """There is no receipt of an erasure that you may see for this person."""


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

    remedy = "Nothing is to be done: it is as you want it."


class DocumentNotMasked(RuleViolated):
    """The document is not hidden from professionals."""

    remedy = "Nothing is to be done: it is as you want it."


class DocumentStillHiddenFromPatient(RuleViolated):
    """A document that waits for its announcement to the patient may not be hidden from professionals."""

    remedy = "Show it to the patient first (SHOW_TO_PATIENT), in the same request if you like."


class ProfessionalIsBlocked(RuleViolated):
    """This professional is blocked on this record."""


class RecordClosed(RuleViolated):
    """The record is closed: nothing goes in or out."""


class RecordNotClosed(RuleViolated):
    """The record is open: only a closed record is destroyed."""


class RecordDestroyed(RuleViolated):
    """The record was destroyed, with all that it held."""


class DestructionNotDue(RuleViolated):
    """The record is not to be destroyed yet."""


class DestructionNotConfirmed(InvalidInput):
    """The destruction of a record must be confirmed: nothing can be brought back."""


class ReasonForOppositionMissing(InvalidInput):
    """Opposing the feeding of a record needs a legitimate reason (R1111-47)."""


class NothingToChange(InvalidInput):
    """The request changes nothing."""


class CareRoleNotFound(NotFound):
    """No running role of this record has this identifier."""


class LotNotFound(NotFound):
    """There is no lot that you may see under this identifier."""


class DocumentDeleted(NotFound):
    """This document was deleted by its author: its bytes are no longer given."""

    remedy = "Ask its author; nothing brings it back."


class DocumentEmpty(InvalidInput):
    """The document has no content."""

    remedy = "Send the bytes of the document with its metadata."


class DocumentTooLarge(InvalidInput):
    """The document is larger than what is taken."""


class TitleTooLong(InvalidInput):
    """The title is longer than what is taken."""


class FormatDoesNotMatchMimeType(InvalidInput):
    """The format of the document is that of another MIME type."""


class SecretDocumentNotHidden(InvalidInput):
    """In a secret connection, only documents hidden from the legal representatives are deposited."""


class FolderEmpty(InvalidInput):
    """A folder holds one document at least."""


class RelationWithoutTarget(InvalidInput):
    """A relation names the other document."""

    remedy = "Give its identifier or its unique identifier."


class RelationWithinLot(InvalidInput):
    """A document may not replace or complete another of its own lot."""

    remedy = "Send the other document first, in a lot of its own, or send one document only."


class SeveralReplacements(InvalidInput):
    """A document takes the place of one other at most."""

    remedy = "Keep one relation of kind REPLACES."


class ReplacedTwice(InvalidInput):
    """Two documents of the lot replace the same one."""

    remedy = "Keep the one that takes its place."


class ChangesContradictEachOther(InvalidInput):
    """These changes cannot be made together."""

    remedy = "Send one change for each flag; a deletion stands alone."


class ConfirmationMissing(InvalidInput):
    """Showing a document cannot be undone: it must be confirmed (EX_3.3-1045)."""

    remedy = "Ask the user, then send the same request with `confirmed`."


class RelatedDocumentNotThere(RuleViolated):
    """A relation or a folder names a document that this record does not show you."""

    remedy = "Give the identifier of a document of this record that you may read."


class ReplacedDocumentNotThere(RuleViolated):
    """The document to be replaced is not one that you may replace."""

    remedy = "Name a current document of this record that you signed or that your structure deposited."


class DocumentAlreadyReplaced(RuleViolated):
    """The document to be replaced was replaced or deleted before."""

    remedy = "Replace the document that took its place."


class DocumentReplacedMeanwhile(Conflict):
    """The document to be replaced was replaced at this very moment: search again, then retry."""


class DocumentAlreadyShown(RuleViolated):
    """The document is visible already to those it would be shown to."""

    remedy = "Nothing is to be done: it is as you want it."


class DocumentWasShown(RuleViolated):
    """The document was shown to the representatives before, and that cannot be undone."""

    remedy = "Nothing: they may have read it."


class DocumentAlreadyHiddenFromRepresentatives(RuleViolated):
    """The document is hidden from the legal representatives already."""

    remedy = "Nothing is to be done: it is as you want it."


class DocumentAlreadyArchived(RuleViolated):
    """The document is archived already."""

    remedy = "Nothing is to be done: it is as you want it."


class DocumentNotArchived(RuleViolated):
    """The document is not archived."""

    remedy = "Nothing is to be done: it is as you want it."


class DocumentNotAsStored(SocleError):
    """What the object store gave is not what was deposited; the operator was told."""


class JournalLineNotFound(NotFound):
    """No line of the journal that you may be told of has this identifier."""


class SizeBeyondLog(InvalidInput):
    """The log has never reached this size."""


class SizesInDisorder(InvalidInput):
    """The first size is larger than the second."""
