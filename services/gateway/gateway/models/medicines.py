"""Bodies and queries of medicines, of safety, and of the keys that sign."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field
from pydantic.config import JsonDict

from .base import Body, Text, Uuid
from .prescribed import Cip13, Cis, NamedSubstance
from .prescriptions import INS_EXAMPLE, PatientGiven

PARACETAMOL: JsonDict = {"name": "PARACÉTAMOL"}


class MedicineQuery(Body):
    """Name, substance, CIS or CIP13; a slip of the pen is forgiven."""

    text: Text = Field(min_length=1, max_length=100, examples=["paracetamol 500"])
    marketed_only: bool = False
    limit: int = Field(0, ge=0, le=100, description="Most hits; 0 means 20.")


class ComparedItem(Body):
    """A product or its substances."""

    cis: Cis = Field("", examples=[""])
    cip13: Cip13 = Field("", examples=[""])
    substances: list[NamedSubstance] = Field([], max_length=30, examples=[[PARACETAMOL]])
    label: Text = Field("", max_length=500)


Items = Annotated[list[ComparedItem], Field(min_length=1, max_length=60)]


class ProductsOfPerson(PatientGiven):
    """Products to compare with each other and with the active treatments and allergies of a person."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ins": INS_EXAMPLE, "items": [{"substances": [PARACETAMOL]}]}]}
    )

    items: Items


class ComparedProducts(Body):
    """Products to compare with each other."""

    items: Items


class NewAllergy(PatientGiven):
    """An allergy to write down."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ins": INS_EXAMPLE, "substance": {"name": "AMOXICILLINE"}}]}
    )

    substance: NamedSubstance
    note: Text = Field("", max_length=500)


class AllergySearch(PatientGiven):
    """Whose allergies, by INS."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ins": INS_EXAMPLE}]})


class AllergyQuery(Body):
    """Whose allergies."""

    person_id: Uuid


class AllergyWithdrawal(PatientGiven):
    """Why an allergy is withdrawn."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"ins": INS_EXAMPLE, "reason": "Test de réintroduction négatif"}]}
    )

    reason: Text = Field(min_length=1, max_length=500)


Coordinate = Annotated[str, Field(pattern="^[A-Za-z0-9_-]{43}$")]


class PublicJwk(Body):
    """A public key, ES256. A member of a private key is refused here: it must never travel."""

    kty: Literal["EC"]
    crv: Literal["P-256"]
    x: Coordinate = Field(examples=["f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU"])
    y: Coordinate = Field(examples=["x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0"])
    kid: str = Field("", max_length=100, pattern="^[A-Za-z0-9_.-]*$", examples=[""])
    alg: Literal["ES256"] | None = None
    use: Literal["sig"] | None = None


class KeyChallenge(Body):
    """The key that the challenge is for."""

    jwk: PublicJwk


class NewSigningKey(KeyChallenge):
    """A key to register, and the proof that its holder has it."""

    proof: str = Field(
        min_length=1,
        max_length=8000,
        pattern=r"^[A-Za-z0-9_.-]+$",
        description="Compact JWS of the challenge, by this key.",
    )
    origin: Literal["card", "hsm", "software"]


class KeyQuery(Body):
    """Whose keys: those of the caller when nobody is named."""

    professional: str = Field("", max_length=20, description="PS_IdNat (8 + RPPS).", examples=[""])


class KeyRevocation(Body):
    """Why a key ends."""

    reason: Text = Field(min_length=1, max_length=500, examples=["Carte perdue"])
