"""Extensions of the platform's own: what the law or the CDA has and FHIR R4 has no element for.

Each is `urn:x-socle:extension:` and a name; one that is not known here is not kept, and is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from socle.eprescription.v1 import eprescription_pb2 as pb

from . import names
from .faults import Reading

Json = dict[str, Any]
# Name -> field of a prescribed line. The code of the CDA (TA_ASIP) stands beside, where it has one.
FLAGS = {
    "ald": "ald",  # MED-574
    "work-accident": "work_accident",  # GEN-180
    "prevention": "prevention",  # GEN-295
    "non-reimbursable": "non_reimbursable",  # GEN-181
    "off-label": "off_label",  # GEN-179
    "renewal-forbidden": "renewal_forbidden",
    "early-renewal-allowed": "early_renewal_allowed",
    "single-delivery": "single_delivery",
    "overlap-allowed": "overlap_allowed",
}
TEXTS = {"exception-indication": "exception_indication", "precondition": "precondition"}
MENTION = "mention"
# Written by this server beside what was prescribed; read back, it says nothing new.
PROGRESS = "progress"
LINE = {
    **dict.fromkeys(FLAGS, "valueBoolean"),
    **dict.fromkeys(TEXTS, "valueString"),
    MENTION: "valueString",
}


def extension(name: str, kind: str, value: Any) -> Json:
    """One extension of ours; `kind` is `valueString`, or `extension` for one of several parts."""
    return {"url": names.EXTENSION + name, kind: value}


class Held:
    """The extensions of one element by their name, those of another origin left aside."""

    def __init__(
        self,
        element: Json,
        known: Mapping[str, str],
        at: str,
        reading: Reading,
        *,
        repeated: Iterable[str] = (),
        others: Iterable[str] = (),
    ) -> None:
        """`known`: name -> where its value stands (`valueBoolean`); `others`: addresses read elsewhere."""
        self.values: dict[str, list[Any]] = {}
        many, elsewhere = set(repeated), set(others)
        for index, one in enumerate(element.get("extension", [])):
            where = f"{at}.extension[{index}]"
            name = str(one.get("url", "")).removeprefix(names.EXTENSION)
            if one.get("url") in elsewhere:
                continue
            if name not in known:
                reading.leave(where)
            elif known[name] not in one:
                reading.add(where, f"must hold {known[name]}")
            elif name in self.values and name not in many:
                reading.add(where, f"gives {name} a second time")
            else:
                self.values.setdefault(name, []).append(one[known[name]])

    def one(self, name: str, default: Any = "") -> Any:
        """The value of an extension, or the default."""
        return self.values.get(name, [default])[0]


def read_line(resource: Json, line: pb.PrescribedLine, at: str, reading: Reading, *others: str) -> Held:
    """Takes the extensions of a line into the contract."""
    known = {**LINE, PROGRESS: "extension", "usage": "valueString", "patient-note": "valueString"}
    held = Held(resource, known, at, reading, repeated=(MENTION,), others=others)
    for name, field in FLAGS.items():
        setattr(line, field, held.one(name, False))
    for name, field in TEXTS.items():
        setattr(line, field, held.one(name))
    line.mentions.extend(held.values.get(MENTION, []))
    if PROGRESS in held.values:
        reading.leave(f"{at}.extension", "of progress is written by this server")
    return held


def write_line(line: pb.PrescribedLine) -> list[Json]:
    """The extensions of a line: only what differs from the usual."""
    written = [extension(name, "valueBoolean", True) for name, field in FLAGS.items() if getattr(line, field)]
    written += [
        extension(name, "valueString", getattr(line, field))
        for name, field in TEXTS.items()
        if getattr(line, field)
    ]
    return written + [extension(MENTION, "valueString", one) for one in line.mentions]
