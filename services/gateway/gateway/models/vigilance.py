"""Bodies and queries of identity vigilance."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from .base import BIRTH_PATTERN, Body, Commune, InsNumber, Name, Page, Reason, Sex, Text, Uuid


class Description(Body):
    """A person as far as known: a name or a birth date is needed."""

    birth_name: Text = Field("", max_length=100, examples=["PAT-TROIS"])
    birth_first_names: list[Name] = Field([], max_length=20, examples=[["DOMINIQUE"]])
    sex: Sex | None = None
    birth_date: str = Field("", pattern=f"{BIRTH_PATTERN}|^$", examples=["1979-03-28"])
    birth_place: Commune = ""
    used_name: Text = Field("", max_length=100)
    used_first_name: Text = Field("", max_length=100)
    ins: InsNumber | None = None
    ipp: Text = Field("", max_length=64)


class MatchQuery(Body):
    """Who may be the person described."""

    description: Description
    count: int = Field(0, ge=0, le=50, description="Most candidates wanted; 0 means 10.")
    only_certain: bool = False


class CaseQuery(Page):
    """Which cases of the worklist."""

    state: Literal["open", "merged", "homonyms", "dismissed"] | None = Field(
        None, description="Open ones when absent."
    )
    identity_id: str = Field("", max_length=36, description="Only those about this identity.")


class Settlement(Reason):
    """How a case ends without a merge, and why."""

    outcome: Literal["homonyms", "dismissed"]


class NewMerge(Reason):
    """Which identity goes into which, and why."""

    kept_id: Uuid = Field(description="The identity that stays.")
    absorbed_id: Uuid = Field(description="The identity that is merged into it.")
