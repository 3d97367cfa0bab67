"""Generates `libs/contracts` from `proto/`: messages, gRPC stubs and their types.

Run as `python -m tools.gen`. Nothing is done when neither a contract nor a generator has changed since the
last run.
"""

import hashlib
import shutil
import sys
import tempfile
from importlib.metadata import version
from importlib.resources import as_file, files
from pathlib import Path

from grpc_tools import protoc
from rich.console import Console

from tools.paths import CONTRACTS, PROTO

GENERATORS = ("grpcio-tools", "mypy-protobuf")
STAMP = ".generated-from"
OUTPUTS = ("python_out=", "grpc_python_out=", "mypy_out=quiet:", "mypy_grpc_out=quiet:")


class GenerationFailed(Exception):
    """The contracts could not be generated; the compiler has already said where on standard error."""


def fingerprint(proto: Path) -> str:
    """SHA-256, in hexadecimal, of the contracts under `proto`, the generators' versions and this program."""
    digest = hashlib.sha256(Path(__file__).read_bytes())
    for name in GENERATORS:
        digest.update(f"{name}={version(name)}\n".encode())
    for path in contracts(proto):
        digest.update(f"{path.relative_to(proto).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()


def contracts(proto: Path) -> list[Path]:
    """Every `.proto` file under `proto`, in an order that does not depend on the file system."""
    return sorted(proto.rglob("*.proto"))


def plugin(name: str) -> str:
    """The argument that hands protoc a plug-in of this very interpreter.

    A plug-in found on PATH could belong to another virtual environment and write code for another protobuf.
    """
    path = Path(sys.executable).parent / name
    if not path.exists():
        raise GenerationFailed(
            f"{name} is not installed beside {sys.executable}: install the locked requirements."
        )
    return f"--plugin={name}={path}"


def compile_into(proto: Path, target: Path) -> None:
    """Compiles every contract under `proto` into the folder `target`.

    Raises GenerationFailed when protoc refuses a contract or a plug-in is missing.
    """
    with as_file(files("grpc_tools") / "_proto") as well_known:
        arguments = [
            "protoc",
            plugin("protoc-gen-mypy"),
            plugin("protoc-gen-mypy_grpc"),
            f"--proto_path={proto}",
            f"--proto_path={well_known}",
            *(f"--{output}{target}" for output in OUTPUTS),
            *(str(path) for path in contracts(proto)),
        ]
        if protoc.main(arguments) != 0:
            raise GenerationFailed("protoc refused a contract: correct the lines it named above.")


def make_packages(target: Path) -> None:
    """Makes every generated folder a regular, typed package.

    Without `__init__.py` each import would look through every source root of the platform.
    """
    for folder in [target, *(path for path in target.rglob("*") if path.is_dir())]:
        if folder != target:
            (folder / "__init__.py").touch()
    (target / "socle" / "py.typed").touch()


def swap(fresh: Path, current: Path) -> None:
    """Puts `fresh` in the place of `current`, so that a removed contract leaves no stale module behind."""
    old = current.with_name(f".{current.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if current.exists():
        current.rename(old)
    fresh.rename(current)
    shutil.rmtree(old, ignore_errors=True)


def generate(proto: Path = PROTO, target: Path = CONTRACTS) -> bool:
    """Brings the package `target/socle` up to date with `proto`; False when it already was.

    Raises GenerationFailed and leaves the former code in place when a contract does not compile.
    """
    stamp = target / STAMP
    wanted = fingerprint(proto)
    if stamp.exists() and stamp.read_text() == wanted and (target / "socle").is_dir():
        return False
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target, prefix=".generating-") as scratch:
        compile_into(proto, Path(scratch))
        make_packages(Path(scratch))
        swap(Path(scratch) / "socle", target / "socle")
    stamp.write_text(wanted)
    return True


def main() -> int:
    """Generates, says what was done, and returns the exit status of the program."""
    console = Console(highlight=False)
    try:
        changed = generate()
    except GenerationFailed as failure:
        Console(stderr=True, highlight=False).print(f"gen: {failure}")
        return 1
    console.print(f"contracts: {'generated' if changed else 'up to date'} ({len(contracts(PROTO))} files)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
