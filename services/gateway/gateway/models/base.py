"""What the bodies share: names, dates, base64; and the base that refuses what it does not know."""

from __future__ import annotations

import base64
import binascii
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from gateway.fhir import instants

Sex = Literal["male", "female", "unknown"]
UUID_PATTERN = "^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$"
DAY_PATTERN = "^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
# The civil status does not always know the day, or the month.
BIRTH_PATTERN = "^[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?$"
URN_PATTERN = r"^urn:(oid:[0-9.]+|uuid:[0-9a-fA-F-]{36})$"
ID_NAT_PATTERN = "^[0-9][0-9A-Za-z/._-]+$"

# No name, title or comment holds a control character but line breaks, and PostgreSQL keeps no NUL.
Text = Annotated[str, Field(pattern=r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$")]
Name = Annotated[Text, Field(min_length=1, max_length=100)]
Uuid = Annotated[
    str,
    Field(
        pattern=UUID_PATTERN,
        json_schema_extra={"format": "uuid"},
        examples=["01900000-0000-7000-8000-000000000001"],
    ),
]
Day = Annotated[
    str, Field(pattern=DAY_PATTERN, json_schema_extra={"format": "date"}, examples=["1979-03-28"])
]
MaybeDay = Annotated[str, Field(pattern=f"{DAY_PATTERN}|^$", examples=["1979-03-28"])]
BirthDate = Annotated[
    str,
    Field(
        pattern=BIRTH_PATTERN,
        description="YYYY-MM-DD; YYYY-MM or YYYY when the civil status does not know the rest.",
        examples=["1979-03-28"],
    ),
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

    def message(self) -> dict[str, Any]:
        """The fields of the contract: what is asked beside the page, and the page."""
        asked = self.model_dump(exclude={"size", "token"}, exclude_defaults=True)
        return {**asked, "page": {"size": self.size, "token": self.token}}


class InsNumber(Body):
    """The 15 characters (13 and the key) and the authority that gave them."""

    matricule: str = Field(pattern="^[0-9]{6}[0-9ABab][0-9]{8}$", examples=["279035121518989"])
    oid: str = Field(
        pattern="^[0-9.]{5,64}$",
        description="1.2.250.1.213.1.4.8 to .11; a test platform takes .10 only.",
        examples=["1.2.250.1.213.1.4.10"],
    )


class Reason(Body):
    """Why, for the history of what is changed."""

    reason: Text = Field(
        min_length=1, max_length=500, examples=["Deux patients présentent la même pièce d'identité."]
    )
