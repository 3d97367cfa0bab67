"""What the medicines base calls a speciality, and the codes a professional's token carries for it.

Codes by the names of JDV_J01: SM ordinal specialities (TRE_R38), DSM the qualifications beside them that
count for one. A name with several codes is satisfied by any of them.
"""

from __future__ import annotations

from collections.abc import Mapping

from .folding import fold, slug

HEMATOLOGY = ("SM21", "SM22", "SM23", "SM71", "DSM215")
ONCOLOGY = ("SM35", "SM36", "SM37")
CANCER = ("SM35", "SM36", "SM37", "DSM206", "DSM236")
CARDIOLOGY = ("SM04", "SM73", "SM79", "SM80", "SM81")
ENDOCRINOLOGY = ("SM16", "SM62")
GYNAECOLOGY = ("SM19", "SM20", "SM51", "SM52")
INTENSIVE_CARE = ("SM46", "SM82", "DSM233")
PAEDIATRICS = ("SM40", "SM87", "SM88", "SM89", "SM90")
PSYCHIATRY = ("SM42", "SM43", "SM92", "SM93", "SM33")
CODES: Mapping[str, tuple[str, ...]] = {
    "ALLERGOLOGIE": ("SM57", "DSM201"),
    "ANESTHESIE-REANIMATION": ("SM02", "SM76"),
    "ANGIOLOGIE": ("SM61", "DSM223"),
    "CANCEROLOGIE": CANCER,
    "CARDIOLOGIE": CARDIOLOGY,
    "CARDIOLOGIE PEDIATRIQUE ET CONGENITALE": (),
    "CHIRURGIE": ("SM05",),
    "CHIRURGIE CARDIAQUE": ("SM11",),
    "CHIRURGIE DE LA FACE ET DU COU": ("DSM207",),
    "CHIRURGIE DIGESTIVE ET VISCERALE": ("SM14", "SM78"),
    "CHIRURGIE MAXILLO-FACIALE": ("SM06", "SM07", "SM68", "SM77"),
    "CHIRURGIE ORTHOPEDIQUE ET TRAUMATOLOGIQUE": ("SM08",),
    "CHIRURGIE PLASTIQUE, RECONSTRUCTRICE ET ESTHETIQUE": ("SM10", "DSM208"),
    "CHIRURGIE THORACIQUE ET CARDIOVASCULAIRE": ("SM11",),
    "DERMATOLOGIE": ("SM15",),
    "DIABETOLOGIE": ENDOCRINOLOGY,
    "DOULEUR": ("DSM235",),
    "ENDOCRINOLOGIE": ENDOCRINOLOGY,
    "ENDOCRINOLOGIE - DIABETOLOGIE - NUTRITION": ENDOCRINOLOGY,
    "GENETIQUE MEDICALE": ("SM17",),
    "GERIATRIE": ("SM18", "DSM213"),
    "GYNECOLOGIE": GYNAECOLOGY,
    "HEMATOLOGIE": HEMATOLOGY,
    "HEPATO/GASTRO-ENTEROLOGIE": ("SM24",),
    "INFECTIOLOGIE": ("SM58", "DSM228"),
    "MALADIE DU SANG": ("SM22", "DSM215", *HEMATOLOGY[:1], "SM71"),
    "MALADIES INFECTIEUSES ET TROPICALES": ("SM58", "DSM228"),
    "MALADIES METABOLIQUES": ENDOCRINOLOGY,
    "MEDECINE D'URGENCE": ("SM59", "DSM220"),
    "MEDECINE INTENSIVE-REANIMATION": INTENSIVE_CARE,
    "MEDECINE INTERNE": ("SM27", "SM72"),
    "MEDECINE VASCULAIRE": ("SM61", "DSM223"),
    "NEONATOLOGIE": ("SM87", "DSM224"),
    "NEPHROLOGIE": ("SM30", "SM83"),
    "NEUROCHIRURGIE": ("SM31",),
    "NEUROLOGIE": ("SM32", "SM84", "SM33"),
    "NEUROPEDIATRIE": ("SM88",),
    "NEUROPSYCHIATRIE": ("SM33",),
    "NUTRITION": ("SM62", "DSM226"),
    "OBSTETRIQUE": ("SM20", "SM51"),
    "ONCOLOGIE MEDICALE": ONCOLOGY,
    "OPHTALMOLOGIE": ("SM38", "SM85"),
    "OTO-RHINO-LARYNGOLOGIE": ("SM34", "SM39", "SM86"),
    "PEDIATRIE": PAEDIATRICS,
    "PNEUMOLOGIE": ("SM41", "SM91"),
    "PSYCHIATRIE": PSYCHIATRY,
    "RADIOLOGIE": ("SM44", "SM55", "SM74", "SM94"),
    "REANIMATION MEDICALE": INTENSIVE_CARE,
    "RHUMATOLOGIE": ("SM48",),
    "UROLOGIE": ("SM12",),
}


def codes_of(name: str) -> tuple[str, ...]:
    """The codes of a speciality; its slug where no code is sure (then a person must check)."""
    return CODES.get(fold(name)) or (slug(name),)
