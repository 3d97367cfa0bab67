"""`policy.may_read` and the WHERE clause of `store` are one rule: every reader, every document, real SQL."""

import csv
from collections.abc import Iterator
from dataclasses import replace
from itertools import chain, combinations, product
from pathlib import Path

import pytest

from chassis.caller import Caller
from chassis.db import Database, Tx
from chassis.testing import NOW, call_as, callers, emergency
from dmp import policy, store
from dmp.domain.documents import Document
from dmp.domain.habilitation import Cell
from dmp.domain.lots import LotKind, StoredLot
from dmp.domain.records import CareRole, EmergencyConsent, Record, RecordState, Relation
from dmp.domain.search import Search
from dmp.store import deposits, documents, habilitation, search

from .dmp_given import PERSON, WARD, WRAPPED, centre_15
from .policy_given import MASK, PATIENT, REPRESENTATIVES, paper, secret

SEED = Path(__file__).parent.parent / "migrations" / "habilitation_v1.csv"
FLAGS = [
    ("N",),
    ("V", MASK),
    ("R", PATIENT),
    ("N", REPRESENTATIVES),
    ("N", MASK, REPRESENTATIVES),
    ("N", PATIENT, REPRESENTATIVES),
    ("N", MASK, PATIENT, REPRESENTATIVES),
]
# Types on which the professions differ, and one that no line of the matrix names.
TYPES = ["11488-4", "89601-9", "68599-0", "ATTEST-RESID", "57833-6", "74207-2"]
PROFESSIONS = ["10", "21", "40", "60", "70", "28", "41", "330", "999", ""]
MODES = [lambda caller: caller, emergency, centre_15, secret]
OPEN = Record(PERSON, NOW)
ROLES: list[frozenset[CareRole]] = [
    frozenset(),
    frozenset({CareRole.MEDECIN_TRAITANT}),
    frozenset({CareRole.ADMINISTRATOR}),
    frozenset({CareRole.PHARMACIEN_CORRESPONDANT}),
]


def matrix() -> dict[tuple[str, str], bool]:
    """The seed, read without SQL."""
    with SEED.open(encoding="utf-8") as rows:
        return {(r["profession"], r["type_code"]): r["allowed"] == "true" for r in csv.DictReader(rows)}


MATRIX = matrix()


def habilitated(profession: str, type_code: str) -> bool:
    return MATRIX.get((profession, type_code), MATRIX.get((profession, "*"), False))


def every_document() -> Iterator[Document]:
    reader = callers.nurse.subject
    for flags, type_code, (depositor, author) in product(
        FLAGS, TYPES, [("x", "y"), (reader, "y"), ("x", reader), ("", "")]
    ):
        made = paper(PERSON, *flags, type_code=type_code, submitted_by=depositor, submitted_for="")
        facts = replace(made.facts, unique_id=f"urn:uuid:{made.id}", author_ids=(author,) if author else ())
        yield replace(made, facts=facts, blob=made.id.value)


def every_relation() -> Iterator[Relation]:
    consents = list(chain.from_iterable(combinations(EmergencyConsent, n) for n in range(4)))
    for blocked, authorised, given in product([False, True], [False, True], consents):
        yield Relation(OPEN, blocked, authorised, frozenset(given))
    for roles, blocked, given in product(ROLES[1:], [False, True], consents[::7]):
        yield Relation(OPEN, blocked, False, frozenset(given), roles)
    for roles in ROLES:
        yield Relation(replace(OPEN, consultation_allowed=False), False, True, frozenset(consents[-1]), roles)
    for state in (RecordState.CLOSED, RecordState.DESTROYED):
        yield Relation(replace(OPEN, state=state), False, True, frozenset(consents[-1]), ROLES[1])


def every_reader() -> Iterator[tuple[Caller, Relation]]:
    relations = list(every_relation())
    for profession, mode, relation in product(PROFESSIONS, MODES, relations):
        yield mode(replace(callers.nurse, profession=profession)), relation
    family = {
        "parent": replace(callers.guardian, represents=frozenset({PERSON.value})),
        "delegate": replace(callers.guardian, represents=frozenset[str](), assists=frozenset({PERSON.value})),
        **callers.every_kind(),
    }
    for caller, relation in product(family.values(), [relations[0], relations[-1]]):
        yield caller, relation
        yield secret(caller), relation


@pytest.fixture(scope="module")
async def stored(database: Database) -> list[Document]:
    """Every document of the cases, in one record."""
    made = list(every_document())
    async with database.begin(call_as(callers.doctor)) as tx:
        await store.insert_record(tx, OPEN, WRAPPED)
        for document in made:
            lot = f"urn:uuid:{document.lot_id}"
            deposits.insert_lot(
                tx,
                StoredLot(document.lot_id, PERSON, LotKind.DEPOSIT, lot, "1.2", "07", (), b"", NOW, NOW),
                (),
                document.submitted_by,
                "",
            )
            deposits.insert_document(tx, document, ())
    return made


async def test_function_and_where_clause_agree_on_every_case(tx: Tx, stored: list[Document]) -> None:
    # What the statement is given decides what it finds: the same parameters are asked once.
    by_sql: dict[tuple[object, ...], set[str]] = {}
    cases = 0
    for caller, relation in every_reader():
        cases += 1
        reach = policy.reach(caller, PERSON, relation)
        given = (reach.consult.permitted, reach.author, reach.profession, frozenset(reach.hidden))
        if given not in by_sql:
            found = await search.list_readable(tx, PERSON, reach, Search(size=1000))
            by_sql[given] = {f.document.id.value for f in found}
        by_function = {
            d.id.value
            for d in stored
            if policy.may_read(d, reach, habilitated(caller.profession, d.facts.type_code)).permitted
        }
        assert by_sql[given] == by_function, (caller.kind, caller.profession, caller.purpose, relation)
    assert cases > 2000
    assert len(by_sql) > 40
    assert len(stored) == len(FLAGS) * len(TYPES) * 4


async def test_cell_read_with_one_document_is_the_cell_of_the_seed(tx: Tx, stored: list[Document]) -> None:
    one_of_each = {d.facts.type_code: d for d in stored}
    for profession, (type_code, document) in product(PROFESSIONS, one_of_each.items()):
        caller = replace(callers.nurse, profession=profession)
        there = await documents.find_document(tx, document.id, caller, NOW)
        assert there is not None
        assert there.found.habilitated is habilitated(profession, type_code), (profession, type_code)


async def test_newer_version_of_a_cell_replaces_the_seed(tx: Tx, stored: list[Document]) -> None:
    certificate = next(d for d in stored if d.facts.type_code == "89601-9")
    habilitation.insert_cells(tx, [Cell("60", "89601-9", True, 2, "published")])
    there = await documents.find_document(tx, certificate.id, callers.nurse, NOW)
    assert there is not None
    assert there.found.habilitated


async def test_documents_of_another_record_are_never_listed(tx: Tx, stored: list[Document]) -> None:
    reach = policy.reach(callers.other_citizen, WARD, Relation(Record(WARD, NOW)))
    assert await search.list_readable(tx, WARD, reach, Search()) == []
