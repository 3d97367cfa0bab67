"""`make test-containers`: looks whether this machine has what it takes, then runs the tests in their order.

Arguments are those of pytest, added to its own: `make test-containers ARGS='-k rotation'`.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from socle_local.failures import PlatformFailedError
from tests.containers.explained import LEFT_OUT

LIVE = "tests/containers/live/test_{}.py"
# Journeys first: what the pods did meanwhile is what the others look at. Then what changes them.
ORDER = (
    "tests/integration",
    *(
        LIVE.format(name)
        for name in "pods clients first_door flows rotation stopping coverage production".split()
    ),
)
# Seconds for one test: the first one waits for every pod.
LONGEST = 600


def what_is_missing() -> str:
    """One sentence on what this machine lacks, or nothing."""
    try:
        import docker
        import testcontainers  # noqa: F401
    except ImportError:
        return "testcontainers is not installed: run `make test-containers`, which installs it into .venv."
    try:
        client = docker.from_env()
        client.ping()
    except docker.errors.DockerException as error:
        return f"Docker does not answer ({error}): start dockerd, or say where it is with DOCKER_HOST."
    return lacks_manifests_or_images()


def lacks_manifests_or_images() -> str:
    """The same of the programs and images that the manifests need."""
    from socle_k8s.render import render
    from tests.containers.engine import Engine
    from tests.containers.manifests import Manifests

    try:
        manifests = Manifests.of(render("dev"))
    except PlatformFailedError as error:
        return str(error)
    images = [one["image"] for each in manifests.workloads() for one in each.pod["containers"]]
    if missing := Engine().missing(images):
        return f"This machine has no image {', '.join(missing)}: run `make images`."
    return ""


def main(arguments: Sequence[str]) -> int:
    """The exit status of pytest, or 1 with one sentence."""
    console = Console(highlight=False, stderr=True)
    if missing := what_is_missing():
        console.print(Text.assemble(("✗ ", "bold red"), missing), soft_wrap=True)
        return 1
    for test, reason in LEFT_OUT.items():
        console.print(f"Left out: {test}: {reason}", soft_wrap=True)
    left = [f"--deselect={test}" for test in LEFT_OUT]
    environment = {**os.environ, "SOCLE_TEST_PLATFORM": "containers", "TESTCONTAINERS_RYUK_DISABLED": "true"}
    command = [sys.executable, "-m", "pytest", f"--timeout={LONGEST}", *left, *ORDER, *arguments]
    process = subprocess.Popen(command, env=environment)
    try:
        return process.wait()
    except KeyboardInterrupt:
        # Ctrl-C reached pytest too, which takes its containers down: that is waited for.
        process.wait()
        return 130
    finally:
        clean()


def clean() -> None:
    """Removes what is left of runs whose process is gone: this one, if it was killed."""
    from tests.containers.engine import Engine, sweep

    sweep(Engine().docker)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
