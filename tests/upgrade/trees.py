"""The two versions: folders that each hold a tree with its contracts, run by one virtual environment."""

from __future__ import annotations

import ast
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from socle_local.manifest import ROOT
from tools.paths import source_roots

NOW, NEXT = "now", "next"
OVERLAY = Path(__file__).parent / "next"
# Parts of the tree that a version runs from.
PARTS = ("proto", "libs", "services", "deploy", "tools", "pyproject.toml")
LEFT_OUT = ("/tests/", "/__pycache__/", "libs/contracts/")


class OverlayMisplaced(Exception):
    """The overlay of the next version no longer fits this tree: the message says which line to correct."""


@dataclass(frozen=True, slots=True)
class Edit:
    """`before` becomes `after` in a file, where it stands exactly once."""

    why: str
    file: str
    before: str
    after: str

    def applied(self, text: str) -> str:
        """The text with the edit. Raises OverlayMisplaced."""
        found = text.count(self.before)
        if found != 1:
            raise OverlayMisplaced(
                f"tests/upgrade/next/edits.toml: {self.before.strip()!r} occurs {found} times in {self.file}:"
                " write the line as it stands there now."
            )
        return text.replace(self.before, self.after)


@dataclass(frozen=True, slots=True)
class Tree:
    """One version, ready to run."""

    version: str
    root: Path

    @property
    def environment(self) -> dict[str, str]:
        """What makes Python take the code of this tree, whatever the virtual environment links to."""
        return {"PYTHONPATH": os.pathsep.join(str(path) for path in source_roots(self.root))}


def edits(table: Path = OVERLAY / "edits.toml") -> list[Edit]:
    """What the next version changes in existing files, in order."""
    return [Edit(**one) for one in tomllib.loads(table.read_text())["edit"]]


def prepare(folder: Path, former: str = "") -> tuple[Tree, Tree]:
    """The version of now and the next one, below `folder`.

    `former` is a git reference: the version of now is that commit then, and the next one this tree as it is.
    Else the version of now is this tree, and the next one this tree with the overlay.
    """
    now, following = Tree(NOW, folder / NOW), Tree(NEXT, folder / NEXT)
    copy(following.root)
    if former:
        extract(former, now.root)
    else:
        copy(now.root)
        overlay(following.root)
    for tree in (now, following):
        generate(tree)
    return now, following


def copy(target: Path, root: Path = ROOT) -> None:
    """The files of this tree as they stand, nothing that git ignores."""
    listed = _git("ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", *PARTS, root=root)
    for name in filter(None, listed.decode().split("\0")):
        source = root / name
        if source.is_file() and not any(part in name for part in LEFT_OUT):
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            (target / name).write_bytes(source.read_bytes())


def extract(reference: str, target: Path, root: Path = ROOT) -> None:
    """The tree of a commit. Raises RuntimeError with git's words when there is no such reference."""
    archive = _git("archive", "--format=tar", reference, "--", *PARTS, root=root)
    with tarfile.open(fileobj=io.BytesIO(archive)) as packed:
        packed.extractall(target, filter="data")


def overlay(root: Path) -> None:
    """Makes the tree at `root` the next version: edits, and a migration for each service.

    Raises OverlayMisplaced.
    """
    for edit in edits():
        path = root / edit.file
        path.write_text(edit.applied(path.read_text()))
    for versions in sorted(root.glob("services/*/migrations/versions")):
        revision, number = head(versions)
        text = (OVERLAY / "migration.py").read_text().replace('"HEAD"', repr(revision))
        (versions / f"{number + 1:04}_producer.py").write_text(text)


def head(versions: Path) -> tuple[str, int]:
    """The newest revision of a service's migrations and the number its file begins with."""
    chain = {revision: (former, path) for path in versions.glob("*.py") for revision, former in _links(path)}
    heads = chain.keys() - {former for former, _ in chain.values()}
    if len(heads) != 1:
        raise OverlayMisplaced(f"{versions} has {len(heads)} heads: a migration must follow exactly one.")
    (newest,) = heads
    return newest, int(chain[newest][1].name.partition("_")[0])


def _links(path: Path) -> Iterator[tuple[str, str | None]]:
    """The revision of a migration and the one it follows, read without running it."""
    found: dict[str, str | None] = {}
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
            named = str(node.value.value) if node.value.value is not None else None
            found |= {str(getattr(target, "id", "")): named for target in node.targets}
    if "revision" in found:
        yield str(found["revision"]), found.get("down_revision")


def generate(tree: Tree) -> None:
    """The contracts of a tree, by its own generator. Raises RuntimeError when they do not compile."""
    environment = {**os.environ, **tree.environment}
    done = subprocess.run(
        [sys.executable, "-m", "tools.gen"],
        cwd=tree.root,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"The contracts of {tree.version} do not compile: {done.stderr.strip()[-800:]}")


def _git(*arguments: str, root: Path) -> bytes:
    if shutil.which("git") is None:
        raise RuntimeError("git is missing, which says what a version is made of: install it (Debian: git).")
    done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    if done.returncode:
        raise RuntimeError(f"git {arguments[0]} failed: {done.stderr.decode().strip()}")
    return done.stdout
