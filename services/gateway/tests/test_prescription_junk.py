"""Junk anywhere in a prescription or a dispense is a fault or a message of the contract: no accident."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import date
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from chassis.errors import InvalidInput
from gateway.fhir.dispense import read_dispenses
from gateway.fhir.elements import elements
from gateway.fhir.medication_request import Author
from gateway.fhir.task import Answer
from gateway.fhir.task_operations import read_abort, read_accept, read_activate, read_create, read_reject
from socle.eprescription.v1 import eprescription_pb2 as pb

from .prescribed_given import DEVICE, ID, PARACETAMOL, SUBJECT, Json, create, dispensed, with_parameters

AUTHOR = Author("810100000011", date(2026, 11, 22))
NAMES = "value code unit system coding text reference identifier start end low high repeat url id".split()
ATOMS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**12), 10**12)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=12)
    | st.sampled_from(
        ["2026-11-22", "d", "N", "#m", "urn:x-socle:extension:ald", "http://unitsofmeasure.org"]
    )
)
JUNK = st.recursive(
    ATOMS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=3),
    max_leaves=6,
)


def paths(value: Any, here: tuple[int | str, ...] = ()) -> list[tuple[int | str, ...]]:
    """Every place of a resource, its elements that are not there too."""
    found = [here] if here else []
    if isinstance(value, dict):
        for name, inner in value.items():
            found += paths(inner, (*here, name))
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            found += paths(inner, (*here, index))
    return found


def spoilt(resource: Json, path: tuple[int | str, ...], junk: Any) -> Json:
    made = copy.deepcopy(resource)
    target: Any = made
    for step in path[:-1]:
        target = target[step]
    target[path[-1]] = junk
    return made


def places(resource: Json) -> Any:
    known = [(name,) for name in elements(resource["resourceType"])]
    return st.sampled_from([*paths(resource), *known])


@settings(max_examples=150, deadline=None)
@given(st.data(), JUNK)
def test_request_with_junk_is_a_fault_or_a_line(data: st.DataObject, junk: Any) -> None:
    resource = data.draw(st.sampled_from([PARACETAMOL, DEVICE]))
    body = create(spoilt(resource, data.draw(places(resource)), junk))
    try:
        draft = read_create(body, AUTHOR, lenient=data.draw(st.booleans()))
    except InvalidInput:
        return
    whole = pb.Prescription(prescription_id=ID, content=draft.content)
    assert Answer("http://x", whole, SUBJECT).write()["entry"]


@settings(max_examples=100, deadline=None)
@given(st.data(), JUNK)
def test_dispense_with_junk_is_a_fault_or_an_act(data: st.DataObject, junk: Any) -> None:
    resource = dispensed(subject=SUBJECT, whenHandedOver="2026-11-22")
    made = spoilt(resource, data.draw(places(resource)), junk)
    secret = {"name": "secret", "valueString": "s"}
    try:
        given_ = read_dispenses(with_parameters(secret, {"name": "dispense", "resource": made}), ID, AUTHOR)
    except InvalidInput:
        return
    assert len(given_.dispenses) == 1


@settings(max_examples=100, deadline=None)
@given(name=st.sampled_from(["ac", "token", "secret", "reason", "line", "decision", "birthDate"]), junk=JUNK)
def test_parameters_with_junk_are_a_fault_or_a_request(name: str, junk: Any) -> None:
    bodies = [junk, with_parameters(junk), with_parameters({"name": name, "valueString": junk, "part": junk})]
    readers: list[Callable[[Any], Any]] = [
        lambda body: read_activate(body, ID),
        lambda body: read_accept(body, ""),
        lambda body: read_reject(body, ID),
        lambda body: read_abort(body, ID),
        lambda body: read_create(body, AUTHOR, lenient=False),
    ]
    for reader in readers:
        for body in bodies:
            try:
                assert reader(body) is not None
            except InvalidInput:
                continue
