"""Names, titles and lines of text that fictitious documents are put together from."""

from __future__ import annotations

FAMILY_NAMES = tuple(
    """
    MARTINON BERGERAT TOMASSIN PETITJEAN ROBERTIN RICHAUD DURANTEL DUBOSC MOREAUX LAURENTIN SIMONET MICHAUT
    LEFEBURE LEROYER ROUXEL DAVIDEAU BERTHIER MORELLON FOURNIAL GIRARDIN BONNETON DUPONTEL LAMBERTON FONTANEL
    ROUSSILLON VINCENOT MULLERAT FAURELLE ANDRIEUX MERCEREAU BLANCHETON GUERINOT BOYERAT GARNERIN CHEVALIN
    """.split()
)
GIVEN_NAMES = tuple(
    """
    HELENE IDRISS SOLENE MALO AWA LUCIEN NADEGE YANN AGATHE OMAR CLAIRE BASILE FATOU GASPARD INES JOACHIM
    LEILA MAXENCE NORA OCTAVE PALOMA QUENTIN ROSE SIMEON THAIS ULYSSE VIOLETTE WILLIAM XAVIERE ZELIE
    """.split()
)

STRUCTURE_NAMES = (
    "CENTRE HOSPITALIER DES TROIS RIVIERES",
    "CENTRE HOSPITALIER DU VAL CLAIR",
    "CABINET MEDICAL DES TILLEULS",
    "MAISON DE SANTE DE LA HALLE",
    "LABORATOIRE DU PONT NEUF",
)

# Type of document (JDV_J07), its system, its label, and of a hundred documents how many are of it.
LOINC = "http://loinc.org"
CI_SIS = "https://mos.esante.gouv.fr/NOS/TRE_A04-TypeDocument-CISIS/FHIR/TRE-A04-TypeDocument-CISIS"
TYPES: tuple[tuple[str, str, str, int], ...] = (
    ("11502-2", LOINC, "CR d'examens biologiques", 28),
    ("11488-4", LOINC, "CR ou fiche de consultation ou de visite", 20),
    ("57833-6", LOINC, "Prescription de produits de santé", 16),
    ("18748-4", LOINC, "CR d'imagerie médicale", 12),
    ("34112-3", LOINC, "CR hospitalier", 8),
    ("34133-9", LOINC, "Synthèse d'épisode de soins", 4),
    ("60591-5", LOINC, "Synthèse médicale", 4),
    ("89601-9", LOINC, "Certificat médical", 3),
    ("REMB", CI_SIS, "Données de remboursement", 3),
    ("28653-4", LOINC, "Lettre de liaison", 2),
)

LINES = (
    "Motif : contrôle annuel d'une hypertension artérielle équilibrée.",
    "Examen : tension 128/76, fréquence 68, auscultation sans particularité.",
    "Pas de signe fonctionnel depuis la dernière visite.",
    "Traitement poursuivi à la même dose, bien toléré.",
    "Bilan : ionogramme, créatinine et glycémie dans les bornes usuelles.",
    "Radiographie du thorax : pas de foyer, silhouette normale.",
    "Vaccinations à jour, rappel prévu dans deux ans.",
    "Conseils donnés sur l'activité physique et l'alimentation.",
    "Prochain contrôle dans douze mois, plus tôt en cas de signe nouveau.",
    "Personne, professionnel et établissement sont fictifs.",
)
