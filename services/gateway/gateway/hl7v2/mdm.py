"""An MDM message read: which document, what is to become of it, and who may see it."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import StrEnum

from . import faults
from .er7 import Message, Repetition, Segment
from .faults import Fault, MessageRefused

VERSION = "2.6"
# Production, training, debugging (table 0103): the platform itself is a test one or not.
PROCESSING = frozenset("PTD")
INS_TYPE, QUALIFIED = "INS", "VALI"
OID = re.compile(r"[0-2](\.(0|[1-9][0-9]*))+", re.ASCII)
UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}", re.ASCII)
YES_NO = {"Y": True, "N": False}
# Of the table MetaDMPMSS; those about secure mail are for another receiver.
HIDDEN = {
    "MASQUE_PS": "MASQUE_PS",
    "INVISIBLE_PATIENT": "INVISIBLE_PATIENT",
    "INVISIBLE_REP_LEGAUX": "INVISIBLE_REPRESENTANTS_LEGAUX",
}
SECRET, CHANGE, TO_DMP = "CONNEXION_SECRETE", "MODIF_CONF_CODE", "DESTDMP"
FLAGS = (*HIDDEN, SECRET, CHANGE, TO_DMP)
# Class of the patient (PV1-2) to type of activity (TRE_R209), as the CI-SIS proposes it.
ACTIVITY = {"I": "03", "O": "07", "E": "07", "R": "19", "N": "97"}
MAIL = "CORPSMAIL"


class Event(StrEnum):
    """What is to become of the document; the values are the triggers."""

    CREATE = "T02"
    REPLACE = "T10"
    DELETE = "T04"


ORDER = {Event.CREATE: "NW", Event.REPLACE: "RO", Event.DELETE: "CA"}


@dataclass(frozen=True, slots=True, repr=False)
class Sender:
    """Who sends it (PRT of kind SB)."""

    professional: str = ""
    family_name: str = ""
    given_name: str = ""
    organisation_name: str = ""


@dataclass(frozen=True, slots=True, repr=False)
class Mdm:
    """A message whose every field makes sense; the document itself is still unread. Never printed."""

    event: Event
    matricule: str
    oid: str
    # URN, `urn:oid:...` or `urn:uuid:...`.
    unique_id: str
    # Of the document that it replaces; empty otherwise.
    parent_id: str
    type_code: str
    activity: str
    # Empty when the document is to be deleted.
    content: bytes
    # Codes of visibility, beside the level that the CDA carries.
    hidden: tuple[str, ...]
    secret: bool
    changes_codes: bool
    to_dmp: bool
    sender: Sender = field(default_factory=Sender)


def read(message: Message) -> Mdm:
    """The message; raises MessageRefused with every fault at once."""
    event = _event(message)
    reader = _Reader(message)
    flags = reader.flags()
    matricule, oid = reader.ins()
    unique_id, parent_id = reader.urn(12), reader.urn(13)
    made = Mdm(
        event=event,
        matricule=matricule,
        oid=oid,
        unique_id=unique_id,
        parent_id=parent_id,
        type_code=reader.needed("OBR", 4),
        activity=reader.activity(),
        content=b"" if event is Event.DELETE else reader.document(),
        hidden=tuple(code for name, code in HIDDEN.items() if flags.get(name)),
        secret=flags.get(SECRET, False),
        changes_codes=flags.get(CHANGE, False),
        to_dmp=flags.get(TO_DMP, True),
        sender=reader.sender(),
    )
    reader.order(event)
    reader.close(made)
    return made


def _event(message: Message) -> Event:
    """The trigger; a message of another kind is not looked at any further."""
    msh = message.first("MSH")
    if not msh.text(10):
        raise MessageRefused(Fault("MSH-10", faults.FIELD_MISSING, "the message has no control id"))
    if msh.text(9) != "MDM":
        raise MessageRefused(Fault("MSH-9", faults.TYPE_UNSUPPORTED, "messages of type MDM are taken here"))
    if msh.text(9, 2) not in set(Event):
        events = ", ".join(Event)
        raise MessageRefused(Fault("MSH-9", faults.EVENT_UNSUPPORTED, f"the events are {events}"))
    if msh.text(11) not in PROCESSING:
        raise MessageRefused(Fault("MSH-11", faults.PROCESSING_UNSUPPORTED, "P, T or D is needed"))
    if msh.text(12) != VERSION:
        raise MessageRefused(Fault("MSH-12", faults.VERSION_UNSUPPORTED, f"the version is {VERSION}"))
    return Event(msh.text(9, 2))


class _Reader:
    """Reads field by field and remembers what is wrong, so that a sender mends it all at once."""

    def __init__(self, message: Message) -> None:
        self._message = message
        self._faults: list[Fault] = []
        for name in ("PID", "PV1", "ORC", "OBR", "TXA", "OBX"):
            if not message.has(name):
                self._wrong(name, faults.SEGMENT_MISSING, "the segment is missing")

    def _wrong(self, place: str, code: str, problem: str, application: str = "") -> None:
        # What a missing segment lacks was told once already.
        if not any(fault.place == place.partition("-")[0] for fault in self._faults):
            self._faults.append(Fault(place, code, problem, application))

    def close(self, made: Mdm) -> None:
        if made.event is Event.REPLACE and not made.parent_id:
            self._wrong("TXA-13", faults.FIELD_MISSING, "name the document that is replaced")
        if self._faults:
            raise MessageRefused(*self._faults)

    def needed(self, segment: str, number: int) -> str:
        found = self._message.first(segment).text(number)
        if not found:
            self._wrong(f"{segment}-{number}", faults.FIELD_MISSING, "the field is empty")
        return found

    def order(self, event: Event) -> None:
        if self._message.first("ORC").text(1) != ORDER[event]:
            self._wrong("ORC-1", faults.VALUE_UNKNOWN, f"an {event} has {ORDER[event]}")

    def ins(self) -> tuple[str, str]:
        """The number and the OID of its authority; a number without VALI does not count (PAM, PID-32)."""
        pid = self._message.first("PID")
        sent = [one for one in pid.repetitions(3) if one.at(5) == INS_TYPE and one.at(4, 2)]
        if QUALIFIED not in {one.at(1) for one in pid.repetitions(32)}:
            problem = "a document goes with a qualified INS: VALI is needed"
            self._wrong("PID-32", faults.FIELD_MISSING, problem, faults.INS_MISSING)
        elif len(sent) != 1:
            problem = "one identifier of type INS is needed, with the OID of its authority"
            self._wrong("PID-3", faults.FIELD_MISSING, problem, faults.INS_MISSING)
        return (sent[0].at(1), sent[0].at(4, 2)) if sent else ("", "")

    def urn(self, number: int) -> str:
        """TXA-12 or TXA-13 as a URN."""
        written = self._message.first("TXA").text(number)
        if OID.fullmatch(written):
            return f"urn:oid:{written}"
        if UUID.fullmatch(written):
            return f"urn:uuid:{written.lower()}"
        if written or number == 12:
            problem = (
                "the identifier of the document is an OID or a UUID" if written else "the field is empty"
            )
            code = faults.DATA_TYPE if written else faults.FIELD_MISSING
            self._wrong(f"TXA-{number}", code, problem)
        return ""

    def activity(self) -> str:
        known = ACTIVITY.get(self._message.first("PV1").text(2), "")
        if not known:
            self._wrong(
                "PV1-2", faults.VALUE_UNKNOWN, f"the class of the patient is one of {', '.join(ACTIVITY)}"
            )
        return known

    def document(self) -> bytes:
        """The bytes of the first OBX that holds a document."""
        found = next(self._documents(), None)
        if found is None:
            self._wrong("OBX-5", faults.FIELD_MISSING, "no OBX of type ED holds the document")
            return b""
        value = next(iter(found.repetitions(5)), Repetition(()))
        if (value.at(3).upper(), value.at(4).upper()) != ("XML", "BASE64"):
            self._wrong("OBX-5", faults.DATA_TYPE, "the document is a CDA: ^text^XML^Base64^...")
            return b""
        try:
            return base64.b64decode(value.at(5), validate=True)
        except (binascii.Error, ValueError):
            self._wrong("OBX-5", faults.DATA_TYPE, "component 5 is not base64")
            return b""

    def _documents(self) -> Iterator[Segment]:
        return (
            one
            for one in self._message.all("OBX")
            if one.text(2) == "ED" and not one.text(3).startswith(MAIL)
        )

    def flags(self) -> dict[str, bool]:
        """The flags by name; one that is absent is not raised, but DESTDMP must say where it goes."""
        found: dict[str, bool] = {}
        for one in self._message.all("OBX"):
            name, said = one.text(3), one.text(5)
            if one.text(2) != "CWE" or name not in FLAGS:
                continue
            if said not in YES_NO or name in found:
                self._wrong("OBX-5", faults.VALUE_UNKNOWN, f"{name} is Y or N, once")
            found[name] = YES_NO.get(said, False)
        if TO_DMP not in found:
            self._wrong("OBX-3", faults.FIELD_MISSING, f"no OBX {TO_DMP} says whether it goes to the DMP")
        return found

    def sender(self) -> Sender:
        for one in self._message.all("PRT"):
            if one.text(4) == "SB":
                return Sender(one.text(5), one.text(5, 2), one.text(5, 3), one.text(8))
        return Sender()
