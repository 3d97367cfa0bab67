"""What a holder decides about a record, what is asked of its policy, and the head of the journal."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import ID_NAT_PATTERN, Body, Page, Text, Uuid

Hexadecimal = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Professional: Any = Field(
    max_length=64, pattern=ID_NAT_PATTERN, description="PS_IdNat (8 + RPPS).", examples=["899900000029"]
)


class NewClosure(Body):
    """Why a record is closed."""

    reason: Literal["patient_request", "death", "fraud"]
    comment: Text = Field("", max_length=500, description="Free words, kept under the key of the record.")


class DestructionRequest(Body):
    """The early destruction of a closed record, within three months."""

    confirmed: bool = Field(description="The holder was told that nothing can be brought back, and confirms.")


class ConsentChange(Body):
    """What changes; a consent left out stays as it is."""

    feeding_allowed: bool | None = None
    consultation_allowed: bool | None = None
    etreat: bool | None = Field(
        None, description="The regulation doctor of the SAMU may read in an emergency."
    )
    btg: bool | None = Field(None, description="Any other professional may, by break-glass.")
    masked: bool | None = Field(None, description="Either may open hidden documents then.")
    reason: Text = Field("", max_length=500, description="Needed to oppose being fed (R1111-47).")


class DefaultMasking(Body):
    """Whether documents are hidden from professionals unless shown."""

    masked: bool


class NewCareRole(Body):
    """A role that the holder gives to a professional."""

    professional: str = Professional
    role: Literal["medecin_traitant", "administrator", "pharmacien_correspondant", "sage_femme_referente"]


class DocumentChanges(Body):
    """Changes of the metadata of one document, all made or none."""

    changes: list[
        Literal[
            "mask",
            "unmask",
            "show_to_patient",
            "show_to_representatives",
            "hide_from_representatives",
            "archive",
            "unarchive",
            "delete",
        ]
    ] = Field(min_length=1, max_length=8, examples=[["archive"]])
    expected_version: int = Field(
        0, ge=0, le=2**31 - 1, description="The version that was read; 0 takes any."
    )
    confirmed: bool = Field(
        False, description="The user was told that showing a document cannot be undone, and confirms."
    )


class ImaginedReader(Body):
    """Someone who might read, as the holder imagines them."""

    professional: str = Professional
    profession: str = Field(min_length=1, max_length=20, description="TRE_G15.", examples=["60"])
    organisation: str = Field("", max_length=64, description="Struct_IdNat of the structure worked for.")
    purpose: Literal["normal", "bris_de_glace", "centre_15", "secret"] = "normal"
    regulation: bool = Field(False, description="Regulation doctor of the SAMU.")


class Explanation(Page):
    """What would this reader see?"""

    reader: ImaginedReader
    document_id: Uuid | None = None


class SignedHead(Body):
    """Size and root of the tree of the journal at one moment, signed."""

    tree_size: int = Field(ge=0)
    root_hash: Hexadecimal
    signed_at: str
    signature: str = Field(description="Compact JWS (Ed25519, RFC 9864).")


class ProvenLine(Body):
    """A line of the journal with the way from its leaf to the root."""

    chain: str
    number: int = Field(ge=1)
    leaf_index: int = Field(ge=0)
    leaf_hash: Hexadecimal
    path: list[Hexadecimal]
    withheld: bool = False
    line: dict[str, Any] | None = Field(None, description="Absent when withheld.")


class JournalFile(Body):
    """A journal that verifies without this server: see the guide "Verify a journal"."""

    format: Literal["socle-journal-1"]
    person_id: Uuid
    exported_at: str
    keys: dict[str, Any] = Field(description="JSON Web Key Set that verifies the head.")
    head: SignedHead
    since: dict[str, Any] | None = Field(None, description="Size of an earlier head, and the proof from it.")
    pending: int = Field(ge=0, description="Lines that are not in the tree yet.")
    lines: list[ProvenLine]


class KeySet(Body):
    """JSON Web Key Set: the Ed25519 keys that verify the heads of the journal."""

    keys: list[dict[str, Any]]


class TreeProof(Body):
    """Why the tree of a head begins with that of an earlier one (RFC 9162)."""

    first: int = Field(ge=0)
    path: list[Hexadecimal]
    head: SignedHead
