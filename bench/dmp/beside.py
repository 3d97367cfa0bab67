"""A second DMP and a second gateway on the databases of a platform that runs, one of them as a variant."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from bench.dmp.nation import Nation
from bench.dmp.variant import MODE, TRIPS
from socle_local.manifest import ROOT
from socle_local.ports import Ports
from socle_local.probes import grpc_ready, http_ready
from socle_local.programs import Program

# Above the ports of the platform, below those of the next one.
ABOVE = 40
PATIENCE = 30.0


@contextmanager
def variant(nation: Nation, mode: str, trips: Path | None = None) -> Iterator[int]:
    """Up for a while; gives the port of its gateway."""
    usual = nation.running.ports
    ports = Ports({**usual.by_name, "dmp": usual["dmp"] + ABOVE, "gateway": usual["gateway"] + ABOVE})
    platform = nation.platform(ports)
    # The databases, the bus and the issuer are those of the platform itself.
    services = {one.name: one for one in platform.services}
    own = {MODE: mode, TRIPS: str(trips or "")}
    programs = {
        "dmp": _program(nation, mode, "bench.dmp.variant", platform.environment(services["dmp"]) | own),
        "gateway": _program(nation, mode, "gateway.app", platform.environment(services["gateway"])),
    }
    ready = {"dmp": grpc_ready(ports["dmp"], None), "gateway": http_ready(ports["gateway"], "/readyz")}
    try:
        for name, program in programs.items():
            program.start()
            program.wait_ready(ready[name], PATIENCE)
        yield ports["gateway"]
    finally:
        for program in reversed(programs.values()):
            program.stop()


def _program(nation: Nation, mode: str, module: str, environment: dict[str, str]) -> Program:
    log = nation.running.home / "logs" / f"{mode}-{module}.log"
    return Program(mode, [sys.executable, "-m", module], log=log, cwd=ROOT, env=environment)
