"""The sentences of the sign-in pages, in French and in English."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Words:
    """Every sentence of a page in one language."""

    language: str
    other_language: str
    other_language_name: str
    development: str
    fictitious: str
    choose: dict[str, str]
    lead: dict[str, str]
    realms: dict[str, str]
    realm_lead: str
    discovery: str
    asked_by: str
    continue_as: str
    cancel: str
    born_f: str
    born_m: str
    footer: str
    refused: str
    bad_hint: str
    bad_return: str
    signed_out: str
    signed_out_text: str


FRENCH = Words(
    language="fr",
    other_language="en",
    other_language_name="English",
    development="Développement",
    fictitious="Toutes les personnes sont fictives. Aucun mot de passe n'est demandé.",
    choose={"pro": "Quel professionnel êtes-vous ?", "citoyen": "Quel usager êtes-vous ?"},
    lead={
        "pro": "Cette page tient lieu de Pro Santé Connect. Choisissez qui vous êtes.",
        "citoyen": "Cette page tient lieu de FranceConnect. Choisissez qui vous êtes.",
    },
    realms={"pro": "Professionnels", "citoyen": "Usagers", "services": "Services et logiciels"},
    realm_lead="La commande de chaque carte donne un jeton ; se connecter au portail aussi.",
    discovery="Découverte OpenID Connect",
    asked_by="Connexion demandée par",
    continue_as="Continuer en tant que",
    cancel="Annuler et revenir",
    born_f="Née le",
    born_m="Né le",
    footer="En production, cette page laisse la place à Keycloak, par simple configuration.",
    refused="Demande refusée",
    bad_hint="L'indication de session (id_token_hint) n'est pas un jeton de ce royaume.",
    bad_return="L'adresse de retour (post_logout_redirect_uri) n'est pas enregistrée pour cette application.",
    signed_out="Vous êtes déconnecté",
    signed_out_text="La session est fermée. Vous pouvez fermer cet onglet.",
)
ENGLISH = Words(
    language="en",
    other_language="fr",
    other_language_name="Français",
    development="Development",
    fictitious="Everyone here is fictitious. No password is asked.",
    choose={"pro": "Which professional are you?", "citoyen": "Which citizen are you?"},
    lead={
        "pro": "This page stands in for Pro Santé Connect. Pick who you are.",
        "citoyen": "This page stands in for FranceConnect. Pick who you are.",
    },
    realms={"pro": "Professionals", "citoyen": "Citizens", "services": "Services and software"},
    realm_lead="The command on each card prints a token; signing in to the portal gives one too.",
    discovery="OpenID Connect discovery",
    asked_by="Sign-in asked by",
    continue_as="Continue as",
    cancel="Cancel and go back",
    born_f="Born",
    born_m="Born",
    footer="In production, Keycloak takes the place of this page, by configuration alone.",
    refused="Request refused",
    bad_hint="The session hint (id_token_hint) is not a token of this realm.",
    bad_return="The return address (post_logout_redirect_uri) is not registered for this application.",
    signed_out="You are signed out",
    signed_out_text="The session is closed. You may close this tab.",
)
WORDS = {words.language: words for words in (FRENCH, ENGLISH)}
