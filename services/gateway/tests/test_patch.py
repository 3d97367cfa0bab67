"""Patches of a DocumentReference: the same changes in three formats, and what each refuses."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chassis.errors import InvalidInput, RuleViolated
from gateway.fhir import names, patch, patch_fhirpath, patch_json, patch_xml
from socle.dmp.v1 import dmp_pb2 as pb

Json = dict[str, Any]
MASKED = {"coding": [{"system": names.VISIBILITY, "code": "MASQUE_PS"}]}
WAITING = {"coding": [{"system": names.VISIBILITY, "code": "INVISIBLE_PATIENT"}]}
NORMAL = {"coding": [{"system": names.CONFIDENTIALITY, "code": "N", "display": "Normal"}]}
ARCHIVED = {"url": names.IS_ARCHIVED, "valueBoolean": False}


def resource(*labels: Json, archived: bool = False, status: str = "current") -> Json:
    return {
        "resourceType": "DocumentReference",
        "id": "01900000-0000-7000-8000-000000000001",
        "extension": [{"url": names.IS_ARCHIVED, "valueBoolean": archived}],
        "status": status,
        "securityLabel": [copy.deepcopy(NORMAL), *copy.deepcopy(list(labels))],
        "content": [{"attachment": {"contentType": "text/xml", "title": "Lettre"}}],
    }


def by_json(before: Json, *operations: Json) -> list[int]:
    return patch.changes_of(before, patch_json.apply(list(operations), before))


def by_xml(before: Json, inner: str) -> list[int]:
    raw = f'<diff xmlns:f="http://hl7.org/fhir" xmlns="http://hl7.org/fhir">{inner}</diff>'.encode()
    return patch.changes_of(patch_xml.normal(before), patch_xml.apply(raw, before))


def by_fhirpath(before: Json, *operations: Json) -> list[int]:
    written = [
        {"name": "operation", "part": [{"name": name, **_value(value)} for name, value in one.items()]}
        for one in operations
    ]
    body = {"resourceType": "Parameters", "parameter": written}
    return patch.changes_of(before, patch_fhirpath.apply(body, before))


def _value(value: Any) -> Json:
    kinds = {bool: "valueBoolean", int: "valueInteger", str: "valueString", dict: "valueCodeableConcept"}
    return {kinds[type(value)]: value}


CODING = f'<coding><system value="{names.VISIBILITY}"/><code value="MASQUE_PS"/></coding>'
LABEL = f"<securityLabel>{CODING}</securityLabel>"
LABELS = "f:DocumentReference/f:securityLabel"
FLAG = f"f:DocumentReference/f:extension[@url='{names.IS_ARCHIVED}']/f:valueBoolean/@value"
EXTENSION = f"DocumentReference.extension('{names.IS_ARCHIVED}').value"
CHANGES: dict[str, tuple[Json, list[Json], str, list[Json], list[int]]] = {
    "mask": (
        resource(),
        [{"op": "add", "path": "/securityLabel/-", "value": MASKED}],
        f'<add sel="{LABELS}" pos="after">{LABEL}</add>',
        [{"type": "add", "path": "DocumentReference", "name": "securityLabel", "value": MASKED}],
        [pb.DOCUMENT_CHANGE_MASK],
    ),
    "unmask": (
        resource(MASKED),
        [{"op": "remove", "path": "/securityLabel/1"}],
        f'<remove sel="{LABELS}[2]"/>',
        [{"type": "delete", "path": "DocumentReference.securityLabel.where(coding.code = 'MASQUE_PS')"}],
        [pb.DOCUMENT_CHANGE_UNMASK],
    ),
    "show": (
        resource(WAITING),
        [
            {"op": "test", "path": "/securityLabel/1/coding/0/code", "value": "INVISIBLE_PATIENT"},
            {"op": "remove", "path": "/securityLabel/1"},
        ],
        f"<remove sel=\"{LABELS}[f:coding/f:code/@value='INVISIBLE_PATIENT']\"/>",
        [{"type": "delete", "path": "DocumentReference.securityLabel[1]"}],
        [pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT],
    ),
    "archive": (
        resource(),
        [
            {"op": "test", "path": "/extension/0/url", "value": names.IS_ARCHIVED},
            {"op": "replace", "path": "/extension/0/valueBoolean", "value": True},
        ],
        f'<replace sel="{FLAG}">true</replace>',
        [{"type": "replace", "path": EXTENSION, "value": True}],
        [pb.DOCUMENT_CHANGE_ARCHIVE],
    ),
    "unarchive": (
        resource(archived=True),
        [{"op": "replace", "path": "/extension/0/valueBoolean", "value": False}],
        f'<replace sel="{FLAG}">false</replace>',
        [
            {
                "type": "replace",
                "path": f"DocumentReference.extension.where(url = '{names.IS_ARCHIVED}').value",
                "value": False,
            }
        ],
        [pb.DOCUMENT_CHANGE_UNARCHIVE],
    ),
    "delete": (
        resource(),
        [{"op": "replace", "path": "/status", "value": "entered-in-error"}],
        '<replace sel="f:DocumentReference/f:status/@value">entered-in-error</replace>',
        [{"type": "replace", "path": "DocumentReference.status", "value": "entered-in-error"}],
        [pb.DOCUMENT_CHANGE_DELETE],
    ),
    "nothing": (
        resource(),
        [{"op": "replace", "path": "/status", "value": "current"}],
        '<replace sel="f:DocumentReference/f:status/@value">current</replace>',
        [{"type": "replace", "path": "DocumentReference.status", "value": "current"}],
        [],
    ),
}


@pytest.mark.parametrize("change", CHANGES)
def test_same_change_in_three_formats_is_one_change(change: str) -> None:
    before, in_json, in_xml, in_fhirpath, expected = CHANGES[change]
    untouched = copy.deepcopy(before)
    assert by_json(before, *in_json) == expected
    assert by_xml(before, in_xml) == expected
    assert by_fhirpath(before, *in_fhirpath) == expected
    assert before == untouched


def test_several_changes_in_one_patch_are_all_told() -> None:
    changes = by_json(
        resource(WAITING),
        {"op": "remove", "path": "/securityLabel/1"},
        {"op": "add", "path": "/securityLabel/-", "value": MASKED},
        {"op": "replace", "path": "/extension/0/valueBoolean", "value": True},
    )
    assert changes == [
        pb.DOCUMENT_CHANGE_MASK,
        pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT,
        pb.DOCUMENT_CHANGE_ARCHIVE,
    ]


def test_order_of_labels_says_nothing() -> None:
    moved = by_json(resource(MASKED), {"op": "move", "from": "/securityLabel/1", "path": "/securityLabel/0"})
    assert moved == []


OTHERS = {
    "json title": lambda: by_json(
        resource(), {"op": "replace", "path": "/content/0/attachment/title", "value": "x"}
    ),
    "json whole": lambda: by_json(resource(), {"op": "replace", "path": "", "value": {}}),
    "json another extension": lambda: by_json(
        resource(), {"op": "add", "path": "/extension/-", "value": {"url": "urn:x", "valueBoolean": True}}
    ),
    "json primitive extension": lambda: by_json(
        resource(), {"op": "add", "path": "/_status", "value": {"id": "x"}}
    ),
    "xml title": lambda: by_xml(
        resource(),
        '<replace sel="f:DocumentReference/f:content/f:attachment/f:title/@value">x</replace>',
    ),
    "xml beside a label": lambda: by_xml(
        resource(), f'<add sel="{LABELS}" pos="before"><description value="x"/></add>'
    ),
    "xml whole": lambda: by_xml(resource(), '<remove sel="f:DocumentReference"/>'),
    "fhirpath description": lambda: by_fhirpath(
        resource(), {"type": "add", "path": "DocumentReference", "name": "description", "value": "x"}
    ),
    "fhirpath whole": lambda: by_fhirpath(resource(), {"type": "delete", "path": "DocumentReference"}),
}


@pytest.mark.parametrize("case", OTHERS)
def test_any_other_element_is_refused_by_name(case: str) -> None:
    with pytest.raises(patch.OtherElement) as refused:
        OTHERS[case]()
    places = [one.field for one in refused.value.violations]
    assert places
    assert all(place.startswith("DocumentReference.") for place in places)


@pytest.mark.parametrize("wanted", ["superseded", "current"])
def test_status_other_than_deletion_is_refused_with_the_reason(wanted: str) -> None:
    before = resource(status="current" if wanted == "superseded" else "superseded")
    with pytest.raises(patch.ChangeNotOffered) as refused:
        by_json(before, {"op": "replace", "path": "/status", "value": wanted})
    assert "deposit" in refused.value.hint


def test_waiting_for_the_announcement_is_set_at_the_deposit_only() -> None:
    with pytest.raises(patch.ChangeNotOffered, match="cannot be made by a patch"):
        by_json(resource(), {"op": "add", "path": "/securityLabel/-", "value": WAITING})


def test_show_needs_a_confirmation_and_says_how() -> None:
    with pytest.raises(patch.ConfirmationNeeded) as refused:
        patch.confirmed([pb.DOCUMENT_CHANGE_SHOW_TO_REPRESENTATIVES], given=False)
    assert refused.value.hint.endswith("`Socle-Confirm: true`.")
    assert patch.confirmed([pb.DOCUMENT_CHANGE_SHOW_TO_PATIENT], given=True)
    assert not patch.confirmed([pb.DOCUMENT_CHANGE_MASK], given=False)


WRONG_SYSTEM = {"coding": [{"system": names.VISIBILITY.replace("Status", "Statut"), "code": "MASQUE_PS"}]}
FAULTS: list[tuple[Json, str, str]] = [
    (
        {"op": "replace", "path": "/securityLabel/0", "value": MASKED},
        "DocumentReference.securityLabel",
        "must keep its level N, which the patch drops",
    ),
    (
        {"op": "add", "path": "/securityLabel/-", "value": WRONG_SYSTEM},
        "DocumentReference.securityLabel[1].coding[0].system",
        f"must be {names.VISIBILITY} for the code MASQUE_PS",
    ),
    (
        {"op": "add", "path": "/securityLabel/-", "value": "MASQUE_PS"},
        "DocumentReference.securityLabel[1]",
        'must be {"coding"',
    ),
    (
        {"op": "add", "path": "/securityLabel/-", "value": {**MASKED, "text": "x"}},
        "DocumentReference.securityLabel[1]",
        "with one coding",
    ),
    (
        {"op": "add", "path": "/securityLabel/-", "value": NORMAL},
        "DocumentReference.securityLabel",
        "must keep exactly one level",
    ),
    (
        {"op": "replace", "path": "/extension/0/valueBoolean", "value": "true"},
        "DocumentReference.extension",
        "must hold valueBoolean, true or false",
    ),
    (
        {"op": "add", "path": "/extension/-", "value": ARCHIVED},
        "DocumentReference.extension",
        "holds isArchived twice",
    ),
    ({"op": "replace", "path": "/status", "value": "final"}, "DocumentReference.status", "must be current"),
    ({"op": "remove", "path": "/status"}, "DocumentReference.status", "must be current"),
    (
        {"op": "replace", "path": f"/extension[url:'{names.IS_ARCHIVED}']/valueBoolean", "value": True},
        "$this[0].path",
        "is not a JSON pointer (RFC 6901)",
    ),
    ({"op": "replace", "path": "/securityLabel/7", "value": MASKED}, "$this[0].path", "points to nothing"),
    ({"op": "add", "path": "/status/x", "value": 1}, "$this[0].path", "points to nothing"),
    ({"op": "copy", "from": "/securityLabel", "path": "/securityLabel/-"}, "$this[0].op", "must be one of"),
    ({"op": "add", "path": "/status"}, "$this[0].value", "is missing"),
]


@pytest.mark.parametrize(("operation", "place", "problem"), FAULTS)
def test_wrong_operation_is_told_where_and_what_to_send(operation: Json, place: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        by_json(resource(), operation)
    faults = {one.field: one.problem for one in refused.value.violations}
    assert problem in faults[place], faults


def test_test_that_fails_leaves_all_as_it_was() -> None:
    with pytest.raises(patch.PatchTestFailed):
        by_json(
            resource(),
            {"op": "replace", "path": "/status", "value": "entered-in-error"},
            {"op": "test", "path": "/securityLabel/0/coding/0/code", "value": "R"},
        )


XML_FAULTS = [
    ('<replace sel="//f:status/@value">x</replace>', "is not read here"),
    (
        '<replace sel="f:DocumentReference/f:status[string-length(.)>0]/@value">x</replace>',
        "is not read here",
    ),
    ('<replace sel="g:DocumentReference/g:status/@value">x</replace>', "a prefix that is not declared"),
    ('<remove sel="f:DocumentReference/f:securityLabel[9]"/>', "it names 0"),
    ('<replace sel="f:DocumentReference/f:status/@nothing">x</replace>', "names an attribute"),
    ('<replace sel="f:DocumentReference/f:status">text</replace>', "must hold elements"),
    ('<copy sel="f:DocumentReference/f:status"/>', "must be one of add, replace, remove"),
    ("", "with 1 to 50"),
    # Names of a namespace, and of none: the tree knows neither.
    *(
        (f'<add sel="f:DocumentReference/f:status" type="@{name}">x</add>', "without a prefix")
        for name in ("f:id", "g:id", "xml:lang", "f:", "1")
    ),
]


@pytest.mark.parametrize(("inner", "problem"), XML_FAULTS)
def test_wrong_xml_patch_is_told_where_and_why(inner: str, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        by_xml(resource(), inner)
    assert problem in refused.value.violations[0].problem


def test_xml_patch_with_a_document_type_is_refused() -> None:
    bomb = b'<!DOCTYPE d [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;">]><diff><remove sel="&b;"/></diff>'
    with pytest.raises(InvalidInput, match="well-formed"):
        patch_xml.apply(bomb, resource())


FHIRPATH_FAULTS = [
    ({"type": "replace", "path": "DocumentReference.status.trace('x')", "value": "x"}, "is not read here"),
    ({"type": "replace", "path": "DocumentReference.securityLabel", "value": MASKED}, "it names 2"),
    ({"type": "replace", "path": "Patient.status", "value": "x"}, "path must begin with DocumentReference"),
    ({"type": "replace", "path": "DocumentReference.status"}, "value is missing"),
    ({"type": "add", "path": "DocumentReference", "name": "status", "value": "current"}, "is there already"),
    (
        {"type": "move", "path": "DocumentReference.securityLabel", "source": 0, "destination": 9},
        "must be a place",
    ),
    ({"type": "upsert", "path": "DocumentReference.status"}, "type must be one of"),
]


@pytest.mark.parametrize(("operation", "problem"), FHIRPATH_FAULTS)
def test_wrong_fhirpath_patch_is_told_where_and_why(operation: Json, problem: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        by_fhirpath(resource(MASKED), operation)
    assert problem in refused.value.violations[0].problem


def test_fhirpath_insert_and_move_change_a_list() -> None:
    inserted = by_fhirpath(
        resource(),
        {"type": "insert", "path": "DocumentReference.securityLabel", "index": 1, "value": MASKED},
        {"type": "move", "path": "DocumentReference.securityLabel", "source": 1, "destination": 0},
    )
    assert inserted == [pb.DOCUMENT_CHANGE_MASK]


def test_fhirpath_delete_of_what_is_absent_changes_nothing() -> None:
    path = "DocumentReference.securityLabel.where(coding.exists(code = 'MASQUE_PS'))"
    assert by_fhirpath(resource(), {"type": "delete", "path": path}) == []


REFUSALS = (InvalidInput, RuleViolated, patch.OtherElement)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["MASQUE_PS", "N"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
POINTERS = st.sampled_from(
    "/status /securityLabel /securityLabel/0 /securityLabel/- /securityLabel/0/coding/0/code /extension "
    "/extension/0 /extension/0/valueBoolean /extension/- /securityLabel/x /a~2".split()
) | st.text(max_size=12).map(lambda text: f"/extension/{text}")
OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from([*patch_json.OPERATIONS, "copy", 7]), "path": POINTERS},
    optional={"value": VALUES, "from": POINTERS},
)


@given(st.lists(OPERATION | VALUES, max_size=4))
def test_any_json_patch_is_changes_or_a_refusal(operations: list[Any]) -> None:
    before = resource(MASKED)
    try:
        changes = patch.changes_of(before, patch_json.apply(operations, before))
    except REFUSALS:
        return
    assert set(changes) <= set(pb.DocumentChange.values())
    assert json.dumps(before) == json.dumps(resource(MASKED))


PARTS = st.lists(
    st.fixed_dictionaries(
        {"name": st.sampled_from(["type", "path", "name", "value", "index", "source", "destination"])},
        optional={
            "valueString": st.sampled_from(["add", "delete", "replace", "insert", "move", "securityLabel"])
            | st.sampled_from(
                ["DocumentReference", "DocumentReference.securityLabel", EXTENSION, "extension"]
            ),
            "valueInteger": st.integers(-2, 3),
            "valueCodeableConcept": VALUES,
        },
    ),
    max_size=6,
)


@given(st.lists(st.fixed_dictionaries({"name": st.just("operation"), "part": PARTS}), max_size=3))
def test_any_fhirpath_patch_is_changes_or_a_refusal(operations: list[Any]) -> None:
    before = resource(MASKED)
    body = {"resourceType": "Parameters", "parameter": operations}
    try:
        changes = patch.changes_of(before, patch_fhirpath.apply(body, before))
    except REFUSALS:
        return
    assert set(changes) <= set(pb.DocumentChange.values())
