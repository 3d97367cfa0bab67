"""The CapabilityStatement declares what is served: nothing more, nothing less."""

from typing import Any

import pytest
from fhir.resources.R4B.operationdefinition import OperationDefinition
from starlette.routing import Route

from gateway.fhir import (
    audit_search,
    dispense_search,
    document_search,
    lot_search,
    medicine,
    operations,
    prescription_search,
    task_definitions,
)
from gateway.fhir.capability import PATIENT_SEARCH, capability, oauth_endpoints
from gateway.fhir.patient_search import OF_TYPE, PARAMETERS
from gateway.routes import (
    fhir_audit,
    fhir_dispenses,
    fhir_documents,
    fhir_lots,
    fhir_medicines,
    fhir_operations,
    fhir_patch,
    fhir_patients,
    fhir_prescriptions,
    fhir_tasks,
)

BASE = "http://127.0.0.1/fhir"
STATEMENT = capability(BASE, "0", oauth_endpoints("http://127.0.0.1/realms/pro"))["rest"][0]
# Routes that only say that an operation is unknown.
UNKNOWN = "${operation}"
# A POST to the address of the type is a search only, as the samples of PDSm send it.
NOT_CREATED = {"List"}


def interaction(method: str, path: str) -> tuple[str, str]:
    """(type, interaction) of a route, as FHIR R4 names them; the type of the system is empty."""
    kind, _, rest = path.removeprefix("/fhir").strip("/").partition("/")
    if not kind:
        return "", "transaction"
    if method == "PATCH":
        return kind, "patch"
    if "/_history" in rest:
        return kind, "history-instance" if rest.endswith("_history") else "vread"
    if rest and rest != "_search":
        return kind, "read"
    created = method == "POST" and not rest and kind not in NOT_CREATED
    return kind, "create" if created else "search-type"


def routes() -> set[tuple[str, str]]:
    routers = (
        fhir_documents.router,
        fhir_lots.router,
        fhir_patients.router,
        fhir_operations.router,
        fhir_patch.router,
        fhir_audit.router,
        fhir_tasks.router,
        fhir_prescriptions.router,
        fhir_dispenses.router,
        fhir_medicines.router,
    )
    found = [one for router in routers for one in router.routes if isinstance(one, Route)]
    pairs = {(method, route.path) for route in found for method in route.methods or ()}
    return {
        (method, path) for method, path in pairs if method in {"GET", "POST", "PATCH"} and UNKNOWN not in path
    }


def served() -> set[tuple[str, str]]:
    return {interaction(method, path) for method, path in routes() if "$" not in path}


def declared(rest: dict[str, Any]) -> set[tuple[str, str]]:
    own = {("", one["code"]) for one in rest["interaction"]}
    return own | {(r["type"], one["code"]) for r in rest["resource"] for one in r["interaction"]}


def test_every_route_is_declared_and_every_declaration_is_served() -> None:
    assert declared(STATEMENT) == served()
    assert {("DocumentReference", "create"), ("Patient", "vread")} <= served()


def test_conditional_patch_and_its_formats_are_declared() -> None:
    document = next(one for one in STATEMENT["resource"] if one["type"] == "DocumentReference")
    assert document["conditionalUpdate"] is any(path == "/fhir/DocumentReference" for _, path in patches())
    whole = capability(BASE, "0", oauth_endpoints("http://127.0.0.1/realms/pro"))
    assert whole["patchFormat"] == list(fhir_patch.ACCEPTED)


def patches() -> set[tuple[str, str]]:
    return {(method, path) for method, path in routes() if method == "PATCH"}


def test_search_of_events_is_declared() -> None:
    declared = next(one for one in STATEMENT["resource"] if one["type"] == "AuditEvent")
    assert {one["name"] for one in declared["searchParam"]} == audit_search.PARAMETERS.keys()
    assert all(order in declared["documentation"] for order in audit_search.ORDERS)


@pytest.mark.parametrize(
    ("kind", "known"),
    [("Patient", operations.OPERATIONS), ("Task", task_definitions.OPERATIONS)],
)
def test_every_operation_is_declared_defined_and_served(kind: str, known: Any) -> None:
    paths = [path.removeprefix(f"/fhir/{kind}/") for _, path in routes() if path.startswith(f"/fhir/{kind}/")]
    declared = next(one for one in STATEMENT["resource"] if one["type"] == kind)
    named = {one["definition"].rpartition("/")[2]: one["name"] for one in declared["operation"]}
    assert named.keys() == known.keys()
    expected = set()
    for operation in known.values():
        definition = operations.write_definition(operation, BASE)
        OperationDefinition.model_validate(definition)
        assert named[operation.id] == definition["code"]
        assert definition["resource"] == [kind]
        levels = {"type": "", "instance": f"{{{kind.lower()}_id}}/"}
        expected |= {f"{way}${definition['code']}" for level, way in levels.items() if definition[level]}
    assert {path for path in paths if "$" in path} == expected


@pytest.mark.parametrize(
    ("kind", "parameters"),
    [
        *prescription_search.PARAMETERS.items(),
        ("MedicationDispense", dispense_search.PARAMETERS),
        ("Medication", medicine.PARAMETERS),
    ],
)
def test_search_of_prescriptions_is_declared(kind: str, parameters: dict[str, str]) -> None:
    declared = next(one for one in STATEMENT["resource"] if one["type"] == kind)
    assert {one["name"]: one["type"] for one in declared["searchParam"]} == parameters


def test_every_search_parameter_is_declared() -> None:
    """Modifiers and `_sort` have no place of their own in the statement: its documentation names them."""
    assert PATIENT_SEARCH.keys() == PARAMETERS - {OF_TYPE, "_sort"}
    patient = next(one for one in STATEMENT["resource"] if one["type"] == "Patient")
    assert OF_TYPE in patient["documentation"]
    assert "`_sort`" in patient["documentation"]


@pytest.mark.parametrize(
    ("kind", "search"),
    [("DocumentReference", document_search), ("List", lot_search)],
    ids=["documents", "lots"],
)
def test_search_is_declared_with_its_orders_and_inclusions(kind: str, search: Any) -> None:
    """What is known beside the declared parameters is another spelling of one of them, or a control."""
    declared = next(one for one in STATEMENT["resource"] if one["type"] == kind)
    names = {one["name"] for one in declared["searchParam"]}
    assert names == search.PARAMETERS.keys()
    assert search.KNOWN - names - {"_sort", "_include"} == search.ALIASES - names
    assert {one.partition(":")[0].partition(".")[0] for one in search.ALIASES - names} <= {"subject", *names}
    assert declared["searchInclude"] == [search.INCLUDE]
    for order in search.SORTS:
        assert order in declared["documentation"]
