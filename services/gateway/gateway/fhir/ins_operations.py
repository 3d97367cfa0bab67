"""$search-ins and $verify-ins: the INSi téléservice as FHIR operations."""

from __future__ import annotations

from typing import Any

from chassis.errors import Violation
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import insi_pb2

from . import names
from .civil import Civil
from .faults import Reading
from .identifiers import OIDS, read_identifiers, type_of
from .parameters import Given, write_parameters
from .patient import write_identity, write_person

Json = dict[str, Any]
TRAITS = {
    "birthName": "valueString",
    "birthFirstName": "valueString",
    "gender": "valueCode",
    "birthDate": "valueDate",
    "birthPlace": "valueCode",
}
FIELDS = {
    "birth_name": "birthName",
    "first_name": "birthFirstName",
    "sex": "gender",
    "birth_date": "birthDate",
    "birth_place": "birthPlace",
}
# Field of a verification, in the words of the téléservice -> trait.
LINE = {
    "nom_naissance": "birth_name",
    "liste_prenom": "birth_first_names",
    "sexe": "sex",
    "date_naissance": "birth_date",
    "lieu_naissance": "birth_place",
}
# The civil status knows two; an identity whose sex is not known cannot be asked for.
GENDERS = {"male": pb.SEX_MALE, "female": pb.SEX_FEMALE}
RESULTS = {
    pb.VERIFICATION_RESULT_CONFIRMED: "confirmed",
    pb.VERIFICATION_RESULT_REPLACED: "replaced",
    pb.VERIFICATION_RESULT_NOT_CONFIRMED: "not-confirmed",
}


def read_search(body: Any) -> tuple[pb.SearchInsRequest, dict[str, str]]:
    """The question by traits, and where each field of it stands; raises FhirInvalid with every fault."""
    reading = Reading()
    given = Given(body, TRAITS, reading)
    given.need("birthName", "birthFirstName", "gender", "birthDate")
    gender = given.text("gender")
    if gender and gender not in GENDERS:
        reading.add(given.places["gender"], f"must be one of {', '.join(GENDERS)}: INSi knows no other")
    if given.text("birthDate") and len(given.text("birthDate")) != 10:
        reading.add(given.places["birthDate"], "must be a full date, YYYY-MM-DD: INSi asks for the day")
    reading.close()
    asked = pb.SearchInsRequest(
        birth_name=given.text("birthName"),
        first_name=given.text("birthFirstName"),
        sex=GENDERS[gender],
        birth_date=given.text("birthDate"),
        birth_place=given.text("birthPlace"),
    )
    return asked, {field: given.places.get(name, "Parameters") for field, name in FIELDS.items()}


def read_nothing(body: Any) -> None:
    """An operation on one Patient that takes no parameter: no body, or Parameters that hold none."""
    if body == {}:
        return
    reading = Reading()
    Given(body, {}, reading)
    reading.close()


def read_verification(body: Any) -> tuple[pb.Ins | None, str]:
    """The INS to verify in place of the one that the identity holds, and where it stands."""
    if body == {}:
        return None, ""
    reading = Reading()
    given = Given(body, {"identifier": "valueIdentifier"}, reading)
    if "identifier" not in given.values:
        reading.close()
        return None, ""
    at, identifier = given.places["identifier"], given.values["identifier"]
    if type_of(identifier) not in OIDS:
        reading.add(f"{at}.type", f"must be that of an INS: {', '.join(OIDS)}")
    # The INS alone is read, by the rules of a Patient's identifiers.
    use = "temp" if type_of(identifier) == "INS-NIA" else "official"
    found = read_identifiers({"identifier": [{"use": use, **identifier}]}, "", at, reading)
    reading.found = [_at_value(one, at) for one in reading.found]
    reading.close()
    return found.ins, at


def read_line(body: Any) -> tuple[insi_pb2.VerifyInsTraitsRequest, dict[str, str]]:
    """The question with all traits, and where each field of it stands; raises FhirInvalid."""
    # A Patient may hold more than INSi compares: the rest is of no harm to a question.
    reading = Reading(lenient=True)
    given = Given(body, {"resource": "resource"}, reading)
    given.need("resource")
    reading.close()
    at, patient = given.places["resource"], given.values["resource"]
    civil = Civil(patient, at, reading)
    traits = civil.read(with_ins=False)
    for index, extension in enumerate(patient.get("extension", [])):
        if extension.get("url") == names.BIRTH_PLACE:
            civil.birth_place(extension, f"{at}.extension[{index}]")
    found = read_identifiers(patient, "", at, reading, frozenset(OIDS))
    if found.ins is None:
        reading.add(f"{at}.identifier", f"must hold an INS with its type: {', '.join(OIDS)}")
    if traits.sex == pb.SEX_UNKNOWN:
        reading.add(f"{at}.gender", f"must be one of {', '.join(GENDERS)}: INSi knows no other")
    reading.close()
    return _line(found.ins or pb.Ins(), traits), _line_places(civil.places, found.places.get("ins", at))


def _line(ins: pb.Ins, traits: pb.Traits) -> insi_pb2.VerifyInsTraitsRequest:
    line = insi_pb2.VerificationLine(
        num_identifiant=ins.matricule[:13],
        cle=ins.matricule[13:],
        oid=ins.oid,
        nom_naissance=traits.birth_name,
        liste_prenom=" ".join(traits.birth_first_names),
        sexe="M" if traits.sex == pb.SEX_MALE else "F",
        date_naissance=traits.birth_date,
        lieu_naissance=traits.birth_place,
    )
    return insi_pb2.VerifyInsTraitsRequest(line=line)


def _line_places(traits: dict[str, str], ins: str) -> dict[str, str]:
    of_ins = {"num_identifiant": f"{ins}.value", "cle": f"{ins}.value", "oid": f"{ins}.system"}
    of_traits = {name: traits.get(f"traits.{field}", ins) for name, field in LINE.items()}
    return {f"line.{name}": place for name, place in (of_ins | of_traits).items()}


def _at_value(fault: Violation, at: str) -> Violation:
    return Violation(fault.field.replace(f"{at}.identifier[0]", at), fault.problem)


def write_answer(code: str, label: str, person: pb.Person) -> Json:
    """What INSi answered: 00 with the person, 01 nobody, 02 several. The person is not a Patient of this
    server, so it has no id to be read under.
    """
    found = write_person(person) if person.person_id else {}
    patient = {name: value for name, value in found.items() if name != "id"}
    return write_parameters(
        *_code(code, label), *([{"name": "person", "resource": patient}] if found else [])
    )


def write_retrieval(answer: pb.RetrieveInsResponse) -> Json:
    """What INSi answered, and the Patient as it is now."""
    return write_parameters(*_code(answer.code, answer.label), _patient(answer.identity))


def write_verdict(answer: insi_pb2.VerifyInsTraitsResponse) -> Json:
    """Whether INSi confirms, and nothing else: it never says which trait does not agree."""
    result = "confirmed" if answer.confirmed else "not-confirmed"
    return write_parameters({"name": "result", "valueCode": result})


def write_verification(answer: pb.VerifyInsResponse) -> Json:
    """Whether INSi confirms, and the Patient as it is now."""
    return write_parameters(
        {"name": "result", "valueCode": RESULTS.get(answer.result, "not-confirmed")},
        _patient(answer.identity),
    )


def _code(code: str, label: str) -> list[Json]:
    told = [{"name": "code", "valueCode": code}]
    return [*told, {"name": "label", "valueString": label}] if label else told


def _patient(identity: pb.Identity) -> Json:
    return {"name": "patient", "resource": write_identity(identity)}
