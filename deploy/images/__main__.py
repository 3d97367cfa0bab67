"""The commands behind `make images`, `make wheelhouse`, `make base-image` and their kin."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from deploy.images import base, building, comparing, locking, wheelhouse
from deploy.images.docker import BuildRefused, Docker

ROOT = Path(__file__).resolve().parents[2]
app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Names = Annotated[list[str] | None, typer.Argument(help="Services, or `platform`.")]
Tag = Annotated[str, typer.Option(help="The tag of the images.")]
Base = Annotated[str, typer.Option(help="The image to build upon: Debian or alike, Python 3.11 or later.")]


@app.command()
def build(services: Names = None, tag: Tag = "dev", base_image: Base = building.BASE) -> None:
    """Build an image for each service named, for all and the platform's without a name."""
    building.build_all(ROOT, Docker.found(), services or [], tag, base_image)


@app.command()
def reproducible(service: str = "dmp", base_image: Base = building.BASE) -> None:
    """Build one image twice from nothing and compare the two, file by file."""
    sys.exit(comparing.main(ROOT, Docker.found(), service, base_image))


@app.command(name="wheelhouse")
def fill_wheelhouse(base_image: Base = building.BASE, python: str = "", machine: str = "") -> None:
    """Download every package the images need; `python` and `machine` stand for a base image not at hand."""
    wheelhouse.main(ROOT, base_image, python, machine)


@app.command(name="base")
def make_base(tag: str = base.TAG, suite: str = base.SUITE) -> None:
    """Make a Debian base image with Python, without a registry."""
    base.make(Docker.found(), tag, suite)


@app.command()
def lock() -> None:
    """Pin the packages of the images at the versions of requirements.lock."""
    locking.write(ROOT)


if __name__ == "__main__":
    try:
        app()
    except BuildRefused as refusal:
        sys.exit(str(refusal))
