"""Bodies and queries of what leaves for other software."""

from __future__ import annotations

from pydantic import Field

from .base import Body, Page


class ScannedText(Body):
    """What a scanner read."""

    text: str = Field(
        min_length=1, max_length=600, description="With or without GS (U+001D) between the fields."
    )


class PamText(Body):
    """An HL7 v2 message."""

    content: str = Field(
        min_length=1,
        max_length=100_000,
        description="ER7, segments ended by CR or LF.",
        examples=["MSH|^~\\&|..."],
    )


class PamQuery(Page):
    """Which outgoing messages."""

    identity_id: str = Field("", max_length=36, description="Only those about this identity.")
