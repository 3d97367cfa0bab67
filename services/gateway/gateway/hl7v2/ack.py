"""ACK^Txx^ACK of version 2.6: the sender's MSH turned round, a verdict, and an ERR for each fault."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime
from enum import StrEnum

from . import faults
from .er7 import Message, escape
from .faults import APPLICATION, TEXTS, Fault

# MSH-10 of version 2.6 has 20 characters.
CONTROL_ID = 20
LONGEST_TEXT = 250
# Said of the message itself, before its content was looked at.
REJECTING = frozenset(
    {
        faults.TYPE_UNSUPPORTED,
        faults.EVENT_UNSUPPORTED,
        faults.PROCESSING_UNSUPPORTED,
        faults.VERSION_UNSUPPORTED,
    }
)


class Verdict(StrEnum):
    """Table 0008."""

    ACCEPTED = "AA"
    ERROR = "AE"
    REJECTED = "AR"


def accepted(message: Message, now: datetime, remark: str = "") -> str:
    """The document is where the message wants it; `remark` is what the sender should know."""
    told = [_err(Fault("", "0", remark), "I")] if remark else []
    return _written(message, Verdict.ACCEPTED, told, now)


def refused(message: Message, found: Sequence[Fault], now: datetime) -> str:
    """Nothing was changed, and why."""
    rejecting = any(fault.code in REJECTING for fault in found)
    verdict = Verdict.REJECTED if rejecting else Verdict.ERROR
    return _written(message, verdict, [_err(fault, "E") for fault in found], now)


def _written(message: Message, verdict: Verdict, errors: Sequence[str], now: datetime) -> str:
    msh = message.first("MSH")
    moment = now.astimezone(UTC).strftime("%Y%m%d%H%M%S+0000")
    ends = [_names(message, number) for number in (5, 6, 3, 4)]
    event = escape(msh.text(9, 2))
    kind = f"ACK^{event}^ACK" if event else "ACK"
    control = uuid.uuid4().hex[:CONTROL_ID]
    processing = escape(msh.text(11)) or "P"
    header = [
        "MSH",
        "^~\\&",
        *ends,
        moment,
        "",
        kind,
        control,
        processing,
        "2.6",
        *[""] * 4,
        "FRA",
        "UNICODE UTF-8",
    ]
    answer = ["MSA", verdict, escape(msh.text(10))]
    return "".join(f"{segment}\r" for segment in ("|".join(header), "|".join(answer), *errors))


def _names(message: Message, number: int) -> str:
    """MSH-3 to 6 as they came: a name, or a name and the identifier of its authority."""
    value = next(iter(message.first("MSH").repetitions(number)), None)
    return "^".join(escape(value.at(n)) for n in range(1, len(value.components) + 1)) if value else ""


def _err(fault: Fault, severity: str) -> str:
    segment, _, number = fault.place.partition("-")
    location = f"{segment}^1^{number}".rstrip("^") if segment else ""
    code = f"{fault.code}^{TEXTS[fault.code]}^HL70357"
    text = APPLICATION.get(fault.application, "")
    application = f"{fault.application}^{escape(text)}" if fault.application else ""
    said = escape(fault.problem[:LONGEST_TEXT])
    return f"ERR||{location}|{code}|{severity}|{application}|||{said}".rstrip("|")
