"""Who sees what, through FHIR: each cell of the table of readers and visibilities, each mode of access.

In every cell the search (ITI-67), the read and the retrieval (ITI-68) say the same.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace

import pytest

from socle_local.journey import Actor, Patient
from socle_local.personas import (
    DOCTOR,
    EMERGENCY_DOCTOR,
    FAMILY_DOCTOR,
    NURSE,
    OTHER_DOCTOR,
    OTHER_PATIENT,
    PATIENT,
)
from tests.integration import records
from tests.integration.records import BREAK_GLASS, NORMAL, REGULATION, SECRET
from tests.reach import Actors, code_of

FLAGS = ("N", "MASQUE_PS", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX")
# Denied to doctors by the matrix, and to nurses.
CLOSED_TO_DOCTORS, CLOSED_TO_NURSES = "ATTEST-RESID", "89601-9"
TABLE = """
reader                     record  mode           N    MASQUE_PS  PATIENT  REPRESENTANTS
author                     adult   normal         yes  yes        yes      yes
medecin-traitant           adult   normal         yes  yes        yes      yes
administrator              minor   normal         yes  yes        yes      yes
other-doctor               adult   normal         yes  no         yes      yes
emergency-doctor           adult   bris_de_glace  yes  no         yes      yes
emergency-doctor           adult   centre_15      yes  no         yes      yes
emergency-doctor-opened    minor   bris_de_glace  yes  yes        yes      yes
emergency-doctor-opened    minor   centre_15      yes  yes        yes      yes
patient                    adult   normal         yes  yes        no       yes
minor                      minor   normal         yes  yes        no       yes
representative             minor   normal         yes  yes        no       no
delegate                   adult   normal         yes  yes        no       no
"""
PERSONAS = {
    "author": "doctor",
    "medecin-traitant": "family-doctor",
    "administrator": "family-doctor",
    "emergency-doctor-opened": "emergency-doctor",
    "minor": "other-patient",
    "representative": "guardian",
    "delegate": "caregiver",
}
MODES = {"normal": NORMAL, "bris_de_glace": BREAK_GLASS, "centre_15": REGULATION, "secret": SECRET}
HEADER, *ROWS = [row.split() for row in TABLE.strip().splitlines()]
CELLS = [
    (reader, record, mode, flag, cell == "yes")
    for reader, record, mode, *cells in ROWS
    for flag, cell in zip(FLAGS, cells, strict=True)
]


@dataclass
class Shelf:
    """A record with a document of each visibility, and what each reader was found to see of it."""

    patient: Patient
    holder: Actor
    documents: dict[str, str] = field(default_factory=dict)
    found: dict[tuple[str, str], set[str]] = field(default_factory=dict)

    async def sees(self, actor: Actor, mode: str = "normal") -> set[str]:
        """The visibilities that this reader sees, asked now."""
        ids = await records.seen(actor, self.patient, self.documents.values(), MODES[mode])
        return {name for name, document_id in self.documents.items() if document_id in ids}

    async def sees_once(self, actor: Actor, mode: str) -> set[str]:
        """The same, asked once for all the cells of a row."""
        key = (actor.persona, mode)
        if key not in self.found:
            self.found[key] = await self.sees(actor, mode)
        return self.found[key]


async def filled(actors: Actors, patient: Patient, holder: str) -> Shelf:
    await records.opened(actors, patient, holder)
    shelf = Shelf(patient, actors[holder])
    author = actors["doctor"]
    for flag in FLAGS:
        at_deposit = (flag,) if flag.startswith("INVISIBLE") else ()
        shelf.documents[flag] = await records.deposited(author, patient, *at_deposit)
    masked = f"/v1/dmp/documents/{shelf.documents['MASQUE_PS']}/mask"
    (await shelf.holder.send("PUT", masked)).expect(200)
    return shelf


@pytest.fixture(scope="module")
async def adult(actors: Actors) -> AsyncIterator[Shelf]:
    """The patient's record: the other doctor is authorised, the family doctor is médecin traitant."""
    shelf = await filled(actors, Patient.seeded(PATIENT.number), "patient")
    person, holder = records.path(shelf.patient), shelf.holder
    await records.granted(holder, shelf.patient, OTHER_DOCTOR.id_nat)
    role = {"professional": FAMILY_DOCTOR.id_nat, "role": "medecin_traitant"}
    (await holder.send("POST", f"{person}/care-roles", role)).expect(201)
    yield shelf
    await records.opened(actors, shelf.patient, "patient")


@pytest.fixture(scope="module")
async def minor(actors: Actors) -> AsyncIterator[Shelf]:
    """The child's record: masked documents open in an emergency, and the family doctor administers it."""
    shelf = await filled(actors, Patient.seeded(OTHER_PATIENT.number), "guardian")
    person, holder = records.path(shelf.patient), shelf.holder
    await records.granted(holder, shelf.patient, OTHER_DOCTOR.id_nat)
    role = {"professional": FAMILY_DOCTOR.id_nat, "role": "administrator"}
    (await holder.send("POST", f"{person}/care-roles", role)).expect(201)
    await records.consented(holder, shelf.patient, masked=True)
    yield shelf
    await records.opened(actors, shelf.patient, "guardian")


@pytest.mark.parametrize(("reader", "record", "mode", "flag", "expected"), CELLS, ids=str)
async def test_cell_of_the_table(
    actors: Actors, adult: Shelf, minor: Shelf, reader: str, record: str, mode: str, flag: str, expected: bool
) -> None:
    shelf = {"adult": adult, "minor": minor}[record]
    found = await shelf.sees_once(actors[PERSONAS.get(reader, reader)], mode)
    assert (flag in found) == expected


async def test_secret_connection_reads_as_normal_does(actors: Actors, minor: Shelf) -> None:
    """By who is authorised: what is kept from representatives is not kept from who treats the minor."""
    authorised = actors["other-doctor"]
    assert await minor.sees(authorised, "secret") == set(FLAGS) - {"MASQUE_PS"}
    assert await minor.sees(actors["nurse"], "secret") == set()


async def test_citizens_have_no_secret_connection(actors: Actors, minor: Shelf) -> None:
    for persona in ("other-patient", "guardian"):
        assert await minor.sees(actors[persona], "secret") == set(), persona


async def test_normal_mode_without_authorisation_sees_nothing(actors: Actors, adult: Shelf) -> None:
    assert await adult.sees(actors["emergency-doctor"]) == set()
    assert await adult.sees(actors["pharmacist"]) == set()


async def test_authorisation_of_a_structure_opens_to_its_professionals_alone(
    actors: Actors, adult: Shelf
) -> None:
    nurse, structure = actors["nurse"], NURSE.structure.id_nat
    before = await adult.sees(nurse)
    access = await records.granted(adult.holder, adult.patient, structure, "structure")
    opened = await adult.sees(nurse)
    path = f"{records.path(adult.patient)}/accesses/{access['id']}"
    (await adult.holder.send("DELETE", path)).expect(204)
    assert (before, opened) == (set(), set(FLAGS) - {"MASQUE_PS"})
    assert await adult.sees(nurse) == set()


async def test_break_glass_without_a_reason_is_refused_as_a_fault(actors: Actors, adult: Shelf) -> None:
    asked = {"patient.identifier": adult.patient.ins_token, "status": "current"}
    mode = {"socle-purpose": "bris_de_glace"}
    reply = await actors["emergency-doctor"].send(
        "GET", "/fhir/DocumentReference", params=asked, headers=mode
    )
    assert (reply.status, code_of(reply)) == (400, "REASON_MISSING")


async def test_regulation_is_for_regulation_doctors(actors: Actors, adult: Shelf) -> None:
    assert await adult.sees(actors["other-doctor"], "centre_15") == set()


@pytest.mark.parametrize(("switch", "mode"), [("btg", "bris_de_glace"), ("etreat", "centre_15")])
async def test_consent_that_is_taken_back_closes_its_mode_alone(
    actors: Actors, adult: Shelf, switch: str, mode: str
) -> None:
    emergency = actors["emergency-doctor"]
    others = {"bris_de_glace", "centre_15"} - {mode}
    await records.consented(adult.holder, adult.patient, **{switch: False})
    closed = await adult.sees(emergency, mode)
    open_still = [await adult.sees(emergency, other) for other in others]
    await records.consented(adult.holder, adult.patient, **{switch: True})
    assert closed == set()
    assert open_still == [set(FLAGS) - {"MASQUE_PS"}]
    assert await adult.sees(emergency, mode) == set(FLAGS) - {"MASQUE_PS"}


async def test_opposition_to_consultation_leaves_the_author_what_they_wrote(
    actors: Actors, adult: Shelf
) -> None:
    await records.consented(adult.holder, adult.patient, consultation_allowed=False)
    other = await adult.sees(actors["other-doctor"])
    author = await adult.sees(actors["doctor"])
    await records.consented(adult.holder, adult.patient, consultation_allowed=True)
    assert (other, author) == (set(), set(FLAGS))


async def test_feeding_needs_no_authorisation_to_read_and_gives_none(actors: Actors, adult: Shelf) -> None:
    await records.consented(adult.holder, adult.patient, feeding_allowed=False)
    body = records.sent(adult.patient, records.report(adult.patient))
    refused = await actors["doctor"].send("POST", "/fhir", body)
    await records.consented(adult.holder, adult.patient, feeding_allowed=True)
    own = await records.deposited(actors["doctor"], adult.patient)
    assert refused.status == 403
    assert own in await records.searched(actors["doctor"], adult.patient)
    # Another of the same hospital, who was not authorised: deposits, and reads nothing.
    assert await records.searched(actors["emergency-doctor"], adult.patient) == []


async def test_blocked_professional_reads_in_no_mode_and_still_deposits(actors: Actors, adult: Shelf) -> None:
    path = f"{records.path(adult.patient)}/blocks/{DOCTOR.id_nat}"
    (await adult.holder.send("PUT", path)).expect(200, 201)
    try:
        own = await records.deposited(actors["doctor"], adult.patient)
        for mode in MODES:
            assert await adult.sees(actors["doctor"], mode) == set(), mode
        assert own in await records.searched(adult.holder, adult.patient)
    finally:
        (await adult.holder.send("DELETE", path)).expect(204)
    assert await adult.sees(actors["doctor"]) == set(FLAGS)


async def test_matrix_closes_a_type_in_normal_and_break_glass_and_not_to_the_regulation(
    actors: Actors, adult: Shelf
) -> None:
    """Nor to the médecin traitant, to whom the holder opened every type."""
    document = records.of_type(records.report(adult.patient), CLOSED_TO_DOCTORS, "95")
    closed = await records.deposited(actors["doctor"], adult.patient, document=document)
    readers = {
        ("other-doctor", "normal"): False,
        ("emergency-doctor", "bris_de_glace"): False,
        ("emergency-doctor", "centre_15"): True,
        ("family-doctor", "normal"): True,
        ("patient", "normal"): True,
        ("caregiver", "normal"): True,
        ("doctor", "normal"): True,
    }
    for (persona, mode), expected in readers.items():
        found = await records.seen(actors[persona], adult.patient, [closed], MODES[mode])
        assert (closed in found) == expected, (persona, mode)


async def test_matrix_differs_by_profession(actors: Actors, adult: Shelf) -> None:
    report = records.report(adult.patient)
    content = report.content.replace(b"11488-4", CLOSED_TO_NURSES.encode())
    certificate = replace(report, content=content, type_code=CLOSED_TO_NURSES, class_code="52")
    closed = await records.deposited(actors["doctor"], adult.patient, document=certificate)
    access = await records.granted(adult.holder, adult.patient, NURSE.id_nat)
    nurse = await records.seen(actors["nurse"], adult.patient, [closed])
    doctor = await records.seen(actors["other-doctor"], adult.patient, [closed])
    path = f"{records.path(adult.patient)}/accesses/{access['id']}"
    (await adult.holder.send("DELETE", path)).expect(204)
    assert (nurse, doctor) == (set(), {closed})


async def test_stranger_and_other_citizen_learn_nothing(actors: Actors, adult: Shelf) -> None:
    for persona in ("guardian", "other-patient", "other-pharmacist"):
        assert await adult.sees(actors[persona]) == set(), persona


async def test_closed_record_is_empty_to_all_and_comes_back_whole(actors: Actors, adult: Shelf) -> None:
    person = records.path(adult.patient)
    (await adult.holder.send("POST", f"{person}/closure", {"reason": "patient_request"})).expect(200)
    try:
        for persona, mode in (("doctor", "normal"), ("patient", "normal"), ("emergency-doctor", "centre_15")):
            assert await adult.sees(actors[persona], mode) == set(), persona
    finally:
        (await adult.holder.send("DELETE", f"{person}/closure")).expect(200)
    assert await adult.sees(actors["doctor"]) == set(FLAGS)


def test_every_cell_is_in_the_table() -> None:
    """Eight kinds of reader, four visibilities; an emergency with and without the consent to masked."""
    assert len(CELLS) == 4 * len(ROWS)
    assert {row[0] for row in ROWS} == {*PERSONAS, "other-doctor", "emergency-doctor", "patient"}
    assert EMERGENCY_DOCTOR.regulates
