"""What is deposited in a record, and who is authorised to read it."""

from __future__ import annotations

from typing import Literal

from pydantic import ConfigDict, Field

from .base import ID_NAT_PATTERN, URN_PATTERN, Base64, Body, Moment, Text, Uuid


class NewAccess(Body):
    """Someone to authorise."""

    grantee: str = Field(
        max_length=64,
        pattern=ID_NAT_PATTERN,
        description="PS_IdNat of a professional (8 + RPPS), or Struct_IdNat of a structure.",
        examples=["899900000029"],
    )
    kind: Literal["professional", "structure"] = "professional"
    until: Moment | None = Field(None, description="No end when absent.", examples=["2027-06-12T00:00:00Z"])


class Code(Body):
    """A code of a terminology."""

    code: Text = Field(min_length=1, max_length=64)
    system: Text = Field("", max_length=200)
    display: Text = Field("", max_length=400)


class Maker(Body):
    """Who made a document."""

    professional: str = Field(
        "", max_length=64, description="PS_IdNat (8 + RPPS).", examples=["899900000011"]
    )
    family_name: Text = Field("", max_length=100)
    given_name: Text = Field("", max_length=100)
    organisation: str = Field("", max_length=64, description="Struct_IdNat.", examples=["1990000010"])
    organisation_name: Text = Field("", max_length=200)
    role: Code | None = None
    specialty: Code | None = None


class Link(Body):
    """How a document stands to another, named by its id here or by its unique identifier."""

    kind: Literal["replaces", "appends"]
    document_id: Uuid | None = None
    unique_id: str = Field("", max_length=256)


class OtherIdentifier(Body):
    """An order, an accession, a study."""

    value: Text = Field(min_length=1, max_length=256)
    system: Text = Field("", max_length=256)
    kind: Text = Field("", max_length=100)


class NewEntry(Body):
    """The metadata of a document (XDS DocumentEntry)."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    unique_id: str = Field(max_length=256, pattern=URN_PATTERN, examples=["urn:oid:1.2.250.1.999.2.1001"])
    class_: Code | None = Field(None, alias="class", description="Deduced from the type when absent.")
    type: Code
    format: Code
    mime_type: str = Field(min_length=1, max_length=100, examples=["text/xml"])
    language: str = Field("", max_length=20, examples=["fr-FR"])
    sha1: Base64 | None = Field(None, description="SHA-1 of the bytes, in base64.")
    size: int = Field(0, ge=0, le=2**63 - 1)
    title: Text = Field(min_length=1, max_length=256)
    description: Text = Field("", max_length=2000)
    created_at: Moment
    service_start: Moment
    service_end: Moment | None = None
    authors: list[Maker] = Field(min_length=1, max_length=10)
    authenticator: Maker | None = None
    custodian: Maker | None = None
    confidentiality: list[str] = Field(min_length=1, max_length=4, examples=[["N"]])
    facility: Code
    practice_setting: Code
    events: list[Code] = Field([], max_length=50)
    archived: bool = False
    relations: list[Link] = Field([], max_length=10, description="What it replaces or completes.")
    references: list[OtherIdentifier] = Field([], max_length=20)


class NewDocument(Body):
    """A document: its metadata and its bytes, 20 MB at most."""

    entry: NewEntry
    content: Base64


class NewLot(Body):
    """The lot that carries documents (XDS SubmissionSet)."""

    unique_id: str = Field(max_length=256, pattern=URN_PATTERN, examples=["urn:oid:1.2.250.1.999.2.2001"])
    source_id: Text = Field(min_length=1, max_length=256, examples=["1.2.250.1.999.3"])
    content_type: Code
    submitted_at: Moment
    title: Text = Field("", max_length=256)
    author: Maker | None = None
    comments: Text = Field("", max_length=2000)
    intended_recipients: list[str] = Field([], max_length=20)


class NewFolder(NewLot):
    """A folder made with the lot."""

    documents: list[str] = Field(
        min_length=1,
        max_length=200,
        description="Unique identifiers of documents of the lot or of the record.",
    )


class NewSubmission(Body):
    """A lot of documents, stored all or none."""

    lot: NewLot
    folders: list[NewFolder] = Field([], max_length=10)
    documents: list[NewDocument] = Field(min_length=1, max_length=50)
