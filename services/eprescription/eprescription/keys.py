"""For the operator: the key files of the service, and the nightly check of every signature.

    python -m eprescription.keys create --access access.json --platform platform.pem [--signing signing.json]
    python -m eprescription.keys rotate access.json
    python -m eprescription.keys publish platform.pem
    python -m eprescription.keys audit

The first three work on files; `audit` takes the environment of the service (`SOCLE_DATABASE_...`), and exits
with 1 and the names of the prescriptions whose content, key or rows are not those that were signed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer
from joserfc.jwk import OKPKey

from chassis import telemetry
from chassis.db import Database
from chassis.ops import opened, told
from chassis.progress import shown
from chassis.settings import Settings

from .clients import key_files
from .clients.platform_keys import PlatformKeys
from .store import CONSTRAINTS
from .store import signed as store
from .usecases import auditing
from .usecases.auditing import Broken

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
Where = Annotated[Path | None, typer.Option(help="File to make, readable by its owner alone.")]


@app.command()
def create(access: Where = None, platform: Where = None, signing: Where = None) -> None:
    """Makes key files; refuses to replace one."""
    try:
        for ring in (access, signing):
            if ring:
                key_files.create_ring(ring)
        if platform:
            key_files.write_new(platform, OKPKey.generate_key("Ed25519").as_pem(private=True))
    except OSError as error:
        sys.exit(str(error))
    for made in (access, signing, platform):
        if made:
            typer.echo(f"{made} is made: keep a copy of it in a safe place, apart from the backups")


@app.command()
def rotate(ring: Annotated[Path, typer.Argument(help="Ring of access secrets or of signing keys.")]) -> None:
    """Adds a version to a ring: what is derived from now on comes from it. Restart the service afterwards."""
    try:
        version = key_files.rotate_ring(ring)
    except OSError as error:
        sys.exit(str(error))
    typer.echo(f"{ring}: version {version} derives new secrets; the older ones still open what they made")


@app.command()
def publish(platform: Annotated[Path, typer.Argument(help="The platform key, in PEM.")]) -> None:
    """Prints the public keys that verify QR codes and receipts, as the gateway publishes them."""
    try:
        keys = PlatformKeys.from_file(platform)
    except OSError as error:
        sys.exit(str(error))
    typer.echo(orjson.dumps(keys.jwks(), option=orjson.OPT_INDENT_2).decode())


@app.command()
def audit(batch: Annotated[int, typer.Option(min=1, max=5000)] = auditing.BATCH) -> None:
    """Verifies the signature, the key and the rows of every signed prescription."""
    count, broken = told(_audit(batch))
    for one in broken:
        typer.echo(f"{one.prescription_id}: {', '.join(one.faults)}", err=True)
    typer.echo(f"{count} prescriptions verified, {len(broken)} not as they were signed")
    if broken:
        raise typer.Exit(1)


async def _audit(batch: int) -> tuple[int, list[Broken]]:
    async with opened(CONSTRAINTS) as database:
        return await audit_all(database, batch)


async def audit_all(database: Database, batch: int) -> tuple[int, list[Broken]]:
    """A connection a batch, so that a night's work holds none for hours."""
    async with database.read() as tx:
        total = await store.count_signed(tx)
    done, broken, after = 0, list[Broken](), store.FIRST
    with shown("verifying signatures", total) as told_done:
        while True:
            async with database.read() as tx:
                found = await auditing.audit_batch(tx, after, batch)
            done, broken = done + found.count, [*broken, *found.broken]
            told_done(done)
            if found.after is None:
                return done, broken
            after = found.after


def main() -> None:
    """The log goes to standard error, under the same rules as that of the service."""
    telemetry.configure(Settings(), "eprescription-keys")
    app()


if __name__ == "__main__":
    main()
