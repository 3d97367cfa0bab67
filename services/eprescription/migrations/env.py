"""Alembic's entry: the chassis knows how, the service knows what."""

from chassis.migrate import run_env
from eprescription.store import METADATA

run_env(METADATA)
