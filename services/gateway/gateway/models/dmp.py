"""Bodies and queries of dmp."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import ConfigDict, Field

from .base import ID_NAT_PATTERN, URN_PATTERN, Base64, Body, Moment, Page, Text


class DocumentQuery(Page):
    """Which documents of a record."""

    status: list[Literal["current", "superseded"]] = Field([], description="Every status when absent.")
    type: list[str] = Field([], max_length=50, description="Codes of document types.")
    category: list[str] = Field([], max_length=50, description="Codes of document classes.")

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        page = {"size": self.size, "token": self.token}
        return {"statuses": self.status, "types": self.type, "classes": self.category, "page": page}


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


class NewSubmission(Body):
    """A lot of documents, stored all or none."""

    lot: NewLot
    documents: list[NewDocument] = Field(min_length=1, max_length=50)
