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
from dmp import domain, policy, store
from dmp.domain import Deposit, Document, DocumentId, EmergencyConsent, Item, LotId, Record, Relation, Search

from .dmp_given import CDA, PERSON, WARD, centre_15, codes, deposit, entry

SEED = Path(__file__).parent.parent / "migrations" / "habilitation_v1.csv"
FLAGS = [
    ("N",),
    ("V", "MASQUE_PS"),
    ("R", "INVISIBLE_PATIENT"),
    ("N", "INVISIBLE_REPRESENTANTS_LEGAUX"),
    ("N", "MASQUE_PS", "INVISIBLE_REPRESENTANTS_LEGAUX"),
    ("N", "INVISIBLE_PATIENT", "INVISIBLE_REPRESENTANTS_LEGAUX"),
]
# Types on which the professions differ, and one that no line of the matrix names.
TYPES = ["11488-4", "89601-9", "68599-0", "ATTEST-RESID", "57833-6", "74207-2"]
PROFESSIONS = ["10", "21", "40", "60", "70", "28", "41", "330", "999", ""]


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
        metadata = entry(
            confidentiality=codes(*flags),
            type=domain.Coding(type_code),
            category=domain.Coding(domain.class_of(type_code) or ""),
            authors=(domain.Author(professional=author),),
        )
        yield Document(DocumentId.new(), PERSON, LotId.new(), metadata, NOW, depositor, "", b"")


def every_reader() -> Iterator[tuple[Caller, Relation]]:
    consents = chain.from_iterable(combinations(EmergencyConsent, n) for n in range(4))
    modes = [lambda c: c, emergency, centre_15]
    relations = [
        Relation(Record(PERSON, NOW), blocked, authorised, frozenset(given))
        for blocked, authorised, given in product([False, True], [False, True], consents)
    ]
    for profession, mode, relation in product(PROFESSIONS, modes, relations):
        yield mode(replace(callers.nurse, profession=profession)), relation
    for caller in callers.every_kind().values():
        yield caller, relations[0]
    yield replace(callers.guardian, represents=frozenset({PERSON.value})), relations[0]


@pytest.fixture(scope="module")
async def documents(database: Database) -> list[Document]:
    """Every document of the cases, in one record."""
    made = list(every_document())
    async with database.begin(call_as(callers.doctor)) as tx:
        await store.insert_record(tx, Record(PERSON, NOW))
        for document in made:
            lot = Deposit(deposit().lot, (Item(document.entry, CDA),))
            store.insert_lot(tx, document.lot_id, PERSON, lot, [document])
    return made


async def test_function_and_where_clause_agree_on_every_case(tx: Tx, documents: list[Document]) -> None:
    cases = list(every_reader())
    for caller, relation in cases:
        reach = policy.reach(caller, PERSON, relation)
        by_sql = {
            found.document.id for found in await store.list_readable(tx, PERSON, reach, Search(size=1000))
        }
        by_function = {
            d.id
            for d in documents
            if policy.may_read(d, reach, habilitated(caller.profession, d.entry.type.code)).permitted
        }
        assert by_sql == by_function, (caller.kind, caller.profession, caller.purpose, relation)
    assert len(cases) > 400
    assert len(documents) == len(FLAGS) * len(TYPES) * 4


async def test_cell_read_with_one_document_is_the_cell_of_the_seed(tx: Tx, documents: list[Document]) -> None:
    one_of_each = {d.entry.type.code: d for d in documents}
    for profession, (type_code, document) in product(PROFESSIONS, one_of_each.items()):
        caller = replace(callers.nurse, profession=profession)
        there = await store.find_document(tx, document.id, caller, NOW)
        assert there is not None
        assert there[0].habilitated is habilitated(profession, type_code), (profession, type_code)


async def test_newer_version_of_a_cell_replaces_the_seed(tx: Tx, documents: list[Document]) -> None:
    certificate = next(d for d in documents if d.entry.type.code == "89601-9")
    tx.insert(
        store.METADATA.tables["habilitation"],
        profession="60",
        type_code="89601-9",
        version=2,
        allowed=True,
        source="published",
    )
    there = await store.find_document(tx, certificate.id, callers.nurse, NOW)
    assert there is not None
    assert there[0].habilitated


async def test_documents_of_another_record_are_never_listed(tx: Tx, documents: list[Document]) -> None:
    reach = policy.reach(callers.other_citizen, WARD, Relation(Record(WARD, NOW)))
    assert await store.list_readable(tx, WARD, reach, Search()) == []
