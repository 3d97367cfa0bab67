"""The command line of the platform on Kubernetes; the Makefile gives each command a shorter name."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated, TypeVar

import typer
from rich.console import Console
from rich.text import Text

from socle_k8s.render import render
from socle_local.failures import PlatformFailedError

app = typer.Typer(
    help="The platform on Kubernetes.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)

T = TypeVar("T")
Overlay = Annotated[str, typer.Option(help="dev, staging, production, or another folder of overlays.")]
Tag = Annotated[str, typer.Option(help="Tag of the platform's own images; empty: as the overlay says.")]
Seconds = Annotated[float, typer.Option(help="Longest wait until all is ready.")]


@app.command()
def generate(
    check: Annotated[bool, typer.Option(help="Write nothing; fail when a file is stale.")] = False,
) -> None:
    """Write what the manifests repeat of the services' pyproject.toml."""
    from socle_k8s import generate as made

    if not check:
        for path in told(made.write):
            console.print(f"deploy/k8s/{path}", soft_wrap=True)
    elif stale := told(made.stale):
        named = ", ".join(f"deploy/k8s/{path}" for path in stale)
        errors.print(f"Stale: {named}. Make them again with `make k8s-generate`.", soft_wrap=True)
        raise typer.Exit(1)


@app.command()
def secrets(overlay: Overlay = "dev", namespace: str = "socle") -> None:
    """Print fresh Secrets for the dev overlay as YAML, private keys included; nothing is kept."""
    from socle_k8s.secrets import all_secrets
    from socle_k8s.text import dumped
    from socle_local.manifest import find_services

    if overlay != "dev":
        errors.print(
            f"The secrets of {overlay} come from its own stores (External Secrets, cert-manager, operators):"
            " only those of dev are made here.",
            soft_wrap=True,
        )
        raise typer.Exit(1)
    sys.stdout.write(told(lambda: dumped(all_secrets(find_services(), namespace))))


@app.command()
def install(overlay: Overlay = "dev", tag: Tag = "", seconds: Seconds = 600.0) -> None:
    """Install or upgrade an overlay in the cluster of KUBECONFIG; return when all is ready."""
    from socle_k8s import install as installing

    told(lambda: installing.install(overlay, installing.tagged(render(overlay), tag), console, seconds))


@app.command()
def uninstall(overlay: Overlay = "dev") -> None:
    """Delete what an overlay made; Secrets and volumes are kept."""
    from socle_k8s import install as installing

    told(lambda: installing.uninstall(overlay, console))


@app.command()
def journey(
    tag: Tag = "",
    seconds: Seconds = 600.0,
    images: Annotated[bool, typer.Option(help="Bring the images of this machine to the nodes.")] = True,
) -> None:
    """Install the dev overlay with the images of this machine, then play the first journey on it."""
    from socle_k8s import journey as playing

    went_well = told(lambda: playing.journey(tag, bring_images=images, console=console, seconds=seconds))
    if not went_well:
        raise typer.Exit(1)


def told(action: Callable[[], T]) -> T:
    """Runs an action; what goes wrong becomes its sentence and exit code 1."""
    try:
        return action()
    except PlatformFailedError as failure:
        errors.print(Text.assemble(("✗ ", "bold red"), str(failure)), soft_wrap=True)
        raise typer.Exit(1) from None


if __name__ == "__main__":
    app(prog_name="socle_k8s")
