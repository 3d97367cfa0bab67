"""Checks a downloaded journal, without a network.

    python -m tools.verify_journal journal.json [--previous old.json] [--keys keys.json]

Exit code 0 when all of it holds, 1 when something does not, 2 when a file cannot be read.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Any

from . import files, rules
from .files import Journal, Unreadable
from .rules import Fault

FAULTS_SHOWN = 20


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    asked = _asked(arguments)
    try:
        journal = files.read(asked.journal)
        earlier = files.read(asked.previous) if asked.previous else None
        keys = files.read_object(asked.keys) if asked.keys else journal.keys
        if not isinstance(keys.get("keys"), list):
            raise Unreadable("the key set has no member `keys`")
    except (OSError, Unreadable) as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    found = list(rules.faults(journal, keys))
    if earlier:
        found += rules.faults_since(journal, earlier, keys)
    _told(journal, keys, pinned=asked.keys is not None)
    if earlier:
        _told_since(journal, earlier, keys)
    return _concluded(found)


def _asked(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="verify-journal", description="Checks a downloaded journal, without a network."
    )
    parser.add_argument("journal", type=Path, help="the file that was downloaded")
    parser.add_argument("--previous", type=Path, help="an earlier one, kept since")
    parser.add_argument("--keys", type=Path, help="the key set as published, in place of the one in the file")
    return parser.parse_args(arguments)


def _told(journal: Journal, keys: dict[str, Any], *, pinned: bool) -> None:
    """What the file says it is."""
    chains, head = rules.chains(journal), journal.head
    withheld = sum(line.withheld for line in journal.lines)
    print(f"journal of   {journal.person_id}, downloaded {journal.exported_at}")
    print(f"lines        {len(journal.lines)} in {len(chains)} chains, {withheld} withheld")
    print(f"not yet in   {journal.pending}")
    print(f"tree         {head.tree_size} leaves, root {head.root_hash.hex()}, signed {head.signed_at}")
    signed = rules.said(head, keys)
    if signed is not None:
        trust = "given with --keys" if pinned else "came with the file: compare it with the published one"
        print(f"key          {signed[1]} ({trust})")


def _told_since(journal: Journal, earlier: Journal, keys: dict[str, Any]) -> None:
    print(f"earlier      {len(earlier.lines)} lines under a tree of {earlier.head.tree_size} leaves")
    signed, before = rules.said(journal.head, keys), rules.said(earlier.head, earlier.keys)
    if signed and before and signed[1] != before[1]:
        print(f"note         the key is no longer {before[1]}: ask the operator why")
    for chain in rules.gone(journal, earlier):
        print(f"note         {chain} is shown no more: its document was hidden from you since")


def _concluded(found: list[Fault]) -> int:
    for fault in found[:FAULTS_SHOWN]:
        print(f"FAULT        {fault.where}: {fault.what}")
    if len(found) > FAULTS_SHOWN:
        print(f"FAULT        and {len(found) - FAULTS_SHOWN} more")
    print("verdict      it does not hold" if found else "verdict      all of it holds")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
