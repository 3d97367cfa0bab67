"""Outgoing messages: A28 (a new identity), A31 (what it is now), A47 (a number to be dropped or changed)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from uuid import UUID, uuid5

from chassis.errors import NotFound
from identity_ins.domain.identity import Attribute, Identity, Status
from identity_ins.domain.ins import Authority, BillingNumber, Ins

from .er7 import NULL, escape, segment

# The names of messages: one made again after a loss gets the name that it had.
NAMES = UUID("6b1c3f0e-8f35-5c0e-9a57-3d1f0f6d2a47")
# Who is meant to hear: any software of the structure, not one in particular.
RECEIVER = "SIH"
NAMESPACE = {
    Authority.NIR: "ASIP-SANTE-INS-NIR",
    Authority.NIR_TEST: "ASIP-SANTE-INS-NIR",
    Authority.NIR_DEMO: "ASIP-SANTE-INS-NIR",
    Authority.NIA: "ASIP-SANTE-INS-NIA",
}
BILLING = f"ASIP-SANTE-NIR&{Authority.NIR}&ISO"
# PID-32, table 0445.
QUALIFIED, OTHERWISE, MERGED = "VALI", "PROV", "DOUA"
CODE_OF = {
    Attribute.HOMONYME: "HOMA",
    Attribute.HOMONYME_DETECTEE: "HOMD",
    Attribute.DOUTEUSE: "DOUT",
    Attribute.FICTIVE: "FICT",
}


class Trigger(StrEnum):
    """The event that a message tells of."""

    ANNOUNCE = "A28"
    UPDATE = "A31"
    CHANGE_IDENTIFIER = "A47"


# A47 has the structure of A30.
STRUCTURE = {
    Trigger.ANNOUNCE: "ADT_A05",
    Trigger.UPDATE: "ADT_A05",
    Trigger.CHANGE_IDENTIFIER: "ADT_A30",
}


class PamMessageNotFound(NotFound):
    """There is no such outgoing message of your structure."""

    where = "message_id"
    remedy = "List the outgoing messages of your structure."


@dataclass(frozen=True, slots=True, repr=False)
class Pam:
    """A message ready to be sent: MSH-10, its trigger, and its segments ended by CR."""

    id: str
    trigger: Trigger
    content: str


def announce(identity: Identity) -> Pam:
    """A28: the identity was created."""
    return _whole(identity, Trigger.ANNOUNCE, _identifiers(identity))


def update(identity: Identity, *former: Ins) -> Pam:
    """A31: all that the identity is now; `former` numbers that a receiver still knows it by go along."""
    return _whole(identity, Trigger.UPDATE, [*_identifiers(identity), *map(_number, former)])


def downgrade(before: Identity, after: Identity) -> tuple[Pam, ...]:
    """Qualifiée was lost: A47 makes receivers drop the number, whether the structure keeps it or not.

    An A47 tells of identifiers and of the status only: where traits changed with it, an A31 follows.
    """
    lost = before.retrieval
    if lost is None or not is_sent(before):
        return (update(after),)
    dropped = _change_identifier(after, NULL, lost.ins)
    return (dropped, update(after)) if before.traits != after.traits else (dropped,)


def replacement(before: Identity, after: Identity) -> tuple[Pam, ...]:
    """The number is another one: A47 with both, but A31 with both when a waiting number became permanent."""
    old, new = before.retrieval, after.retrieval
    if old is None or new is None or not is_sent(after):
        return downgrade(before, after)
    if not is_sent(before):
        return (update(after),)
    if (old.ins.oid, new.ins.oid) == (Authority.NIA, Authority.NIR):
        return (update(after, old.ins),)
    changed = _change_identifier(after, _number(new.ins), old.ins)
    return (changed, update(after)) if before.traits != after.traits else (changed,)


def is_sent(identity: Identity) -> bool:
    """Whether the number travels: with an identity qualifiée, and no other."""
    return identity.status is Status.QUALIFIEE and identity.merged_into is None


def _whole(identity: Identity, trigger: Trigger, identifiers: Sequence[str]) -> Pam:
    erased = NULL if trigger is Trigger.UPDATE else ""
    return _message(
        identity,
        trigger,
        _pid(identity, "~".join(identifiers), erased),
        # Class N: not about a stay. HL7 wants the segment all the same.
        segment("PV1", {2: "N"}),
        _zfd(identity),
    )


def _change_identifier(identity: Identity, new: str, old: Ins) -> Pam:
    return _message(
        identity,
        Trigger.CHANGE_IDENTIFIER,
        _pid(identity, new, ""),
        segment("MRG", {1: _number(old)}),
    )


def _message(identity: Identity, trigger: Trigger, *segments: str) -> Pam:
    id = str(uuid5(NAMES, f"{identity.id.value}/{identity.version}/{trigger}"))
    changed_at = _moment(identity.updated_at or identity.created_at)
    domain = escape(identity.domain)
    header = {
        # MSH-1 is the separator itself, so that the fields of MSH are shifted by one.
        1: "^~\\&",
        2: "SOCLE",
        3: domain,
        4: RECEIVER,
        5: domain,
        6: changed_at,
        8: f"ADT^{trigger}^{STRUCTURE[trigger]}",
        9: id,
        10: "P",
        11: "2.5^FRA^2.11",
        16: "FRA",
        17: "UNICODE UTF-8",
        18: "FR",
        20: "2.11^IHE_FRANCE-2.11-PAM",
    }
    parts = (segment("MSH", header), segment("EVN", {2: changed_at, 6: changed_at}), *segments)
    return Pam(id, trigger, "".join(f"{part}\r" for part in parts))


def _pid(identity: Identity, identifiers: str, erased: str) -> str:
    traits = identity.traits
    return segment(
        "PID",
        {
            1: "1",
            3: identifiers,
            5: _names(identity, erased),
            7: traits.birth_date_text.replace("-", ""),
            8: traits.sex.value,
            11: _birth_place(traits.birth_place, traits.birth_place_name),
            32: "~".join(_reliability(identity)),
            33: _moment(identity.updated_at or identity.created_at),
        },
    )


def _identifiers(identity: Identity) -> list[str]:
    domain = escape(identity.domain)
    # N: an identifier of the structure's own making, without an OID.
    authority = f"{escape(identity.ipp_authority)}&ISO" if identity.ipp_authority else f"{domain}&N"
    identifiers = [f"{escape(identity.ipp)}^^^{domain}&{authority}^PI"]
    if identity.retrieval and is_sent(identity):
        identifiers.append(_number(identity.retrieval.ins))
    if isinstance(identity.billing_number, BillingNumber):
        identifiers.append(f"{identity.billing_number.number}^^^{BILLING}^NH")
    return identifiers


def _number(ins: Ins) -> str:
    return f"{ins.matricule}^^^{NAMESPACE[ins.oid]}&{ins.oid}&ISO^INS"


def _names(identity: Identity, erased: str) -> str:
    """The birth name, then the names in use: `erased` stands for those that there are none of."""
    traits = identity.traits
    first, names = traits.birth_first_names[0], " ".join(traits.birth_first_names)
    birth = f"{escape(traits.birth_name)}^{escape(first)}^{escape(names)}^^^^L"
    used_name, used_first_name = escape(traits.used_name) or erased, escape(traits.used_first_name) or erased
    return f"{birth}~{used_name}^{used_first_name}^^^^^D" if used_name or used_first_name else birth


def _birth_place(code: str, label: str) -> str:
    if not code and not label:
        return ""
    # A code in 99 is that of a foreign country, which HL7 would want by another code.
    country = "FRA" if code and not code.startswith("99") else ""
    return f"^^{escape(label)}^^^{country}^BDL^^{escape(code)}"


def _reliability(identity: Identity) -> list[str]:
    """PID-32: VALI says qualifiée there; the three other statuses of the RNIV all go as PROV."""
    codes = [CODE_OF[attribute] for attribute in sorted(identity.attributes)]
    return [
        QUALIFIED if is_sent(identity) else OTHERWISE,
        *codes,
        *([MERGED] if identity.merged_into else []),
    ]


def _zfd(identity: Identity) -> str:
    """The French segment: how the traits were collected, when INSi last knew them, which paper was seen."""
    retrieval, check = identity.retrieval, identity.paper_check
    fields = {5: identity.collection_method.value}
    if retrieval:
        # A date that was corrected after INSi forbids both statuses that hold a number.
        fields |= {4: "N", 6: _moment(retrieval.verified_at or retrieval.at)[:8]}
    if check:
        fields[7] = check.paper.value
    return segment("ZFD", fields)


def _moment(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y%m%d%H%M%S}+0000"
