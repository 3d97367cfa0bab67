"""What a token says of its bearer: Pro Santé Connect, FranceConnect or Keycloak names, never a mixture.

Sources: Pro Santé Connect, "Données utilisateur" (UserInfo); FranceConnect v2, "identité pivot"; Keycloak,
service accounts. A claim that Socle adds (`person_id`, `represents`, `assists`) is a user attribute in
Keycloak.
"""

import hashlib
import uuid
from typing import Any

from socle_local.personas import CITIZENS, PROFESSIONALS, Citizen, Professional

from .clients import Client
from .oauth import OAuthError

Claims = dict[str, Any]

PROFESSION_OID = "1.2.250.1.213.1.1.5.5"
SECTOR_OID = "1.2.250.1.71.4.2.4"
# Identifies this issuer as the store the account comes from, as Keycloak writes it for a federated account.
FEDERATION = "550e8400-e29b-41d4-a716-446655440000"
PAIRWISE_SECTOR = "socle-local"
FRANCE = "99100"

SCOPES: dict[str, tuple[str, ...]] = {
    "pro": ("openid", "profile", "scope_all", "fhirUser", "user/*.cruds"),
    "citoyen": ("openid", "profile", "birth", "identite_pivot", "fhirUser", "patient/*.cruds"),
    "services": ("system/*.cruds",),
}
# What each FranceConnect scope opens in UserInfo; the platform's own claims travel in the access token only.
PROFILE = ("given_name", "family_name", "birthdate", "gender", "preferred_username")
BIRTH = ("birthplace", "birthcountry")
OPENED_BY = {"profile": PROFILE, "birth": BIRTH, "identite_pivot": (*PROFILE[:4], *BIRTH)}


def granted_scope(realm: str, asked: str, default: tuple[str, ...] | None = None) -> str:
    """The scope to grant; an unknown one is refused, as Keycloak will: better learnt here."""
    known = default or SCOPES[realm]
    wanted = asked.split() or list(known)
    unknown = [scope for scope in wanted if scope not in known]
    if unknown:
        raise OAuthError("invalid_scope", f"Unknown scope {unknown[0]!r}. Known here: {' '.join(known)}.")
    return " ".join(wanted)


def professional(persona: Professional) -> Claims:
    """The claims of Pro Santé Connect. `Mode_Acces_Raison` stays empty: the request says its purpose."""
    return {
        "sub": f"f:{FEDERATION}:{persona.id_nat}",
        "preferred_username": persona.id_nat,
        "SubjectNameID": persona.id_nat,
        "given_name": persona.given_name,
        "family_name": persona.family_name,
        "codeCivilite": persona.civility,
        "SubjectRole": [f"{persona.profession}^{PROFESSION_OID}"] if persona.profession else [],
        "Secteur_Activite": f"{persona.structure.sector}^{SECTOR_OID}",
        "SubjectOrganization": persona.structure.name,
        "SubjectOrganizationID": persona.structure.id_nat,
        "Mode_Acces_Raison": "",
        "Acces_Regulation_Medicale": "VRAI" if persona.regulates else "FAUX",
        "Palier_Authentification": "APPPRIP3^1.2.250.1.213.1.5.1.1.1",
        "UITVersion": "1.0",
        "otherIds": [_other_id(persona)],
        "SubjectRefPro": {"codeCivilite": persona.civility, "exercices": _exercises(persona)},
        "acr": "eidas1",
    }


def _other_id(persona: Professional) -> Claims:
    # EDIT is the origin that Pro Santé Connect gives to a number allotted by the structure itself.
    return {"identifiant": persona.id_nat, "origine": "RPPS" if persona.profession else "EDIT", "qualite": 1}


def _exercises(persona: Professional) -> list[Claims]:
    if not persona.profession:
        return []
    return [
        {
            "codeProfession": persona.profession,
            "codeCategorieProfessionnelle": "C",
            "codeCiviliteDexercice": persona.exercise_title,
            "nomDexercice": persona.family_name,
            "prenomDexercice": persona.given_name,
            "codeTypeSavoirFaire": "S" if persona.know_how else "",
            "codeSavoirFaire": persona.know_how,
            "activities": [_activity(persona)],
        }
    ]


def _activity(persona: Professional) -> Claims:
    structure = persona.structure
    by_finess = structure.id_nat.startswith("1")
    return {
        "codeModeExercice": persona.mode,
        "codeSecteurDactivite": structure.sector,
        "codeSectionPharmacien": persona.pharmacist_section,
        "codeRole": "",
        "codeGenreActivite": "GENR01",
        "numeroSiretSite": "" if by_finess else structure.id_nat[1:],
        "numeroSirenSite": "" if by_finess else structure.id_nat[1:10],
        "numeroFinessSite": structure.id_nat[1:] if by_finess else "",
        "numeroFinessetablissementJuridique": "",
        "identifiantTechniqueDeLaStructure": structure.id_nat,
        "raisonSocialeSite": structure.name,
        "codePostalAdresseSite": structure.postal_code,
        "codeCommune": "",
    }


def citizen(persona: Citizen) -> Claims:
    """The pivot identity of FranceConnect+, and the person the account was matched with."""
    # Imported here: signing in a professional must not need the registry.
    from identity_ins import seed

    traits = seed.person(persona.number).traits
    born_abroad = traits.birth_place.startswith("99")
    return {
        "sub": pairwise_sub(seed.person_id_of(persona.number)),
        "given_name": " ".join(traits.birth_first_names),
        "family_name": traits.birth_name,
        "preferred_username": traits.used_name or traits.birth_name,
        "birthdate": traits.birth_date.isoformat(),
        "gender": {"M": "male", "F": "female"}[traits.sex.value],
        "birthplace": "" if born_abroad else traits.birth_place,
        "birthcountry": traits.birth_place if born_abroad else FRANCE,
        "acr": "eidas2",
        "person_id": seed.person_id_of(persona.number),
        "represents": [seed.person_id_of(number) for number in persona.represents],
        "assists": [seed.person_id_of(number) for number in persona.assists],
    }


def pairwise_sub(person_id: str) -> str:
    """The pseudonym of a person for this relying party: 64 hexadecimal digits and `v1`, 66 characters."""
    return hashlib.sha256(f"{PAIRWISE_SECTOR}:{person_id}".encode()).hexdigest() + "v1"


def machine(client: Client) -> Claims:
    """The claims of a Keycloak service account."""
    claims: Claims = {
        "sub": str(uuid.uuid5(uuid.NAMESPACE_URL, f"socle-local:{client.id}")),
        "client_id": client.id,
        "preferred_username": f"service-account-{client.id}",
        "realm_access": {"roles": [client.role]},
    }
    return {**claims, "SubjectOrganizationID": client.organisation} if client.organisation else claims


def of_person(persona: Professional | Citizen) -> Claims:
    return professional(persona) if isinstance(persona, Professional) else citizen(persona)


def people_of(realm: str) -> tuple[Professional | Citizen, ...]:
    """Who can be picked on the sign-in page of a realm."""
    people: dict[str, tuple[Professional | Citizen, ...]] = {"pro": PROFESSIONALS, "citoyen": CITIZENS}
    return people.get(realm, ())


def userinfo(realm: str, claims: Claims, scope: str) -> Claims:
    """The claims that the scope opens: Pro Santé Connect gives all of them, FranceConnect sorts them."""
    if realm != "citoyen":
        return {name: value for name, value in claims.items() if name != "acr"}
    opened = {name for asked in scope.split() for name in OPENED_BY.get(asked, ())}
    return {name: value for name, value in claims.items() if name == "sub" or name in opened}
