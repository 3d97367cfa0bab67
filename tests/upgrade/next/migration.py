"""Expand: each event says which version of the code wrote it. The former code neither fills nor reads it."""

from alembic import op

revision = "next"
down_revision = "HEAD"
branch_labels = None
depends_on = None

# Rows a step: each is a transaction of its own, so that no lock on the log of events lasts.
STEP = 500
COLUMN = "ALTER TABLE outbox ADD COLUMN IF NOT EXISTS producer TEXT"
# Up to what stood when the column came: what the former code goes on writing has no producer, rightly.
LAST = "SELECT coalesce(max(seq), 0) FROM outbox"
FILL = """
UPDATE outbox SET producer = 'before' WHERE seq > {low} AND seq <= {high} AND producer IS NULL
"""
INDEX = "CREATE INDEX CONCURRENTLY IF NOT EXISTS ix_outbox_producer ON outbox (producer, occurred_at)"


def upgrade() -> None:
    op.execute(COLUMN)
    with op.get_context().autocommit_block():
        last = int(op.get_bind().exec_driver_sql(LAST).scalar_one())
        for low in range(0, last, STEP):
            op.execute(FILL.format(low=low, high=min(low + STEP, last)))
        op.execute(INDEX)
