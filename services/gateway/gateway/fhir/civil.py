"""Traits of a Patient as FR Core has them: names, gender, date and place of birth, both ways."""

from __future__ import annotations

import unicodedata
from typing import Any

from socle.identity_ins.v1 import identity_ins_pb2 as pb

from . import names
from .faults import Reading

Json = dict[str, Any]
GENDERS = {"male": pb.SEX_MALE, "female": pb.SEX_FEMALE, "unknown": pb.SEX_UNKNOWN}
GENDER_NAMES = {value: name for name, value in GENDERS.items()}
NAME_PARTS = {"use", "family", "given"}
OTHER = (
    "is `other`: the civil status and INSi know male and female, and an identity may be unknown until then"
)
LIST = f"extension.where(url='{names.FR_BIRTH_GIVEN_NAMES}')"


class Civil:
    """Reads the traits of one Patient; `places` says where each field of the contract was read."""

    def __init__(self, patient: Json, at: str, reading: Reading) -> None:
        self.patient, self.at, self.reading = patient, at, reading
        self.traits = pb.Traits()
        self.places: dict[str, str] = {}

    def read(self, *, with_ins: bool) -> pb.Traits:
        """The traits, whole; `with_ins` holds them to fr-core-patient-ins."""
        self._official(listed=with_ins)
        self._usual()
        self._gender()
        self._born()
        return self.traits

    def _of_use(self, use: str) -> list[tuple[str, Json]]:
        found = enumerate(self.patient.get("name", []))
        return [(f"{self.at}.name[{n}]", name) for n, name in found if name.get("use") == use]

    def _official(self, *, listed: bool) -> None:
        official = self._of_use("official")
        for at, _ in official[1:]:
            self.reading.add(at, "is a second official name: give the birth name once")
        if not official:
            problem = "must hold one name of use official: the birth name and the first birth first name"
            self.reading.add(f"{self.at}.name", problem)
            return
        at, name = official[0]
        self.reading.only(name, {*NAME_PARTS, "extension"}, at)
        if not name.get("family"):
            self.reading.add(f"{at}.family", "is missing: give the birth name")
        self.traits.birth_name = str(name.get("family", ""))
        self.places["traits.birth_name"] = f"{at}.family"
        self._first_names(name, at, listed=listed)

    def _first_names(self, name: Json, at: str, *, listed: bool) -> None:
        given = [str(one) for one in name.get("given", [])]
        if len(given) != 1:
            self.reading.add(
                f"{at}.given", f"must be one: the first birth first name (the list goes in {LIST})"
            )
            return
        whole = self._list(name, at)
        if not whole and listed:
            self.reading.add(f"{at}.{LIST}", "is missing: give the list of birth first names")
        first, words = given[0].split(), (whole or given[0]).split()
        if _folded(words[: len(first)]) != _folded(first):
            self.reading.add(f"{at}.given[0]", f"must be the first of the list in {LIST}")
        # A first name may hold a space: `given` says how many words of the list are the first one.
        self.traits.birth_first_names.extend([" ".join(words[: len(first)]), *words[len(first) :]])
        self.places["traits.birth_first_names"] = f"{at}.{LIST}" if whole else f"{at}.given[0]"

    def _list(self, name: Json, at: str) -> str:
        found = ""
        for place, extension in enumerate(name.get("extension", [])):
            if extension.get("url") != names.FR_BIRTH_GIVEN_NAMES:
                self.reading.leave(f"{at}.extension[{place}]")
            elif found:
                self.reading.add(f"{at}.extension[{place}]", "is a second list of birth first names")
            else:
                found = str(extension.get("valueString", "")).strip()
                if not found:
                    self.reading.add(f"{at}.extension[{place}].value", "must be a string of first names")
        return found

    def _usual(self) -> None:
        for place, name in enumerate(self.patient.get("name", [])):
            if name.get("use") not in ("official", "usual"):
                self.reading.leave(f"{self.at}.name[{place}]", "is neither the official nor the usual name")
        usual = self._of_use("usual")
        for at, _ in usual[1:]:
            self.reading.add(at, "is a second usual name: one can be kept")
        if not usual:
            return
        at, name = usual[0]
        self.reading.only(name, NAME_PARTS, at)
        given = name.get("given", [])
        if len(given) > 1:
            self.reading.add(f"{at}.given", "must be one: the first name in use")
        self.traits.used_name, self.traits.used_first_name = str(name.get("family", "")), "".join(given[:1])
        self.places |= {"traits.used_name": f"{at}.family", "traits.used_first_name": f"{at}.given[0]"}

    def _gender(self) -> None:
        at, gender = f"{self.at}.gender", self.patient.get("gender")
        self.places["traits.sex"] = at
        self.traits.sex = GENDERS.get(str(gender), pb.SEX_UNSPECIFIED)
        if gender is None:
            self.reading.add(at, f"is missing: give one of {', '.join(GENDERS)}")
        elif gender not in GENDERS:
            self.reading.add(at, OTHER if gender == "other" else f"must be one of {', '.join(GENDERS)}")

    def _born(self) -> None:
        at = f"{self.at}.birthDate"
        self.places["traits.birth_date"] = at
        self.traits.birth_date = str(self.patient.get("birthDate", ""))
        if not self.traits.birth_date:
            self.reading.add(at, "is missing: give YYYY-MM-DD, or YYYY-MM or YYYY when no more is known")

    def birth_place(self, extension: Json, at: str) -> None:
        """Reads the place of birth from its extension."""
        self.reading.only(extension, {"url", "valueAddress"}, at)
        at = f"{at}.value"
        address = extension.get("valueAddress", {})
        self.reading.only(address, {"extension", "city"}, at)
        code = self._commune(address, at)
        self.traits.birth_place, self.traits.birth_place_name = code, str(address.get("city", ""))
        self.places |= {"traits.birth_place_name": f"{at}.city", "traits.birth_place": f"{at}.extension"}

    def _commune(self, address: Json, at: str) -> str:
        found = ""
        for place, one in enumerate(address.get("extension", [])):
            coding, where = one.get("valueCoding", {}), f"{at}.extension[{place}]"
            if one.get("url") != names.FR_INSEE_CODE:
                self.reading.leave(where)
            elif found:
                self.reading.add(where, "is a second COG code")
            elif coding.get("system", names.COMMUNE) != names.COMMUNE:
                self.reading.add(f"{where}.value.system", f"must be {names.COMMUNE}")
            else:
                found = str(coding.get("code", ""))
        if not found:
            self.reading.add(at, f"must hold the COG code of the place, in extension {names.FR_INSEE_CODE}")
        return found


def _folded(words: list[str]) -> list[str]:
    """First names as they are compared: case and diacritics do not count."""
    bare = unicodedata.normalize("NFKD", " ".join(words).casefold())
    return "".join(c for c in bare if not unicodedata.combining(c)).split()


def write_names(traits: pb.Traits) -> list[Json]:
    """The official name holds the first birth first name only; the list goes in an extension, as FR Core has
    it.
    """
    official: Json = {
        "extension": [{"url": names.FR_BIRTH_GIVEN_NAMES, "valueString": " ".join(traits.birth_first_names)}],
        "use": "official",
        "family": traits.birth_name,
        "given": list(traits.birth_first_names[:1]),
    }
    used: Json = {"use": "usual"}
    if traits.used_name:
        used["family"] = traits.used_name
    if traits.used_first_name:
        used["given"] = [traits.used_first_name]
    return [official, used] if len(used) > 1 else [official]


def write_birth_place(traits: pb.Traits) -> Json:
    """The place of birth: its code, and its name as it was received."""
    code = {
        "url": names.FR_INSEE_CODE,
        "valueCoding": {"system": names.COMMUNE, "code": traits.birth_place},
    }
    address: Json = {"extension": [code]}
    if traits.birth_place_name:
        address["city"] = traits.birth_place_name
    return {"url": names.BIRTH_PLACE, "valueAddress": address}
