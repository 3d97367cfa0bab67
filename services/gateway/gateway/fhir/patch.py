"""What a patch may change of a DocumentReference, and the changes of the contract it comes down to.

PDSm opens three elements: `status`, `securityLabel` and the extension isArchived; anything else is answered
405. The bytes of a document never change, nor does what its producer said of them: that takes a replacement.
"""

from __future__ import annotations

from typing import Any

from chassis.errors import InvalidInput, RuleViolated, Violation
from socle.dmp.v1 import dmp_pb2 as pb

from . import names
from .faults import Faults

Json = dict[str, Any]
JSON_PATCH, XML_PATCH = "application/json-patch+json", "application/xml-patch+xml"
KIND = "DocumentReference"
PATCHABLE = ("status", "securityLabel", "extension")
# Operations of one patch; three elements never need more.
MOST = 50
IRREVERSIBLE = {pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT, pb.DOCUMENT_CHANGE_SHOW_TO_REPRESENTATIVES}
ADD_A_FLAG = (
    'add it at the end (JSON Patch: {"op": "add", "path": "/securityLabel/-", "value": {"coding": [...]}})'
)
# Flag -> what adding it is, what removing it is; None: what no patch does.
FLAGS = {
    "MASQUE_PS": (pb.DOCUMENT_CHANGE_MASK, pb.DOCUMENT_CHANGE_UNMASK),
    "INVISIBLE_PATIENT": (None, pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT),
    "INVISIBLE_REPRESENTANTS_LEGAUX": (
        pb.DOCUMENT_CHANGE_HIDE_FROM_REPRESENTATIVES,
        pb.DOCUMENT_CHANGE_SHOW_TO_REPRESENTATIVES,
    ),
}


class OtherElement(InvalidInput):
    """Only status, securityLabel and the extension isArchived of a document can be changed."""

    @classmethod
    def of(cls, touched: list[str]) -> OtherElement:
        """The refusal of a patch that touches these elements."""
        return cls(violations=[Violation(f"{KIND}.{name}", "cannot be patched") for name in touched])


class PatchInvalid(InvalidInput):
    """The patch cannot be read or applied."""


class PatchTestFailed(RuleViolated):
    """The document is not in the state that the patch tests for."""


class ChangeNotOffered(RuleViolated):
    """This change of a document cannot be made by a patch."""


class ConfirmationNeeded(RuleViolated):
    """Showing a document to the patient or to the representatives cannot be undone."""

    where = "Socle-Confirm"
    remedy = "Tell the user so; once they confirm, send the same patch with the header `Socle-Confirm: true`."


def changes_of(before: Json, after: Json) -> list[int]:
    """The changes (`DocumentChange`) that lead from one DocumentReference to the other.

    Raises OtherElement, FhirInvalid with every fault, or ChangeNotOffered.
    """
    _only_patchable(before, after)
    faults = Faults()
    held, wanted = _codes(before, faults), _codes(after, faults)
    archived, archive = _archived(before, faults), _archived(after, faults)
    status = after.get("status")
    if status not in ("current", "superseded", "entered-in-error"):
        faults.add(f"{KIND}.status", "must be current, superseded or entered-in-error")
    _keeps_level(held, wanted, faults)
    faults.close()
    changes = _of_flags(set(held), set(wanted))
    if archived != archive:
        changes.append(pb.DOCUMENT_CHANGE_ARCHIVE if archive else pb.DOCUMENT_CHANGE_UNARCHIVE)
    return [*changes, *_of_status(before["status"], str(status))]


def _only_patchable(before: Json, after: Json) -> None:
    touched = sorted(
        name
        for name in before.keys() | after.keys()
        if name not in PATCHABLE and before.get(name) != after.get(name)
    )
    if _other_extensions(before) != _other_extensions(after):
        touched.append("extension")
    if touched:
        raise OtherElement.of(touched)


def _other_extensions(resource: Json) -> list[Any]:
    return [one for one in _listed(resource, "extension") if not _is_archived(one)]


def _is_archived(extension: Any) -> bool:
    return isinstance(extension, dict) and extension.get("url") == names.IS_ARCHIVED


def _listed(resource: Json, name: str) -> list[Any]:
    held = resource.get(name, [])
    return held if isinstance(held, list) else [held]


def _archived(resource: Json, faults: Faults) -> bool:
    found = [one for one in _listed(resource, "extension") if _is_archived(one)]
    if not found:
        return False
    if len(found) > 1:
        faults.add(f"{KIND}.extension", "holds isArchived twice: replace its value, add no second one")
    if not isinstance(found[0].get("valueBoolean"), bool) or found[0].keys() != {"url", "valueBoolean"}:
        faults.add(f"{KIND}.extension", "isArchived must hold valueBoolean, true or false, and nothing else")
    return bool(found[0].get("valueBoolean"))


def _codes(resource: Json, faults: Faults) -> list[str]:
    read = (
        _code(label, f"{KIND}.securityLabel[{index}]", faults)
        for index, label in enumerate(_listed(resource, "securityLabel"))
    )
    return [code for code in read if code]


def _code(label: Any, at: str, faults: Faults) -> str:
    """The code of a label; anything beside its one coding would be lost in silence, so it is a fault."""
    coding = _only_coding(label)
    if coding is None:
        faults.add(at, 'must be {"coding": [{"system": "...", "code": "..."}]}, with one coding')
        return ""
    code = coding.get("code")
    if not isinstance(code, str) or code not in names.LEVELS | names.FLAGS:
        known = ", ".join([*names.LEVELS, *names.FLAGS])
        faults.add(f"{at}.coding[0].code", f"must be one of {known}")
        return ""
    system = names.CONFIDENTIALITY if code in names.LEVELS else names.VISIBILITY
    if coding.get("system") != system:
        faults.add(f"{at}.coding[0].system", f"must be {system} for the code {code}")
    if strange := sorted(str(name)[:64] for name in coding.keys() - {"system", "code", "display"}):
        faults.add(f"{at}.coding[0]", f"is not kept with {', '.join(strange)}: leave them out")
    return code


def _only_coding(label: Any) -> Json | None:
    if not isinstance(label, dict) or label.keys() != {"coding"} or not isinstance(label["coding"], list):
        return None
    codings = label["coding"]
    return codings[0] if len(codings) == 1 and isinstance(codings[0], dict) else None


def _keeps_level(held: list[str], wanted: list[str], faults: Faults) -> None:
    """A document has one of N, R, V for its life: it is written in its header too."""
    level = [code for code in held if code in names.LEVELS]
    left = [code for code in wanted if code in names.LEVELS]
    if not left:
        faults.add(
            f"{KIND}.securityLabel",
            f"must keep its level {''.join(level)}, which the patch drops: do not replace securityLabel[0]; "
            f"to set a flag, {ADD_A_FLAG}",
        )
    elif left != level:
        faults.add(
            f"{KIND}.securityLabel",
            f"must keep exactly one level, {''.join(level)}: it is that of the document itself, so another "
            "one takes a replacement",
        )
    twice = sorted({code for code in wanted if code in names.FLAGS and wanted.count(code) > 1})
    if twice:
        faults.add(f"{KIND}.securityLabel", f"holds {', '.join(twice)} twice")


def _of_flags(held: set[str], wanted: set[str]) -> list[int]:
    changes: list[int] = []
    for flag, (added, removed) in FLAGS.items():
        if (flag in held) == (flag in wanted):
            continue
        change = added if flag in wanted else removed
        if change is None:
            raise ChangeNotOffered(
                field=f"{KIND}.securityLabel",
                hint=f"{flag} is given at the deposit only, by who will announce the document.",
            )
        changes.append(change)
    return changes


def _of_status(held: str, wanted: str) -> list[int]:
    if wanted == held:
        return []
    if wanted == "entered-in-error":
        return [pb.DOCUMENT_CHANGE_DELETE]
    if wanted == "superseded":
        hint = (
            "A document is superseded by its replacement: deposit that one, with relatesTo.code = replaces."
        )
    else:
        hint = "A document that was replaced or deleted does not come back: deposit it again."
    raise ChangeNotOffered(field=f"{KIND}.status", hint=hint)


def confirmed(changes: list[int], given: bool) -> bool:
    """What the contract asks as `confirmed`; raises ConfirmationNeeded where it must be given and is not."""
    if not given and not IRREVERSIBLE.isdisjoint(changes):
        raise ConfirmationNeeded
    return given
