"""The medicines base as it is read: searched, opened, its imports and what was not understood of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from chassis import page
from chassis.db import ReadTx, Record
from chassis.errors import InvalidInput, NotFound
from eprescription.domain.codes import fault_of_cip13
from eprescription.domain.products import Medicine
from eprescription.domain.search import MOST, USUAL, Query, correct, query
from eprescription.store import imports, searching
from eprescription.store import medicines as store
from eprescription.store.imports import Import

from . import products

# With fewer names that begin so, a slip of the pen is likely.
FEW = 5
# Scores of a name that begins so, and of one that holds the words.
WHOLE, PART = 1.0, 0.9


class MedicineNotFound(NotFound):
    """There is no such medicine in the base."""

    where = "cis"
    remedy = "Search it by its name or substance (SearchMedicines)."


class NoMedicineNamed(InvalidInput):
    """Which medicine is meant is not told, or told wrongly."""

    remedy = "Give the CIS (8 digits) or the CIP13 (13 digits) of the medicine."


@dataclass(frozen=True, slots=True)
class Hit:
    medicine: Medicine
    # Between 0 and 1.
    score: float


async def search_medicines(tx: ReadTx, text: str, marketed_only: bool, limit: int) -> list[Hit]:
    """Best first; raises SearchTextWrong. An unknown number finds nothing, as an unknown name does."""
    wanted, most = query(text), min(limit or USUAL, MOST)
    if wanted.cip13 or wanted.cis:
        exact = await _numbered(tx, wanted)
        return [Hit(one, 1.0) for one in exact if one.marketed or not marketed_only]
    begins = await searching.list_beginning(tx, wanted, marketed_only, most)
    scores = {cis: WHOLE if whole else PART for cis, whole in begins.items()}
    if len(scores) < min(FEW, most):
        scores = {**await _alike(tx, wanted, marketed_only, most), **scores}
    medicines = await products.medicines(tx, scores)
    ranked = sorted(scores, key=lambda cis: -scores[cis])
    return [Hit(medicines[cis], scores[cis]) for cis in ranked if cis in medicines][:most]


async def _alike(tx: ReadTx, wanted: Query, marketed_only: bool, limit: int) -> dict[str, float]:
    """What is found once the words are put right."""
    meant = correct(wanted.words, await searching.list_alike(tx, wanted.words))
    if meant is None:
        return {}
    found = await searching.list_beginning(tx, Query(words=meant.words), marketed_only, limit)
    return dict.fromkeys(found, meant.likeness * PART)


async def _numbered(tx: ReadTx, wanted: Query) -> list[Medicine]:
    if wanted.cip13:
        return [medicine for medicine, _ in (await products.of_packs(tx, [wanted.cip13])).values()]
    return list((await products.medicines(tx, [wanted.cis])).values())


async def get_medicine(tx: ReadTx, cis: str, cip13: str) -> Medicine:
    """By CIS, or by the CIP13 of one of its packs; raises MedicineNotFound, NoMedicineNamed."""
    if bool(cis) == bool(cip13):
        raise NoMedicineNamed("Give a CIS or a CIP13: one of them.", field="cis")
    if cip13:
        fault = fault_of_cip13(cip13)
        if fault:
            raise NoMedicineNamed(fault, field="cip13")
        pair = (await products.of_packs(tx, [cip13])).get(cip13)
        if pair is None:
            raise MedicineNotFound(field="cip13")
        return pair[0]
    found = (await products.medicines(tx, [cis])).get(cis)
    if found is None:
        raise MedicineNotFound
    return found


async def source(tx: ReadTx) -> Record | None:
    """Where the base comes from, and when."""
    return await store.find_source(tx)


async def list_imports(tx: ReadTx, request: page.PageRequest) -> tuple[list[Import], str]:
    """Last first, and the token of the next page."""
    size, cursor = page.after(request, last=UUID)
    found = await imports.list_imports(tx, size + 1, cursor.get("last"))
    more = page.token(last=found[size - 1].id) if len(found) > size else ""
    return found[:size], more


async def list_unknown_conditions(tx: ReadTx) -> Sequence[tuple[str, int]]:
    """Texts that no rule understands, and of how many medicines."""
    return await store.list_unknown_conditions(tx)
