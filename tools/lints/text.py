"""Rules about what the text of the repository may not say."""

import re
from collections.abc import Iterable, Iterator

from tools.lints.model import Finding, Source

# A place inside a folder that only one machine or one person has.
MACHINE_PATH = re.compile(r"(?<![\w./:<}])/(?:work|root|Users/\w+|home/(?!nonroot|socle)\w+)/[\w.]+")
REGISTRY = re.compile(
    r"\b(?:pypi\.org|pythonhosted\.org|test\.pypi|registry\.npmjs|npmjs\.com|proxy\.golang|index\.docker\.io|registry-1\.docker)"
    r"|--(?:extra-)?index-url",
    re.IGNORECASE,
)
ISSUE = re.compile(
    r"\b(?:issues?|tickets?|PR|pull request|fix(?:e[sd])?|close[sd]?|see)\s+#\d+|\(#\d+\)|\bissues?\s+\d+\b",
    re.IGNORECASE,
)
GENERATED = re.compile(r"(?:^|/)\w+_pb2(?:_grpc)?\.pyi?$|^libs/contracts/")
PATTERNS = (
    ("machine-path", MACHINE_PATH, "exists on one machine only: write a path relative to the repository"),
    (
        "registry-host",
        REGISTRY,
        "is where one network finds packages: leave it to the configuration of the machine",
    ),
    ("issue-number", ISSUE, "means nothing to who has the code alone: say the reason itself"),
)


def no_local_words(source: Source) -> Iterator[Finding]:
    """`machine-path`, `registry-host`, `issue-number`: the text holds for whoever clones it, wherever they
    are.

    The incident it prevents: a lock file points at the package mirror of one company; a hospital's clone
    cannot be installed, and the mirror's logs tell that company which hospital has tried.
    """
    for number, line in enumerate(source.text.splitlines(), 1):
        for rule, pattern, message in PATTERNS:
            found = pattern.search(line)
            if found:
                yield source.finding(number, rule, f"`{found[0]}` {message}")


def no_generated_code(paths: Iterable[str]) -> Iterator[Finding]:
    """`generated-code`: git keeps the contracts, never what is generated from them.

    The incident it prevents: a contract is changed without the generated code that was committed beside it,
    and two services speak two versions of a message whose tests are both green.
    """
    for path in paths:
        if GENERATED.search(path):
            yield Finding(
                path, 1, "generated-code", "is generated: `git rm --cached` it, `make gen` makes it"
            )
