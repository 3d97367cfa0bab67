"""`python -m tools.slo`: writes what is made from `slo/`; `--check` only says what is not up to date."""

import sys
from pathlib import Path

from tools.paths import ROOT
from tools.slo.files import made, outdated, write
from tools.slo.model import FileRefused


def main(arguments: list[str], root: Path = ROOT) -> int:
    """The exit status; 1 when a file of `slo/` is wrong, or `--check` finds something outdated."""
    try:
        if "--check" not in arguments:
            write(root)
            return 0
        wrong = outdated(made(root), root)
    except FileRefused as refused:
        print(f"slo: {refused}", file=sys.stderr)
        return 1
    for path in wrong:
        print(f"{path} is not what slo/ says: run `make slo`")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
