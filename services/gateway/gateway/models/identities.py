"""Bodies and queries of the local identities."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import (
    BirthDate,
    Body,
    Commune,
    Day,
    InsNumber,
    MaybeDay,
    Moment,
    Name,
    Page,
    Reason,
    Sex,
    Text,
    Uuid,
)

Collection = Literal["typed", "carte_vitale", "insi", "bar_code", "rfid", "appli_carte_vitale"]
PAPERS = "CN, PA, CS, eCN, IN, AV, LECV, AN, LEP, CC, ANCV or CIMS."


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
    birth_date: BirthDate
    birth_place: Commune = ""
    used_name: Text = Field("", max_length=100, description="Nom utilisé.", examples=["MARTIN"])
    used_first_name: Text = Field("", max_length=100, description="Prénom utilisé.")
    birth_place_name: Text = Field(
        "",
        max_length=100,
        description="Label of the place as received; never compared.",
        examples=["DOMPREMY"],
    )


class NewIdentity(Body):
    """A local identity to create; it begins *provisoire* unless a number or a paper comes with it."""

    traits: NewTraits
    ipp: str = Field(
        "",
        max_length=64,
        pattern="^[A-Za-z0-9._-]*$",
        description="The structure's own number for the patient; made by the service when empty.",
        examples=["IPP-000123"],
    )
    ins: InsNumber | None = Field(
        None,
        description="A number held already: verified at INSi, and refused when INSi does not confirm it.",
    )
    paper: Text = Field("", max_length=8, description=f"Paper that was checked: {PAPERS}", examples=["CN"])
    paper_checked_on: MaybeDay = Field("", description="Today when empty.")
    collection_method: Collection | None = Field(None, description="How the traits were collected.")
    billing_number: str = Field(
        "", max_length=15, description="Number under which care is billed, key included; never an INS."
    )
    ipp_authority: str = Field(
        "", max_length=64, pattern=r"^([0-9]+(\.[0-9]+)+)?$", description="OID of who gave the IPP."
    )
    fictitious: bool = Field(False, description="The person does not exist: training, tests.")


class NewCorrection(Reason):
    """All the traits, as they are to be, and why."""

    traits: NewTraits
    collection_method: Collection | None = None


class IdentitySearch(Body):
    """Every criterion given must match, one at least; in a body, so that no trait is in an address."""

    ins: InsNumber | None = None
    ipp: Text = Field("", max_length=64)
    family: Text = Field(
        "", max_length=100, description="Start of the birth name or used name.", examples=["PAT"]
    )
    given: Text = Field("", max_length=100, description="Start of any first name.")
    birth_date: MaybeDay = ""
    sex: Sex | None = None
    identity_id: Uuid | None = None
    page: Page | None = None
    born_from: MaybeDay = Field("", description="First date of birth wanted.")
    born_to: MaybeDay = Field("", description="Last date of birth wanted.")
    sort: Literal["family", "birth_date", "given", "updated"] | None = Field(
        None, description="In the order of creation when absent."
    )
    descending: bool = False
    with_merged: bool = Field(False, description="Also those merged into another.")


class CarteVitale(Body):
    """What was read on a carte Vitale about one beneficiary, in the words of the téléservice."""

    num_assure: str = Field(
        min_length=1,
        max_length=15,
        description="Number of the insured person, key included; that of a parent for a child.",
        examples=["279035121518989"],
    )
    date_naissance: Day
    rang_gemellaire: int = Field(1, ge=0, le=9, description="Rank among those born on one day.")
    nom: Text = Field("", max_length=100, examples=["PAT-TROIS"])
    prenom: Text = Field("", max_length=100, examples=["DOMINIQUE"])
    read_at: Moment = Field(
        description="When the card was read: good for 20 minutes.", examples=["2026-06-12T10:00:00Z"]
    )


class Retrieval(Body):
    """How to ask INSi; by the traits of the identity when no card is given."""

    card: CarteVitale | None = None


class InsCheck(Body):
    """Which number to verify; the one that the identity holds when none is given."""

    ins: InsNumber | None = None


class PaperCheck(Body):
    """A high-confidence identity paper was seen, and agrees with the traits."""

    paper: str = Field(min_length=1, max_length=8, description=PAPERS, examples=["CN"])


class MarkClearance(Reason):
    """Which attribute is taken away, and why."""

    mark: Literal["homonyme", "douteuse", "fictive"]


class HistoryQuery(Page):
    """Which part of the history."""

    version: int = Field(0, ge=0, le=2**31 - 1, description="Only this version; 0 means all.")


class Resolution(Body):
    """Whose opaque id is wanted."""

    ins: InsNumber
