"""The journal as every service has it; since its lines are proven, none of them ever goes."""

from alembic import op

from chassis import schema

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    schema.upgrade_v3(op)
