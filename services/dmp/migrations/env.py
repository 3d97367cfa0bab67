"""Run by Alembic."""

from chassis.migrate import run_env
from dmp.store import METADATA

run_env(METADATA)
