"""The CapabilityStatement declares what is served: nothing more, nothing less."""

from typing import Any

from starlette.routing import Route

from gateway.fhir.capability import capability, oauth_endpoints
from gateway.routes import fhir_documents, fhir_patients

STATEMENT = capability("http://127.0.0.1/fhir", "0", oauth_endpoints("http://127.0.0.1/realms/pro"))["rest"][
    0
]


def interaction(method: str, path: str) -> tuple[str, str]:
    """(type, interaction) of a route, as FHIR R4 names them; the type of the system is empty."""
    kind, _, rest = path.removeprefix("/fhir").strip("/").partition("/")
    if not kind:
        return "", "transaction"
    if rest and rest != "_search":
        return kind, "read"
    return kind, "create" if method == "POST" and not rest else "search-type"


def served() -> set[tuple[str, str]]:
    routes = [*fhir_documents.router.routes, *fhir_patients.router.routes]
    pairs = [(method, r.path) for r in routes if isinstance(r, Route) for method in r.methods or ()]
    return {interaction(method, path) for method, path in pairs if method in {"GET", "POST"}}


def declared(rest: dict[str, Any]) -> set[tuple[str, str]]:
    own = {("", one["code"]) for one in rest["interaction"]}
    return own | {(r["type"], one["code"]) for r in rest["resource"] for one in r["interaction"]}


def test_every_route_is_declared_and_every_declaration_is_served() -> None:
    assert declared(STATEMENT) == served()
    assert ("DocumentReference", "create") in served()
