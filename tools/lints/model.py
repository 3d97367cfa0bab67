"""What a lint reads and what it says."""

import ast
import subprocess
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path, PurePosixPath

TEST_KIT = "libs/chassis/chassis/testing.py"
Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """One breach of a rule: a path in the repository, a line from 1, the rule, and what to do instead."""

    path: str
    line: int
    rule: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}:{self.line} {self.rule} {self.message}"


@dataclass(frozen=True)
class Source:
    """One text file of the repository; `path` is relative to the root, with forward slashes."""

    path: str
    text: str

    @cached_property
    def tree(self) -> ast.Module:
        """The syntax tree of a Python file. Raises SyntaxError, as the interpreter would."""
        return ast.parse(self.text, self.path)

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Every node of the tree: each rule looks at all of them."""
        return tuple(ast.walk(self.tree))

    @property
    def is_python(self) -> bool:
        return self.path.endswith(".py")

    @property
    def is_test(self) -> bool:
        """True for tests, their fixtures and the test kit, which may do what the code may not."""
        parts = PurePosixPath(self.path).parts
        return "tests" in parts or parts[-1] == "conftest.py" or self.path == TEST_KIT

    @property
    def is_migration(self) -> bool:
        return "migrations" in PurePosixPath(self.path).parts

    def within(self, *folders: str) -> bool:
        """True when the file stands under one of these folders of the repository."""
        return any(PurePosixPath(self.path).is_relative_to(folder) for folder in folders)

    def finding(self, node: ast.AST | int, rule: str, message: str) -> Finding:
        """A finding at a node of the tree, or at a line."""
        line = node if isinstance(node, int) else getattr(node, "lineno", 1)
        return Finding(self.path, line, rule, message)


Lint = Callable[[Source], Iterator[Finding]]


def tracked(root: Path) -> list[str]:
    """The paths git keeps or would keep: tracked or new, never ignored, in a fixed order.

    Raises RuntimeError outside a git work tree: without git nobody can say which files are the repository.
    """
    command = ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listing = subprocess.run(command, capture_output=True, check=False)
    if listing.returncode:
        raise RuntimeError(f"git cannot list the files of {root}: {listing.stderr.decode().strip()}")
    return sorted({path for path in listing.stdout.decode().split("\0") if path})


def read_all(root: Path, paths: Iterable[str]) -> Iterator[Source]:
    """Every text file among `paths`; what is not UTF-8 (an image) or was deleted is passed over."""
    for path in paths:
        try:
            yield Source(path, (root / path).read_text("utf-8"))
        except (UnicodeDecodeError, FileNotFoundError, IsADirectoryError):
            continue


def dotted(node: ast.expr) -> str:
    """`a.b.c` for an attribute chain, a call in it standing for its callee; "" for anything else."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value)}.{node.attr}".lstrip(".")
    if isinstance(node, ast.Call):
        return dotted(node.func)
    return ""


def calls(source: Source) -> Iterator[ast.Call]:
    """Every call in a Python file, in no promised order."""
    return (node for node in source.nodes if isinstance(node, ast.Call))
