"""What the verifier says of a journal beside an earlier one."""

from pathlib import Path
from typing import Any

import pytest

from chassis.ledger import Signer
from tools.verify_journal.__main__ import main

from .journal_given import DOCUMENT, OTHER, PERSON, Log, written


@pytest.fixture
def log() -> Log:
    made = Log()
    for chain in (OTHER, PERSON, PERSON, DOCUMENT, OTHER, PERSON):
        made.add(chain)
    return made


@pytest.fixture
def compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Any:
    def run(journal: dict[str, Any], earlier: dict[str, Any]) -> tuple[int, str]:
        arguments = [
            written(tmp_path, "new.json", journal),
            "--previous",
            written(tmp_path, "old.json", earlier),
        ]
        return main(arguments), capsys.readouterr().out

    return run


def test_a_journal_that_only_grew_holds(log: Log, compare: Any) -> None:
    earlier = log.export(size=4)
    code, told = compare(log.export(since=4), earlier)
    assert code == 0, told
    assert "earlier      3 lines under a tree of 4 leaves" in told


def test_the_same_journal_downloaded_again_holds(log: Log, compare: Any) -> None:
    assert compare(log.export(), log.export())[0] == 0


def test_without_a_proof_since_the_earlier_one_nothing_is_taken_for_granted(log: Log, compare: Any) -> None:
    code, told = compare(log.export(), log.export(size=4))
    assert (code, "nothing proves what became of the earlier tree: ask ?since=4" in told) == (1, True)


def test_a_log_that_was_rewritten_is_found(log: Log, compare: Any) -> None:
    earlier = log.export(size=4)
    other = Log(log.signer)
    for chain in (OTHER, PERSON, PERSON, DOCUMENT, OTHER, PERSON):
        other.add(chain, "dmp_document.retrieve")
    code, told = compare(other.export(since=4), earlier)
    assert code == 1
    assert "FAULT        head: the earlier head is not the beginning of this tree" in told
    assert (
        "FAULT        line 1 of the record (leaf 1): was in the earlier journal and is not in this one"
        in told
    )


def test_two_trees_of_one_size_are_found(log: Log, compare: Any) -> None:
    other = Log(log.signer)
    for line in log.lines:
        other.add(line["chain"], "dmp_document.retrieve")
    code, told = compare(other.export(), log.export())
    assert (code, "another tree of the same size was signed" in told) == (1, True)


def test_a_log_that_was_cut_back_is_found(log: Log, compare: Any) -> None:
    code, told = compare(log.export(size=4), log.export())
    assert (code, "the log is shorter than it was: 6 lines, now 4" in told) == (1, True)
    assert "line 3 of the record (leaf 5): was in the earlier journal and is not in this one" in told


def test_a_line_that_the_earlier_download_should_have_shown_is_found(log: Log, compare: Any) -> None:
    earlier = log.export(size=4)
    earlier["lines"] = [line for line in earlier["lines"] if line["leaf_index"] != 2]
    code, told = compare(log.export(since=4), earlier)
    assert code == 1
    assert "line 2 of the record (leaf 2): was written before the earlier download, which did not" in told


def test_a_chain_that_is_shown_no_more_is_a_note_and_not_a_fault(log: Log, compare: Any) -> None:
    journal = log.export(since=4)
    journal["lines"] = [line for line in journal["lines"] if line["chain"] != DOCUMENT]
    code, told = compare(journal, log.export(size=4))
    assert (code, f"note         {DOCUMENT} is shown no more" in told) == (0, True)


def test_a_chain_that_is_shown_since_is_no_fault(log: Log, compare: Any) -> None:
    earlier = log.export(size=4)
    earlier["lines"] = [line for line in earlier["lines"] if line["chain"] != DOCUMENT]
    assert compare(log.export(since=4), earlier)[0] == 0


def test_a_line_withheld_since_is_no_fault(log: Log, compare: Any) -> None:
    assert compare(log.export(since=4, withheld=(2,)), log.export(size=4))[0] == 0


def test_another_key_is_noted_and_a_head_it_did_not_sign_is_a_fault(log: Log, compare: Any) -> None:
    earlier = log.export(size=4)
    former, log.signer = log.signer, Signer.fresh()
    code, told = compare(log.export(since=4), earlier)
    assert (code, f"the key is no longer {former.kid}" in told) == (0, True)
    earlier["head"]["signature"] = log.export()["head"]["signature"]
    code, told = compare(log.export(since=4), earlier)
    assert (code, "FAULT        earlier head: tree_size is not the one that was signed" in told) == (1, True)


def test_the_journal_of_somebody_else_is_not_compared(log: Log, compare: Any) -> None:
    code, told = compare(log.export(), log.export(person=OTHER))
    assert (code, "FAULT        earlier journal: it is of somebody else" in told) == (1, True)
