"""Questions about persons drawn over the whole registry, in every form they are asked in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from random import Random
from typing import Any

from identity_ins.domain import Person, Sex
from identity_ins.seed import generate, person
from socle.identity_ins.v1 import identity_ins_pb2 as pb
from socle.identity_ins.v1 import insi_pb2

# Of a hundred searches, how many are for nobody (the date of another), and for one of two homonyms.
NOBODY, HOMONYMS = 10, 5
# Of a hundred searches, how many give the place of birth.
PLACED = 30
# Of a hundred verifications, how many have a wrong trait; of a hundred lines of a lot, a broken key.
REFUTED, BROKEN = 10, 2
# Of a hundred matches, how many have two letters of the name in each other's place.
TYPED_WRONG = 50
GENDER = {Sex.MALE: "male", Sex.FEMALE: "female"}
SEX = {Sex.MALE: pb.SEX_MALE, Sex.FEMALE: pb.SEX_FEMALE}


@dataclass(frozen=True, slots=True)
class Question:
    """A person of the registry, and what is said of them."""

    number: int
    person: Person
    birth_name: str
    first_name: str
    birth_date: date
    birth_place: str = ""

    def search(self) -> pb.SearchInsRequest:
        return pb.SearchInsRequest(
            birth_name=self.birth_name,
            first_name=self.first_name,
            sex=SEX[self.person.traits.sex],
            birth_date=self.birth_date.isoformat(),
            birth_place=self.birth_place,
        )

    def search_body(self) -> dict[str, Any]:
        return {
            "birth_name": self.birth_name,
            "first_name": self.first_name,
            "sex": GENDER[self.person.traits.sex],
            "birth_date": self.birth_date.isoformat(),
            "birth_place": self.birth_place,
        }

    def search_row(self) -> list[str]:
        """What the bare lookup is given: date, sex, key of the name."""
        return [
            self.birth_date.isoformat(),
            self.person.traits.sex.value,
            self.person.traits.birth_name_key,
        ]

    def line(self) -> dict[str, str]:
        """A verification: the number, and all five traits."""
        person, traits = self.person, self.person.traits
        return {
            "num_identifiant": person.ins.body,
            "cle": person.ins.key,
            "oid": person.ins.oid.value,
            "nom_naissance": self.birth_name,
            "liste_prenom": " ".join(traits.birth_first_names),
            "sexe": traits.sex.value,
            "date_naissance": self.birth_date.isoformat(),
            "lieu_naissance": traits.birth_place,
        }

    def verification(self) -> insi_pb2.VerifyInsTraitsRequest:
        return insi_pb2.VerifyInsTraitsRequest(line=insi_pb2.VerificationLine(**self.line()))

    def number_row(self) -> list[str]:
        """What the bare lookup by number is given."""
        return [self.person.ins.matricule, self.person.ins.oid.value]

    def parameters(self) -> dict[str, Any]:
        """What Patient/$match is given."""
        patient = {
            "resourceType": "Patient",
            "name": [{"use": "official", "family": self.birth_name, "given": [self.first_name]}],
            "gender": GENDER[self.person.traits.sex],
            "birthDate": self.birth_date.isoformat(),
        }
        given = [{"name": "resource", "resource": patient}, {"name": "count", "valueInteger": 10}]
        return {"resourceType": "Parameters", "parameter": given}


def searches(size: int, count: int, seed: int) -> Iterator[Question]:
    """Searches by traits, some for nobody, some for homonyms whom the traits do not tell apart."""
    random = Random(seed)
    for _ in range(count):
        draw = random.random() * 100
        if draw < HOMONYMS:
            yield _homonym(size, random)
            continue
        number = random.randint(1, size)
        asked = person(number)
        traits = asked.traits
        born = _other_day(traits.birth_date, random) if draw < HOMONYMS + NOBODY else traits.birth_date
        place = traits.birth_place if random.random() * 100 < PLACED else ""
        yield Question(number, asked, traits.birth_name, random.choice(traits.birth_first_names), born, place)


def _homonym(size: int, random: Random) -> Question:
    """One of two persons of the same birth name, first name, sex and date."""
    number = generate.HOMONYM_EVERY * random.randint(1, size // generate.HOMONYM_EVERY)
    asked = person(number)
    return Question(
        number, asked, asked.traits.birth_name, asked.traits.birth_first_names[0], asked.traits.birth_date
    )


def _other_day(day: date, random: Random) -> date:
    return day - timedelta(days=random.randint(1, 3000))


def verifications(size: int, count: int, seed: int) -> Iterator[Question]:
    """Verifications with all traits, some with a wrong date."""
    random = Random(seed)
    for _ in range(count):
        number = random.randint(1, size)
        asked = person(number)
        traits = asked.traits
        wrong = random.random() * 100 < REFUTED
        born = _other_day(traits.birth_date, random) if wrong else traits.birth_date
        yield Question(number, asked, traits.birth_name, traits.birth_first_names[0], born)


def matches(size: int, count: int, seed: int) -> Iterator[Question]:
    """Persons as a desk types them: half of them with a slip in the name."""
    random = Random(seed)
    for _ in range(count):
        number = random.randint(1, size)
        asked = person(number)
        traits = asked.traits
        name = traits.birth_name
        if random.random() * 100 < TYPED_WRONG:
            name = _slipped(name, random)
        yield Question(number, asked, name, traits.birth_first_names[0], traits.birth_date)


def _slipped(name: str, random: Random) -> str:
    """Two letters in each other's place, the first one left where it is."""
    at = random.randrange(1, len(name) - 1) if len(name) > 2 else 0
    slipped = name[:at] + name[at + 1 : at + 2] + name[at] + name[at + 2 :]
    return slipped if slipped[-1].isalpha() else name


def lot_lines(size: int, count: int, seed: int) -> Iterator[insi_pb2.VerificationLine]:
    """The lines of a lot, a few of them broken."""
    random = Random(seed)
    for number, asked in enumerate(verifications(size, count, seed)):
        line = asked.line()
        if random.random() * 100 < BROKEN:
            line["cle"] = f"{(int(line['cle']) + 1) % 97:02d}"
        yield insi_pb2.VerificationLine(**line, reference=str(number))
