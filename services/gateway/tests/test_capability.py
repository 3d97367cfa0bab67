"""The CapabilityStatement declares what is served: nothing more, nothing less."""

from typing import Any

from fhir.resources.R4B.operationdefinition import OperationDefinition
from starlette.routing import Route

from gateway.fhir import operations
from gateway.fhir.capability import PATIENT_SEARCH, capability, oauth_endpoints
from gateway.fhir.patient_search import OF_TYPE, PARAMETERS
from gateway.routes import fhir_documents, fhir_operations, fhir_patients

BASE = "http://127.0.0.1/fhir"
STATEMENT = capability(BASE, "0", oauth_endpoints("http://127.0.0.1/realms/pro"))["rest"][0]
# Routes that only say that an operation is unknown.
UNKNOWN = "${operation}"


def interaction(method: str, path: str) -> tuple[str, str]:
    """(type, interaction) of a route, as FHIR R4 names them; the type of the system is empty."""
    kind, _, rest = path.removeprefix("/fhir").strip("/").partition("/")
    if not kind:
        return "", "transaction"
    if "/_history" in rest:
        return kind, "history-instance" if rest.endswith("_history") else "vread"
    if rest and rest != "_search":
        return kind, "read"
    return kind, "create" if method == "POST" and not rest else "search-type"


def routes() -> set[tuple[str, str]]:
    routers = (fhir_documents.router, fhir_patients.router, fhir_operations.router)
    found = [one for router in routers for one in router.routes if isinstance(one, Route)]
    pairs = {(method, route.path) for route in found for method in route.methods or ()}
    return {(method, path) for method, path in pairs if method in {"GET", "POST"} and UNKNOWN not in path}


def served() -> set[tuple[str, str]]:
    return {interaction(method, path) for method, path in routes() if "$" not in path}


def declared(rest: dict[str, Any]) -> set[tuple[str, str]]:
    own = {("", one["code"]) for one in rest["interaction"]}
    return own | {(r["type"], one["code"]) for r in rest["resource"] for one in r["interaction"]}


def test_every_route_is_declared_and_every_declaration_is_served() -> None:
    assert declared(STATEMENT) == served()
    assert {("DocumentReference", "create"), ("Patient", "vread")} <= served()


def test_every_operation_is_declared_defined_and_served() -> None:
    called = {path.removeprefix("/fhir/Patient/") for _, path in routes() if "$" in path}
    patient = next(one for one in STATEMENT["resource"] if one["type"] == "Patient")
    named = {one["definition"].rpartition("/")[2]: one["name"] for one in patient["operation"]}
    assert named.keys() == operations.OPERATIONS.keys()
    expected = set()
    for operation in operations.OPERATIONS.values():
        definition = operations.write_definition(operation, BASE)
        OperationDefinition.model_validate(definition)
        assert named[operation.id] == definition["code"]
        expected.add(f"{'{patient_id}/' if definition['instance'] else ''}${definition['code']}")
    assert called == expected


def test_every_search_parameter_is_declared() -> None:
    """Modifiers and `_sort` have no place of their own in the statement: its documentation names them."""
    assert PATIENT_SEARCH.keys() == PARAMETERS - {OF_TYPE, "_sort"}
    patient = next(one for one in STATEMENT["resource"] if one["type"] == "Patient")
    assert OF_TYPE in patient["documentation"]
    assert "`_sort`" in patient["documentation"]
