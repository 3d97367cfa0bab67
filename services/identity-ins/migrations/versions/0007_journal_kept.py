"""Lines of the journal may go once they are old enough, if the service is told to."""

from alembic import op

from chassis import schema

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema.upgrade_v3(op)
