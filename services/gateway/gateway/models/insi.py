"""Bodies of the INSi téléservice."""

from __future__ import annotations

from pydantic import Field

from .base import Body, Commune, Day, InsNumber, Name, Reason, Sex, Text
from .identities import CarteVitale


class InsiSearch(Body):
    """An INSi search by traits."""

    birth_name: Name = Field(examples=["PAT-TROIS"])
    first_name: Name = Field(description="One first name, any of the list.", examples=["DOMINIQUE"])
    sex: Sex = Field(examples=["female"])
    birth_date: Day
    birth_place: Commune = ""


class CardSearch(Body):
    """An INSi search by the content of a carte Vitale."""

    card: CarteVitale


class VerificationLine(Body):
    """INSFourni and the five traits, in the words of the téléservice."""

    num_identifiant: Text = Field(max_length=15, description="13 characters.", examples=["2790351215189"])
    cle: Text = Field(max_length=2, description="2 digits.", examples=["89"])
    oid: Text = Field(max_length=64, examples=["1.2.250.1.213.1.4.10"])
    nom_naissance: Text = Field(max_length=100, examples=["PAT-TROIS"])
    liste_prenom: Text = Field(
        max_length=1000, description="Separated by a space.", examples=["DOMINIQUE MARIE-LOUISE"]
    )
    sexe: Text = Field(max_length=8, description="M or F.", examples=["F"])
    date_naissance: Text = Field(max_length=10, description="YYYY-MM-DD.", examples=["1979-03-28"])
    lieu_naissance: Text = Field("", max_length=5, examples=["51215"])
    reference: Text = Field("", max_length=100, description="The caller's own mark of the line.")


class Verification(Body):
    """One number to verify with its traits."""

    line: VerificationLine


class NumberReplacement(Reason):
    """The number that a person of the registry has from now on, and why."""

    ins: InsNumber
