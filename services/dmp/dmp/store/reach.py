"""The rule of `policy.Reach` as a WHERE clause, and the row of the matrix it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY, distinct_on

from .tables import DOCUMENT, HABILITATION

if TYPE_CHECKING:
    from dmp import policy

H = HABILITATION.c
TEXTS = ARRAY(sa.Text)
AUTHOR = sa.bindparam("author", type_=sa.Text)
PROFESSION = sa.bindparam("profession", type_=sa.Text)
ANY_TYPE: sa.ColumnElement[str] = sa.literal_column("'*'")

# The row of one profession, read once a query and not once a document: its cells in their latest version.
_CELLS = (
    sa.select(H.type_code, H.allowed)
    .ext(distinct_on(H.type_code))
    .where(H.profession == PROFESSION)
    .order_by(H.type_code, H.version.desc())
    .subquery("cells")
)
_ROW = sa.select(
    sa.func.array_agg(_CELLS.c.type_code).filter(_CELLS.c.allowed).label("given"),
    sa.func.array_agg(_CELLS.c.type_code).filter(sa.not_(_CELLS.c.allowed)).label("withheld"),
    sa.func.bool_or(_CELLS.c.allowed).filter(_CELLS.c.type_code == ANY_TYPE).label("usual"),
).cte("matrix")
_NONE = sa.text("'{}'::text[]")


def _of_row(name: str) -> sa.ColumnElement[Any]:
    return sa.select(_ROW.c[name]).scalar_subquery()


def habilitated(type_code: sa.ColumnElement[str]) -> sa.ColumnElement[bool]:
    """The cell of the matrix: the type's own before the profession's default; none is a refusal."""
    given = sa.func.coalesce(_of_row("given"), _NONE)
    withheld = sa.func.coalesce(_of_row("withheld"), _NONE)
    usual = sa.func.coalesce(_of_row("usual"), sa.false())
    return sa.or_(type_code == sa.any_(given), sa.and_(usual, sa.not_(type_code == sa.any_(withheld))))


def within_reach(table: sa.FromClause = DOCUMENT) -> sa.ColumnElement[bool]:
    """`policy.may_read` for every document of a list; both are proven equal by the tests."""
    d = table.c
    own = sa.and_(
        sa.literal_column("''") != AUTHOR, sa.or_(d.submitted_by == AUTHOR, sa.any_(d.author_ids) == AUTHOR)
    )
    others = sa.and_(
        sa.bindparam("consult", type_=sa.Boolean),
        sa.or_(PROFESSION.is_(None), habilitated(d.type_code)),
        sa.not_(d.confidentiality.bool_op("&&")(sa.bindparam("hidden", type_=TEXTS))),
    )
    return sa.or_(own, others)


def of_reach(reach: policy.Reach) -> dict[str, Any]:
    """The parameters of `within_reach`."""
    return {
        "author": reach.author,
        "consult": reach.consult.permitted,
        "profession": reach.profession,
        "hidden": [code.value for code in reach.hidden],
    }
