"""What the REST interface reads: one model a body, with its examples. The services check the rules of the
fields.
"""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from .fhir import instants

Sex = Literal["male", "female", "unknown"]
UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
DAY_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
URN_PATTERN = r"^urn:(oid:[0-9.]+|uuid:[0-9a-fA-F-]{36})$"
ID_NAT_PATTERN = "^[0-9][0-9A-Za-z/._-]+$"

# No name, title or comment holds a control character but line breaks, and PostgreSQL keeps no NUL.
Text = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
Day = Annotated[
    str, Field(pattern=DAY_PATTERN, json_schema_extra={"format": "date"}, examples=["1979-03-28"])
]
Commune = Annotated[
    str,
    Field(
        pattern="^([0-9]{5}|2[AB][0-9]{3})?$",
        description="COG code at the date of birth: 5 characters, 99xxx abroad, 99999 unknown.",
        examples=["51215"],
    ),
]


def _moment(value: Any) -> datetime:
    if not isinstance(value, str) or "T" not in value:
        raise ValueError("must be a date and time with a zone, such as 2026-06-12T10:00:00Z")
    return instants.span(value).start


def _bytes(value: Any) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (TypeError, ValueError, binascii.Error):
        raise ValueError("must be base64") from None


Moment = Annotated[
    datetime, BeforeValidator(_moment), WithJsonSchema({"type": "string", "format": "date-time"})
]
Base64 = Annotated[
    bytes, BeforeValidator(_bytes), WithJsonSchema({"type": "string", "contentEncoding": "base64"})
]


class Body(BaseModel):
    """An unknown field is a mistake that would otherwise pass in silence."""

    model_config = ConfigDict(extra="forbid")


class Page(Body):
    """Which part of a list."""

    size: int = Field(0, ge=0, le=200, description="Most items wanted; 0 means 50.")
    token: str = Field("", max_length=512, description="`next_token` of the page before.")


class DocumentQuery(Page):
    """Which documents of a record."""

    status: list[Literal["current", "superseded"]] = Field([], description="Every status when absent.")
    type: list[str] = Field([], max_length=50, description="Codes of document types.")
    category: list[str] = Field([], max_length=50, description="Codes of document classes.")

    def message(self) -> dict[str, Any]:
        """The fields of the contract."""
        page = {"size": self.size, "token": self.token}
        return {"statuses": self.status, "types": self.type, "classes": self.category, "page": page}


class NewTraits(Body):
    """The traits of a civil-status identity, and the names in use."""

    birth_name: Name = Field(description="Nom de naissance.", examples=["PAT-TROIS"])
    birth_first_names: list[Name] = Field(
        min_length=1,
        max_length=20,
        description="Prénoms de naissance, in order.",
        examples=[["DOMINIQUE", "MARIE-LOUISE"]],
    )
    sex: Sex = Field(examples=["female"])
    birth_date: Day
    birth_place: Commune = ""
    used_name: Text = Field("", max_length=100, description="Nom utilisé.", examples=["MARTIN"])
    used_first_name: Text = Field("", max_length=100, description="Prénom utilisé.")


class NewIdentity(Body):
    """A local identity to create; it begins *provisoire*."""

    traits: NewTraits
    ipp: str = Field(
        "",
        max_length=64,
        pattern="^[A-Za-z0-9._-]*$",
        description="The structure's own number for the patient; made by the service when empty.",
        examples=["IPP-000123"],
    )


class InsNumber(Body):
    """The 15 characters (13 and the key) and the authority that gave them."""

    matricule: str = Field(pattern="^[0-9]{6}[0-9ABab][0-9]{8}$", examples=["279035121518989"])
    oid: str = Field(
        pattern="^[0-9.]{5,64}$",
        description="1.2.250.1.213.1.4.8 to .11; a test platform takes .10 only.",
        examples=["1.2.250.1.213.1.4.10"],
    )


class IdentitySearch(Body):
    """Every criterion given must match, one at least; in a body, so that no trait is in an address."""

    ins: InsNumber | None = None
    ipp: Text = Field("", max_length=64)
    family: Text = Field(
        "", max_length=100, description="Start of the birth name or used name.", examples=["PAT"]
    )
    given: Text = Field("", max_length=100, description="Start of any first name.")
    birth_date: Annotated[str, Field(pattern=f"{DAY_PATTERN}|^$", examples=["1979-03-28"])] = ""
    sex: Sex | None = None
    page: Page | None = None


class InsiSearch(Body):
    """An INSi search by traits."""

    birth_name: Name = Field(examples=["PAT-TROIS"])
    first_name: Name = Field(description="One first name, any of the list.", examples=["DOMINIQUE"])
    sex: Sex = Field(examples=["female"])
    birth_date: Day
    birth_place: Commune = ""


class PaperCheck(Body):
    """A high-confidence identity paper was seen, and agrees with the traits."""

    paper: str = Field(
        min_length=1,
        max_length=8,
        description="CN, PA, CS, eCN, IN, AV, LECV, AN, LEP, CC, ANCV or CIMS.",
        examples=["CN"],
    )


class Doubt(Body):
    """Why the identity is doubted."""

    reason: Text = Field(
        min_length=1, max_length=500, examples=["Deux patients présentent la même pièce d'identité."]
    )


class Resolution(Body):
    """Whose opaque id is wanted."""

    ins: InsNumber


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
