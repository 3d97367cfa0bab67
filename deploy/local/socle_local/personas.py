"""The sixteen fictitious people and machines of the local platform, defined once.

The development issuer gives them tokens, the Keycloak persona files are made from them, the demonstration and
the integration tests act as them. Every number carries a valid key but stands in a range that is never
allotted (RPPS beginning with 999, FINESS of department 99, SIREN beginning with 999), so that none can be
taken for a real one.
"""

from dataclasses import dataclass, field
from typing import Literal

Realm = Literal["pro", "citoyen", "services"]
REALMS: tuple[Realm, ...] = ("pro", "citoyen", "services")


@dataclass(frozen=True, slots=True)
class Structure:
    """A care structure. `id_nat` is its Struct_IdNat (1 + FINESS, 3 + SIRET); `sector` a code of TRE_R02."""

    id_nat: str
    name: str
    sector: str
    postal_code: str


HOSPITAL = Structure("1990000010", "CENTRE HOSPITALIER DES TROIS RIVIERES", "SA01", "99010")
OTHER_HOSPITAL = Structure("1990000028", "CENTRE HOSPITALIER DU VAL CLAIR", "SA01", "99020")
PRACTICE = Structure("399900001100018", "CABINET MEDICAL DES TILLEULS", "SA07", "99030")
FAMILY_PRACTICE = Structure("399900003700013", "CABINET MEDICAL DU CHEMIN VERT", "SA07", "99030")
NURSE_PRACTICE = Structure("399900002900010", "CABINET INFIRMIER DE LA HALLE", "SA07", "99030")
PHARMACY = Structure("1990000036", "PHARMACIE DE LA FONTAINE", "SA33", "99010")
OTHER_PHARMACY = Structure("1990000044", "PHARMACIE DU MOULIN", "SA33", "99020")
THIRD_PHARMACY = Structure("1990000051", "PHARMACIE DES ARCADES", "SA33", "99010")


@dataclass(frozen=True, slots=True)
class Persona:
    """Someone who can be signed in. Titles and summaries are what a page shows, in French and in English."""

    name: str
    title_fr: str
    title_en: str
    summary_fr: str
    summary_en: str


@dataclass(frozen=True, slots=True)
class Professional(Persona):
    """A holder of Pro Santé Connect.

    `id_nat` is the PS_IdNat: 8 + RPPS (11 digits), or 3 + FINESS/internal number for staff whom RPPS does not
    know. `profession` is a code of TRE_G15 (10 doctor, 21 pharmacist, 60 nurse), "" for staff. `mode` is L
    (liberal) or S (salaried). `regulates` says that the person may act for the emergency regulation (centre
    15).
    """

    id_nat: str
    civility: str
    given_name: str
    family_name: str
    structure: Structure
    mode: Literal["L", "S"]
    profession: str = ""
    exercise_title: str = ""
    know_how: str = ""
    pharmacist_section: str = ""
    regulates: bool = False


@dataclass(frozen=True, slots=True)
class Citizen(Persona):
    """A holder of FranceConnect: person `number` of the seeded registry. `represents` lists those they
    legally represent, `assists` those who gave them a delegation (aidant), by their numbers.
    """

    number: int
    represents: tuple[int, ...] = ()
    assists: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Machine(Persona):
    """A client of the realm `services`, whose client id is the persona's name."""

    role: str
    structure: Structure | None = field(default=None)


DOCTOR = Professional(
    name="doctor",
    title_fr="Médecin hospitalière",
    title_en="Hospital doctor",
    summary_fr="Reçoit le patient à l'hôpital, qualifie son identité et dépose ses documents.",
    summary_en="Sees the patient at the hospital, qualifies the identity and deposits documents.",
    id_nat="899900000011",
    civility="MME",
    given_name="HELENE",
    family_name="BRANDICOURT",
    structure=HOSPITAL,
    mode="S",
    profession="10",
    exercise_title="DR",
    know_how="SM54",
)
OTHER_DOCTOR = Professional(
    name="other-doctor",
    title_fr="Médecin de ville",
    title_en="Doctor in private practice",
    summary_fr="Exerce en cabinet. Ne lit rien du dossier tant que le patient ne l'a pas autorisé.",
    summary_en="Private practice. Reads nothing of the record until the patient allows it.",
    id_nat="899900000029",
    civility="M",
    given_name="IDRISS",
    family_name="BELLECOMBE",
    structure=PRACTICE,
    mode="L",
    profession="10",
    exercise_title="DR",
    know_how="SM54",
)
FAMILY_DOCTOR = Professional(
    name="family-doctor",
    title_fr="Médecin traitante",
    title_en="Family doctor",
    summary_fr="Exerce en cabinet. Déclarée médecin traitante, elle lit aussi les documents masqués.",
    summary_en="Private practice. Once declared médecin traitant, also reads hidden documents.",
    id_nat="899900000078",
    civility="MME",
    given_name="ORIANE",
    family_name="VASSEUR-MBEKI",
    structure=FAMILY_PRACTICE,
    mode="L",
    profession="10",
    exercise_title="DR",
    know_how="SM54",
)
EMERGENCY_DOCTOR = Professional(
    name="emergency-doctor",
    title_fr="Médecin urgentiste et régulateur",
    title_en="Emergency and regulation doctor",
    summary_fr="Accède en « bris de glace » ou pour la régulation du centre 15, toujours avec une trace.",
    summary_en="Reads by break-glass or for the emergency call centre, always leaving a trace.",
    id_nat="899900000037",
    civility="MME",
    given_name="SOLENE",
    family_name="KERVADEC",
    structure=OTHER_HOSPITAL,
    mode="S",
    profession="10",
    exercise_title="DR",
    regulates=True,
)
NURSE = Professional(
    name="nurse",
    title_fr="Infirmier",
    title_en="Nurse",
    summary_fr="Exerce à domicile. Lit ce que la matrice d'habilitation ouvre à sa profession.",
    summary_en="Home care. Reads what the national access matrix opens to the profession.",
    id_nat="899900000045",
    civility="M",
    given_name="MALO",
    family_name="TREVISAN",
    structure=NURSE_PRACTICE,
    mode="L",
    profession="60",
)
PHARMACIST = Professional(
    name="pharmacist",
    title_fr="Pharmacienne d'officine",
    title_en="Community pharmacist",
    summary_fr="Titulaire de la pharmacie où le patient a ses habitudes.",
    summary_en="Owner of the pharmacy the patient usually goes to.",
    id_nat="899900000052",
    civility="MME",
    given_name="AWA",
    family_name="DIARRASSOUBE",
    structure=PHARMACY,
    mode="L",
    profession="21",
    exercise_title="DR",
    pharmacist_section="A",
)
OTHER_PHARMACIST = Professional(
    name="other-pharmacist",
    title_fr="Pharmacien d'une autre officine",
    title_en="Pharmacist of another pharmacy",
    summary_fr="Une seconde officine, pour éprouver ce qui ne doit se faire qu'une fois.",
    summary_en="A second pharmacy, to try what must happen only once.",
    id_nat="899900000060",
    civility="M",
    given_name="LUCIEN",
    family_name="PASTOUREL",
    structure=OTHER_PHARMACY,
    mode="L",
    profession="21",
    exercise_title="DR",
    pharmacist_section="A",
)
THIRD_PHARMACIST = Professional(
    name="third-pharmacist",
    title_fr="Pharmacienne d'une troisième officine",
    title_en="Pharmacist of a third pharmacy",
    summary_fr="Refusée tant qu'une autre tient l'ordonnance, et quand tout est délivré.",
    summary_en="Refused while another one holds the prescription, and once all is delivered.",
    id_nat="899900000086",
    civility="MME",
    given_name="YUNA",
    family_name="LE-GUENNIC",
    structure=THIRD_PHARMACY,
    mode="S",
    profession="21",
    exercise_title="DR",
    pharmacist_section="D",
)
SECRETARY = Professional(
    name="secretary",
    title_fr="Secrétaire médicale",
    title_en="Medical secretary",
    summary_fr="Personnel de l'hôpital, sans numéro RPPS : accueille, crée et recherche les identités.",
    summary_en="Hospital staff without an RPPS number: welcomes, creates and searches identities.",
    id_nat="3990000010/SEC-0042",
    civility="MME",
    given_name="NADEGE",
    family_name="FOURMENTIN",
    structure=HOSPITAL,
    mode="S",
)
PATIENT = Citizen(
    name="patient",
    title_fr="Patiente",
    title_en="Patient",
    summary_fr="La personne soignée : ouvre l'accès, masque un document, lit le journal des accès.",
    summary_en="The person cared for: grants access, hides a document, reads the access journal.",
    number=1,
)
OTHER_PATIENT = Citizen(
    name="other-patient",
    title_fr="Autre patient, mineur",
    title_en="Another patient, a minor",
    summary_fr="Un enfant, que sa représentante légale accompagne. Ne voit jamais le dossier d'autrui.",
    summary_en="A child, accompanied by a legal representative. Never sees anyone else's record.",
    number=2,
)
GUARDIAN = Citizen(
    name="guardian",
    title_fr="Représentante légale",
    title_en="Legal representative",
    summary_fr="Agit pour l'enfant, dont elle est la représentante légale.",
    summary_en="Acts for the child as legal representative.",
    number=3,
    represents=(2,),
)
CAREGIVER = Citizen(
    name="caregiver",
    title_fr="Aidante",
    title_en="Caregiver",
    summary_fr="Aide la patiente, qui lui a donné une délégation : lit son dossier, n'y change rien.",
    summary_en="Helps the patient, by a delegation: reads the record, changes nothing in it.",
    number=4,
    assists=(1,),
)
INTEGRATOR = Machine(
    name="integrator",
    title_fr="Logiciel de l'hôpital",
    title_en="Hospital software",
    summary_fr="Une machine qui agit pour l'hôpital : admissions et identités en nombre.",
    summary_en="A machine acting for the hospital: admissions and identities in bulk.",
    role="socle-integrator",
    structure=HOSPITAL,
)
OPS = Machine(
    name="ops",
    title_fr="Exploitation",
    title_en="Operations",
    summary_fr="Surveille et répare la plateforme, sans jamais lire une donnée de santé.",
    summary_en="Watches and repairs the platform, never reading health data.",
    role="socle-operator",
)
AUDITOR = Machine(
    name="auditor",
    title_fr="Audit",
    title_en="Auditor",
    summary_fr="Lit les traces d'accès, rien d'autre.",
    summary_en="Reads the access trails, nothing else.",
    role="socle-auditor",
)

PROFESSIONALS = (
    DOCTOR,
    OTHER_DOCTOR,
    FAMILY_DOCTOR,
    EMERGENCY_DOCTOR,
    NURSE,
    PHARMACIST,
    OTHER_PHARMACIST,
    THIRD_PHARMACIST,
    SECRETARY,
)
CITIZENS = (PATIENT, OTHER_PATIENT, GUARDIAN, CAREGIVER)
MACHINES = (INTEGRATOR, OPS, AUDITOR)
PERSONAS: dict[str, Professional | Citizen | Machine] = {
    persona.name: persona for persona in (*PROFESSIONALS, *CITIZENS, *MACHINES)
}


class UnknownPersona(LookupError):
    """No persona has this name; the message lists those that exist."""


def find(name: str) -> Professional | Citizen | Machine:
    """The persona of this name; raises UnknownPersona with the names that exist."""
    try:
        return PERSONAS[name]
    except KeyError:
        raise UnknownPersona(f"There is no persona {name!r}. Use one of: {', '.join(PERSONAS)}.") from None


def realm_of(persona: Professional | Citizen | Machine) -> Realm:
    """The realm that signs this persona's tokens."""
    match persona:
        case Professional():
            return "pro"
        case Citizen():
            return "citoyen"
        case Machine():
            return "services"
