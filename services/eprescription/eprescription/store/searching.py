"""Medicines by the beginnings of words, and the known words that a mistyped one looks like.

A likeness is looked for among the fifteen thousand distinct words, not among the labels: thousands of labels
hold `chlorhydrate`, and comparing each of them takes longer than a person waits.
"""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from chassis.db import ReadTx
from eprescription.domain.search import Query

from .medicine_tables import MEDICINE, SEARCH_WORD

M, W = MEDICINE.c, SEARCH_WORD.c
PATTERNS = sa.bindparam("patterns", type_=ARRAY(sa.Text))
WANTED = sa.or_(sa.bindparam("marketed_only", type_=sa.Boolean).is_(False), M.marketed)
BEGINS = M.searched.like(sa.bindparam("beginning", type_=sa.Text))
BEGINNING = (
    sa.select(M.cis, BEGINS.label("begins"))
    .where(
        # The two longest words go through the index, which knows no array of patterns: one of them is seldom
        # in thousands of labels, as `chlorhydrate` is.
        M.searched.like(sa.bindparam("first", type_=sa.Text)),
        M.searched.like(sa.bindparam("second", type_=sa.Text)),
        M.searched.op("LIKE")(sa.all_(PATTERNS)),
        WANTED,
    )
    .order_by(M.withdrawn, M.marketed.desc(), sa.text("begins DESC"), M.label, M.cis)
    .limit(sa.bindparam("limit", type_=sa.Integer))
)
GIVEN = (
    sa.func.unnest(sa.bindparam("words", type_=ARRAY(sa.Text)))
    .table_valued("given", name="asked")
    .render_derived()
)
# Sorts after every character that a folded word has.
LAST: sa.ColumnElement[str] = sa.literal_column("'~'")
# Words that begin so (a range of the primary key), and words that look so (pg_trgm, 0.3 by default).
NEAR = (
    sa.select(W.word, W.medicines)
    .where(
        sa.or_(
            W.word.op("%")(GIVEN.c.given),
            W.word.between(GIVEN.c.given, GIVEN.c.given.op("||")(LAST)),
        )
    )
    .order_by(W.word.op("<->")(GIVEN.c.given), W.word)
    .limit(sa.literal_column("20"))
    .lateral("near")
)
LOOKING_ALIKE = sa.select(GIVEN.c.given, NEAR.c.word, NEAR.c.medicines).select_from(
    GIVEN.join(NEAR, sa.true())
)


async def list_beginning(tx: ReadTx, query: Query, marketed_only: bool, limit: int) -> dict[str, bool]:
    """CIS of the medicines of which each word begins a word of theirs, best first; true where the name itself
    begins with the whole text."""
    patterns = query.patterns
    rows = await tx.all(
        BEGINNING,
        first=patterns[0],
        second=patterns[:2][-1],
        patterns=patterns,
        beginning=query.beginning,
        marketed_only=marketed_only,
        limit=limit,
    )
    return {row["cis"]: row["begins"] for row in rows}


async def list_alike(tx: ReadTx, words: Sequence[str]) -> dict[str, dict[str, int]]:
    """The known words near each of these, and how many medicines hold each."""
    found: dict[str, dict[str, int]] = {}
    for row in await tx.all(LOOKING_ALIKE, words=list(words)):
        found.setdefault(row["given"], {})[row["word"]] = row["medicines"]
    return found
