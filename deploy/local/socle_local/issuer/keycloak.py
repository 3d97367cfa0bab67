"""The Keycloak realms that give the same claims, written from the same tables.

`python -m socle_local.issuer.keycloak deploy/keycloak` writes the files; a test fails when they have drifted.
The personas go to files of their own: a production realm takes its people from Pro Santé Connect and
FranceConnect.
"""

import json
import sys
from pathlib import Path
from typing import Any

from socle_local.personas import CITIZENS, INTEGRATOR, MACHINES, PROFESSIONALS, REALMS, Realm

from . import claims as claims_of
from .clients import PORTAL, SERVICE_ROLE
from .minting import AUDIENCE
from .signing import ALGORITHM

Json = dict[str, Any]

SERVICES = ("identity-ins", "dmp", "eprescription", "gateway")
# Pro Santé Connect's own lifetimes (2 minutes, 30 minutes idle, 4 hours at most), used for every population.
LIFETIMES = {
    "accessCodeLifespan": 60,
    "accessTokenLifespan": 120,
    "ssoSessionIdleTimeout": 1_800,
    "ssoSessionMaxLifespan": 14_400,
    "revokeRefreshToken": True,
    "refreshTokenMaxReuse": 0,
}
# A lasting lock could be provoked by anyone who knows a doctor's number: only short ones.
BRUTE_FORCE = {
    "bruteForceProtected": True,
    "permanentLockout": False,
    "failureFactor": 5,
    "waitIncrementSeconds": 60,
    "maxFailureWaitSeconds": 900,
}
# Claim -> user attribute. `sub` and `preferred_username` are kept apart from Keycloak's id and username,
# because the national values hold characters that a Keycloak username may not (`/`) or must survive a new
# account.
PRO_TEXT = {
    "sub": "psc_sub",
    "preferred_username": "SubjectNameID",
    "given_name": "firstName",
    "family_name": "lastName",
    **{
        name: name
        for name in (
            "SubjectNameID",
            "codeCivilite",
            "Secteur_Activite",
            "SubjectOrganization",
            "SubjectOrganizationID",
            "Mode_Acces_Raison",
            "Acces_Regulation_Medicale",
            "Palier_Authentification",
            "UITVersion",
        )
    },
}
PRO_LISTS = ("SubjectRole",)
PRO_JSON = ("otherIds", "SubjectRefPro")
CITIZEN_TEXT = {
    "sub": "fc_sub",
    "preferred_username": "fc_preferred_username",
    "given_name": "firstName",
    "family_name": "lastName",
    **{name: name for name in ("birthdate", "gender", "birthplace", "birthcountry")},
}
# The platform's own, for the access token alone: UserInfo stays what FranceConnect gives.
CITIZEN_OWN = ("person_id",)
CITIZEN_OWN_LISTS = ("represents", "assists")
ACR = {"pro": "eidas1", "citoyen": "eidas2"}
TITLES = {"pro": "Professionnels de santé", "citoyen": "Usagers", "services": "Services et logiciels"}


def _mapper(name: str, kind: str, userinfo: bool = True, **config: str) -> Json:
    shown = {"access.token.claim": "true", "introspection.token.claim": "true", "id.token.claim": "false"}
    shown["userinfo.token.claim"] = "true" if userinfo else "false"
    return {
        "name": name,
        "protocol": "openid-connect",
        "protocolMapper": kind,
        "config": {**shown, **{key.replace("_", "."): value for key, value in config.items()}},
    }


def _attribute(
    claim: str, attribute: str, json_type: str = "String", many: bool = False, own: bool = False
) -> Json:
    mapper = _mapper(
        claim, "oidc-usermodel-attribute-mapper", userinfo=not own, multivalued=str(many).lower()
    )
    # `sub` alone goes to the ID token: OpenID Connect wants it the same everywhere.
    mapper["config"]["id.token.claim"] = "true" if claim == "sub" else "false"
    mapper["config"] |= {"user.attribute": attribute, "claim.name": claim, "jsonType.label": json_type}
    return mapper


def _fixed(claim: str, value: str) -> Json:
    mapper = _mapper(claim, "oidc-hardcoded-claim-mapper", userinfo=False)
    mapper["config"] |= {"claim.name": claim, "claim.value": value, "jsonType.label": "String"}
    mapper["config"]["id.token.claim"] = "true"
    return mapper


def _note(claim: str, note: str, json_type: str) -> Json:
    mapper = _mapper(claim, "oidc-usersessionmodel-note-mapper", userinfo=False)
    mapper["config"] |= {"user.session.note": note, "claim.name": claim, "jsonType.label": json_type}
    return mapper


def _audience() -> Json:
    mapper = _mapper("audience", "oidc-audience-mapper", userinfo=False)
    mapper["config"]["included.custom.audience"] = AUDIENCE
    return mapper


def mappers(realm: Realm) -> list[Json]:
    """What fills the tokens of a realm, claim by claim."""
    signed_in = [_audience(), _note("auth_time", "AUTH_TIME", "long")]
    if realm == "pro":
        text = [_attribute(claim, attribute) for claim, attribute in PRO_TEXT.items()]
        lists = [_attribute(claim, claim, many=True) for claim in PRO_LISTS]
        objects = [_attribute(claim, claim, "JSON") for claim in PRO_JSON]
        return [*text, *lists, *objects, _fixed("acr", ACR[realm]), *signed_in]
    if realm == "citoyen":
        text = [_attribute(claim, attribute) for claim, attribute in CITIZEN_TEXT.items()]
        own = [_attribute(claim, claim, own=True) for claim in CITIZEN_OWN]
        lists = [_attribute(claim, claim, many=True, own=True) for claim in CITIZEN_OWN_LISTS]
        return [*text, *own, *lists, _fixed("acr", ACR[realm]), *signed_in]
    roles = _mapper("realm roles", "oidc-usermodel-realm-role-mapper", userinfo=False, multivalued="true")
    roles["config"] |= {"claim.name": "realm_access.roles", "jsonType.label": "String"}
    machine = [_mapper("sub", "oidc-sub-mapper"), _attribute("preferred_username", "username")]
    return [*machine, roles, _note("client_id", "client_id", "String"), _audience()]


def _scopes(realm: Realm) -> list[Json]:
    """The scope that carries the claims, always given, and those that clients ask for by name."""
    by_name = [_scope(scope, [], "true") for scope in claims_of.SCOPES[realm] if scope != "openid"]
    return [_scope(f"socle-{realm}", mappers(realm), "false"), *by_name]


def _scope(name: str, protocol_mappers: list[Json], in_token: str) -> Json:
    return {
        "name": name,
        "protocol": "openid-connect",
        "attributes": {"include.in.token.scope": in_token, "display.on.consent.screen": "false"},
        "protocolMappers": protocol_mappers,
    }


def _client(realm: Realm, client_id: str, **more: Any) -> Json:
    return {
        "clientId": client_id,
        "protocol": "openid-connect",
        "enabled": True,
        "publicClient": False,
        "standardFlowEnabled": False,
        "implicitFlowEnabled": False,
        "directAccessGrantsEnabled": False,
        "serviceAccountsEnabled": False,
        "fullScopeAllowed": False,
        "defaultClientScopes": [f"socle-{realm}"],
        "optionalClientScopes": [scope for scope in claims_of.SCOPES[realm] if scope != "openid"],
        **more,
    }


def _clients(realm: Realm) -> list[Json]:
    if realm == "services":
        return [_machine(name) for name in (*(machine.name for machine in MACHINES), *SERVICES)]
    portal = _client(
        realm,
        PORTAL.id,
        publicClient=True,
        standardFlowEnabled=True,
        redirectUris=["http://127.0.0.1:8080/*", "http://localhost:8080/*"],
        webOrigins=["+"],
        attributes={"pkce.code.challenge.method": "S256", "post.logout.redirect.uris": "+"},
    )
    # The gateway signs nobody in: this client lets it introspect a token of this realm.
    return [portal, _client(realm, "gateway", clientAuthenticatorType="client-secret")]


def _machine(name: str) -> Json:
    acting_for = INTEGRATOR.structure.id_nat if name == INTEGRATOR.name and INTEGRATOR.structure else ""
    more = {"protocolMappers": [_fixed("SubjectOrganizationID", acting_for)]} if acting_for else {}
    return _client(
        "services",
        name,
        clientAuthenticatorType="client-secret",
        serviceAccountsEnabled=True,
        fullScopeAllowed=True,
        **more,
    )


def _role_of(name: str) -> str:
    return next((machine.role for machine in MACHINES if machine.name == name), SERVICE_ROLE)


def realm(name: Realm) -> Json:
    """A realm file for `kc.sh import`. Secrets are left out: Keycloak makes them."""
    document: Json = {
        "realm": name,
        "displayName": f"Socle - {TITLES[name]}",
        "enabled": True,
        "sslRequired": "external",
        "registrationAllowed": False,
        "defaultSignatureAlgorithm": ALGORITHM,
        **LIFETIMES,
        **BRUTE_FORCE,
        "eventsEnabled": True,
        "adminEventsEnabled": True,
        "clientScopes": _scopes(name),
        "defaultDefaultClientScopes": [f"socle-{name}"],
        "clients": _clients(name),
    }
    if name == "services":
        roles = dict.fromkeys((SERVICE_ROLE, *(machine.role for machine in MACHINES)))
        document["roles"] = {"realm": [{"name": role} for role in roles]}
        document["users"] = [_service_account(client["clientId"]) for client in document["clients"]]
        return document
    return {**document, "components": _profile(name)}


def _service_account(client_id: str) -> Json:
    return {
        "username": f"service-account-{client_id}",
        "enabled": True,
        "serviceAccountClientId": client_id,
        "realmRoles": [_role_of(client_id)],
    }


def _profile(name: Realm) -> Json:
    """The declared user attributes. Keycloak drops an attribute that is not declared, without a word."""
    only_admin = {"view": ["admin"], "edit": ["admin"]}
    built_in = ("username", "email", "firstName", "lastName")
    declared = [{"name": field, "permissions": only_admin} for field in built_in]
    for mapper in mappers(name):
        attribute = mapper["config"].get("user.attribute", "")
        if attribute and attribute not in {known["name"] for known in declared}:
            many = mapper["config"]["multivalued"] == "true"
            declared.append({"name": attribute, "permissions": only_admin, "multivalued": many})
    config = json.dumps({"attributes": declared}, ensure_ascii=False)
    provider = {"providerId": "declarative-user-profile", "config": {"kc.user.profile.config": [config]}}
    return {"org.keycloak.userprofile.UserProfileProvider": [provider]}


def personas(name: Realm) -> Json:
    """The fictitious people of a realm, without a password: for `partialImport` on a test platform."""
    people = PROFESSIONALS if name == "pro" else CITIZENS
    return {
        "ifResourceExists": "SKIP",
        "users": [_user(name, person.name, claims_of.of_person(person)) for person in people],
    }


def _user(name: Realm, username: str, claims: Json) -> Json:
    attributes: dict[str, list[str]] = {}
    for mapper in mappers(name):
        attribute, value = mapper["config"].get("user.attribute"), claims.get(mapper["name"])
        if attribute in (None, "firstName", "lastName") or not value:
            continue
        as_json = mapper["config"]["jsonType.label"] == "JSON"
        texts = [json.dumps(value, ensure_ascii=False)] if as_json else value
        attributes[attribute] = texts if isinstance(texts, list) else [texts]
    return {
        "username": username,
        "enabled": True,
        "firstName": claims["given_name"],
        "lastName": claims["family_name"],
        "attributes": attributes,
    }


def files() -> dict[str, str]:
    """Every file by its path below deploy/keycloak."""
    documents = {f"{name}.json": realm(name) for name in REALMS}
    documents |= {f"personas/{name}.json": personas(name) for name in ("pro", "citoyen")}
    return {path: json.dumps(body, indent=2, ensure_ascii=False) + "\n" for path, body in documents.items()}


def main(folder: Path) -> None:
    for path, text in files().items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
