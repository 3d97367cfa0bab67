"""The docker command, as far as building images needs it."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self


class BuildRefused(Exception):
    """The images cannot be built here; the message is one sentence that also says what to do."""


@dataclass(frozen=True, slots=True)
class Docker:
    """The command and the environment it is run with."""

    program: str
    env: Mapping[str, str] = field(repr=False)

    @classmethod
    def found(cls) -> Self:
        """Raises BuildRefused when the command is missing or no daemon answers it."""
        program = shutil.which("docker")
        if program is None:
            raise BuildRefused("Docker is missing: install Docker Engine (Debian: apt install docker.io).")
        asked = subprocess.run([program, "version"], capture_output=True, text=True, check=False)
        if asked.returncode:
            reason = (asked.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BuildRefused(f"Docker's daemon does not answer ({reason}): start it, or set DOCKER_HOST.")
        return cls(program, {**os.environ, **_builder(program)})

    def run(self, *words: str | Path) -> None:
        """Runs a docker command, its output on the terminal. Raises BuildRefused when it fails."""
        done = subprocess.run([self.program, *words], env=self.env, check=False)
        if done.returncode:
            raise BuildRefused(f"`docker {words[0]}` failed: its last lines above say why.")

    def ask(self, *words: str) -> str:
        """What a docker command prints. Raises BuildRefused with its own last line when it fails."""
        done = subprocess.run(
            [self.program, *words], env=self.env, capture_output=True, text=True, check=False
        )
        if done.returncode:
            reason = (done.stderr.strip().splitlines() or ["it said nothing"])[-1]
            raise BuildRefused(f"`docker {words[0]}` failed: {reason}")
        return done.stdout.strip()

    def inspect(self, image: str) -> dict[str, Any] | None:
        """What the daemon knows of an image, None when it is not there."""
        try:
            (known,) = json.loads(self.ask("image", "inspect", image))
        except BuildRefused:
            return None
        return dict(known)

    def need(self, image: str) -> None:
        """Pulls an image that is not there. Raises BuildRefused, saying how to go on without a registry."""
        if self.inspect(image) is not None:
            return
        try:
            self.ask("pull", "--quiet", image)
        except BuildRefused as refused:
            raise BuildRefused(
                f"The base image {image} is not on this machine and cannot be pulled: name one that is"
                " (BASE_IMAGE=...), or make one by `make base-image` and give BASE_IMAGE=socle/base:bookworm."
            ) from refused


def _builder(program: str) -> dict[str, str]:
    """BuildKit where its plug-in is installed, else the classic builder without a word about its age."""
    plugin = subprocess.run([program, "buildx", "version"], capture_output=True, check=False)
    return {} if plugin.returncode == 0 else {"DOCKER_BUILDKIT": "0"}
