"""The law of prescriptions as it is in force: a row a parameter and a day, told by a table of facts."""

import csv
import json
from datetime import date
from pathlib import Path

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

PARAMETER = sa.table(
    "parameter",
    sa.column("name", sa.Text),
    sa.column("valid_from", sa.Date),
    sa.column("value", JSONB),
    sa.column("source", sa.Text),
)


def upgrade() -> None:
    op.bulk_insert(PARAMETER, seed())


def seed() -> list[dict[str, object]]:
    """What each means: `eprescription/domain/rules/parameters.py`."""
    path = Path(__file__).parent.parent / "parameters_v1.csv"
    with path.open(encoding="utf-8", newline="") as rows:
        return [
            {
                "name": row["name"],
                "valid_from": date.fromisoformat(row["valid_from"]),
                "value": json.loads(row["value"]),
                "source": row["source"],
            }
            for row in csv.DictReader(rows)
        ]
