"""Rules about size: a page can be read, a scroll is believed."""

import ast
import io
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import PurePosixPath
from statistics import median

from tools.lints.model import Finding, Function, Source

FILE_CAP = 400
FUNCTION_CAP = 50
MEDIAN_CAP = 10
SILENT = frozenset(
    {tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT, tokenize.ENDMARKER}
)


def caps(source: Source) -> Iterator[Finding]:
    """`file-cap`, `function-cap`: no file over 400 lines, no function over 50.

    The incident it prevents: in a long function a check of rights stands in one branch of three. Everybody
    has read "the function"; nobody has read all of it. Lines are counted as they are seen, docstring and
    comments included. A migration is the list of the columns of one day: in pieces it would hide what it
    makes.
    """
    if not source.is_python:
        return
    lines = source.text.count("\n")
    if lines > FILE_CAP:
        yield source.finding(
            1, "file-cap", f"{lines} lines, {FILE_CAP} at most: make it a package of the same name"
        )
    for function in functions(source) if not source.is_migration else ():
        length = (function.end_lineno or function.lineno) - function.lineno + 1
        if length > FUNCTION_CAP:
            yield source.finding(
                function,
                "function-cap",
                f"`{function.name}` has {length} lines, {FUNCTION_CAP} at most: split it",
            )


def functions(source: Source) -> Iterator[Function]:
    """Every function and method, nested ones included."""
    return (node for node in source.nodes if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def package_of(source: Source) -> str:
    """The package that a Python file counts for: `services/dmp`, `libs/chassis`, `deploy/local`, `tools`."""
    parts = PurePosixPath(source.path).parts
    return "/".join(parts[:2]) if parts[0] in ("services", "libs", "deploy") else parts[0]


def code_lines(source: Source) -> set[int]:
    """The lines that hold code: no blank line, no comment, no docstring."""
    silent: set[int] = set()
    for node in source.nodes:
        if (
            isinstance(node, ast.Expr)
            and isinstance(node.value, ast.Constant)
            and isinstance(node.value.value, str)
        ):
            silent.update(range(node.lineno, (node.end_lineno or node.lineno) + 1))
    lines: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source.text).readline):
        if token.type not in SILENT:
            lines.update(range(token.start[0], token.end[0] + 1))
    return lines - silent


def lengths(source: Source) -> list[int]:
    """Lines of code of each function of the file, signature included."""
    code = code_lines(source)
    return [
        len(code.intersection(range(function.lineno, (function.end_lineno or function.lineno) + 1)))
        for function in functions(source)
    ]


def medians(sources: Iterable[Source]) -> dict[str, float]:
    """The median function of each package, in lines of code, tests and migrations left out."""
    found: dict[str, list[int]] = {}
    for source in sources:
        if source.is_python and not source.is_test and not source.is_migration:
            found.setdefault(package_of(source), []).extend(lengths(source))
    return {package: median(every) for package, every in sorted(found.items()) if every}


def long_medians(sources: Iterable[Source]) -> Iterator[Finding]:
    """`median-function`: half the functions of a package have ten lines of code or fewer.

    A cap alone is met by cutting a long function into fifty-line pieces. The median says whether the house is
    made of small things. Docstrings do not count: a rule that taxes explanation would be obeyed by not
    explaining.
    """
    for package, value in medians(sources).items():
        if value > MEDIAN_CAP:
            yield Finding(
                package,
                1,
                "median-function",
                f"the median function has {value:g} lines, {MEDIAN_CAP} at most",
            )
