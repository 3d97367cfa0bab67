"""Finds the contracts that `buf breaking` compares with: those of before the work under way."""

import io
import os
import subprocess
import tarfile
from pathlib import Path

VARIABLE = "SOCLE_BREAKING_AGAINST"
MAIN_BRANCHES = ("origin/main", "main")


def git(root: Path, *arguments: str) -> bytes | None:
    """The standard output of a git command that only reads; None when git refuses."""
    answer = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, check=False)
    return None if answer.returncode else answer.stdout


def commit_of(root: Path, ref: str) -> str:
    """The commit that `ref` names in this clone, "" when it names none: a shallow clone lacks its parents."""
    found = git(root, "rev-parse", "--verify", "--quiet", f"{ref}^{{commit}}")
    return found.decode().strip() if found else ""


def reference(root: Path) -> str:
    """The commit to compare with, "" when there is none.

    The one that the environment names; on a branch, where it left the main branch; on the main branch, the
    commit before.
    """
    asked = os.environ.get(VARIABLE, "")
    if asked:
        return commit_of(root, asked)
    head = commit_of(root, "HEAD")
    for branch in MAIN_BRANCHES:
        base = git(root, "merge-base", "HEAD", branch)
        if base and base.decode().strip() != head:
            return base.decode().strip()
    return commit_of(root, "HEAD~1")


def former_contracts(root: Path, scratch: Path) -> tuple[Path | None, str]:
    """Unpacks the former contracts into `scratch`: that folder, or None with the reason why there is nothing.

    They are taken from git as an archive: unlike a clone, it works in a linked work tree and a shallow clone.
    """
    commit = reference(root)
    if not commit:
        return None, f"no earlier commit in this clone; name one in {VARIABLE} to compare with it"
    archive = git(root, "archive", "--format=tar", commit, "proto", "buf.yaml")
    if archive is None:
        return None, f"commit {commit[:12]} has no contracts yet"
    with tarfile.open(fileobj=io.BytesIO(archive)) as files:
        files.extractall(scratch, filter="data")
    return scratch, ""
