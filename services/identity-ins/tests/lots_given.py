"""Lines of lots for the tests: right, wrong and broken ones, made from the fictitious persons."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from identity_ins import seed
from identity_ins.domain import Person
from identity_ins.domain.insi import fourni_of
from identity_ins.domain.lot import Line
from socle.identity_ins.v1 import insi_pb2 as pb


def line_of(person: Person, reference: str = "") -> Line:
    """The line that INSi confirms for a person."""
    fourni = fourni_of(person.ins, person.traits)
    return Line(
        fourni.num_identifiant,
        fourni.cle,
        fourni.oid,
        fourni.nom_naissance,
        fourni.liste_prenom,
        fourni.sexe,
        fourni.date_naissance,
        fourni.lieu_naissance,
        reference,
    )


def mixed_lines(count: int, persons: int) -> Iterator[Line]:
    """In ten lines: seven right, two that INSi does not confirm, one broken; each with its number as mark."""
    for n in range(count):
        line = line_of(seed.person(1 + n % persons), str(n))
        if n % 10 == 7:
            yield replace(line, nom_naissance="AUTREMENT")
        elif n % 10 == 8:
            yield replace(line, lieu_naissance="99999")
        elif n % 10 == 9:
            yield replace(line, cle=f"{(int(line.cle) + 1) % 97:02d}")
        else:
            yield line


def message_of(line: Line) -> pb.VerificationLine:
    """The line as a caller sends it."""
    return pb.VerificationLine(**{name: getattr(line, name) for name in line.__slots__})
