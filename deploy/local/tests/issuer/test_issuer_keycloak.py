"""The Keycloak files give the claims of the development issuer: the mappers are applied here as it would."""

import json
from pathlib import Path
from typing import Any

import pytest

from socle_local.issuer import claims as claims_of
from socle_local.issuer import keycloak
from socle_local.issuer.clients import Client
from socle_local.personas import MACHINES, Realm, find

FOLDER = Path(__file__).parents[4] / "deploy" / "keycloak"
USER_FIELDS = {"username", "firstName", "lastName"}


@pytest.mark.parametrize("path", keycloak.files())
def test_committed_file_is_the_one_the_tables_give(path: str) -> None:
    told = f"deploy/keycloak/{path} has drifted; run: python -m socle_local.issuer.keycloak deploy/keycloak"
    assert (FOLDER / path).read_text() == keycloak.files()[path], told


def load(path: str) -> dict[str, Any]:
    return dict(json.loads((FOLDER / path).read_text()))


def scope_mappers(realm: dict[str, Any]) -> list[dict[str, Any]]:
    (name,) = realm["defaultDefaultClientScopes"]
    return list(next(scope for scope in realm["clientScopes"] if scope["name"] == name)["protocolMappers"])


def mapped(mappers: list[dict[str, Any]], user: dict[str, Any]) -> dict[str, Any]:
    """The claims that attribute and fixed mappers put in an access token for this user."""
    claims: dict[str, Any] = {}
    for config in (
        mapper["config"] for mapper in mappers if mapper["config"]["access.token.claim"] == "true"
    ):
        if "claim.value" in config:
            claims[config["claim.name"]] = config["claim.value"]
        elif "user.attribute" in config:
            attribute = config["user.attribute"]
            values = [user[attribute]] if attribute in USER_FIELDS else user["attributes"].get(attribute, [])
            if values:
                claims[config["claim.name"]] = converted(values, config)
    return claims


def converted(values: list[str], config: dict[str, Any]) -> Any:
    if config.get("multivalued") == "true":
        return values
    (value,) = values
    return json.loads(value) if config["jsonType.label"] == "JSON" else value


@pytest.mark.parametrize("name", ["pro", "citoyen"])
def test_people_get_the_same_claims_from_keycloak(name: str) -> None:
    mappers = scope_mappers(load(f"{name}.json"))
    for user in load(f"personas/{name}.json")["users"]:
        issued = claims_of.of_person(find(user["username"]))  # type: ignore[arg-type]
        # Keycloak leaves a claim out when there is nothing to say; the services read both alike.
        said = {claim: value for claim, value in issued.items() if value not in ("", [])}
        assert mapped(mappers, user) == said


@pytest.mark.parametrize("name", ["pro", "citoyen"])
def test_attributes_are_declared_and_no_password_is_written(name: str) -> None:
    (provider,) = load(f"{name}.json")["components"]["org.keycloak.userprofile.UserProfileProvider"]
    (config,) = provider["config"]["kc.user.profile.config"]
    declared = {field["name"] for field in json.loads(config)["attributes"]}
    for user in load(f"personas/{name}.json")["users"]:
        assert user["attributes"].keys() <= declared
        assert "credentials" not in user


@pytest.mark.parametrize("name", ["pro", "citoyen", "services"])
def test_realm_knows_the_scopes_and_the_audience(name: Realm) -> None:
    realm = load(f"{name}.json")
    audiences = [m for m in scope_mappers(realm) if m["protocolMapper"] == "oidc-audience-mapper"]
    assert [mapper["config"]["included.custom.audience"] for mapper in audiences] == ["socle"]
    scopes = {scope["name"] for scope in realm["clientScopes"]} - {f"socle-{name}"}
    assert scopes | {"openid"} == {*claims_of.SCOPES[name], "openid"}
    for client in realm["clients"]:
        assert {*client["optionalClientScopes"], *client["defaultClientScopes"]} == {*scopes, f"socle-{name}"}
        assert "secret" not in client


def test_machines_get_the_same_roles_and_organisation() -> None:
    realm = load("services.json")
    roles = {user["serviceAccountClientId"]: user["realmRoles"] for user in realm["users"]}
    organisations = {
        client["clientId"]: mapped(client.get("protocolMappers", []), {}) for client in realm["clients"]
    }
    known = {machine.name: machine for machine in MACHINES}
    assert known.keys() < roles.keys() == organisations.keys()
    for name, (role,) in roles.items():
        machine = known.get(name)
        organisation = machine.structure.id_nat if machine and machine.structure else ""
        client = Client(name, frozenset(("services",)), False, role, organisation)
        assert role == (machine.role if machine else "socle-service")
        assert organisations[name] == {
            claim: value
            for claim, value in claims_of.machine(client).items()
            if claim == "SubjectOrganizationID"
        }


@pytest.mark.parametrize("name", ["pro", "citoyen"])
def test_portal_needs_pkce_and_no_client_takes_passwords(name: str) -> None:
    clients = {client["clientId"]: client for client in load(f"{name}.json")["clients"]}
    assert clients["socle-portal"]["attributes"]["pkce.code.challenge.method"] == "S256"
    assert clients["socle-portal"]["publicClient"]
    assert not any(client["directAccessGrantsEnabled"] for client in clients.values())
    assert "socle-cli" not in clients
