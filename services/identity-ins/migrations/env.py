from chassis.migrate import run_env
from identity_ins.store import METADATA

run_env(METADATA)
