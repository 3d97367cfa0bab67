"""Lines of the journal may tell of several objects, and be numbered apart."""

from alembic import op

from chassis import schema

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema.upgrade_v2(op)
