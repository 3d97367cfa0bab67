"""What the verifier says of a journal that holds, and of each way in which one does not."""

import copy
import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chassis.ledger import Signer
from tools.paths import ROOT
from tools.verify_journal.__main__ import main

from .journal_given import DOCUMENT, OTHER, PERSON, Log, written

Verify = Callable[..., tuple[int, str]]


@pytest.fixture
def log() -> Log:
    """Nine lines: five of the person in two chains."""
    made = Log()
    for chain in (OTHER, PERSON, PERSON, OTHER, DOCUMENT, PERSON, OTHER, DOCUMENT, OTHER):
        made.add(chain)
    return made


@pytest.fixture
def verify(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Verify:
    """Runs the verifier: exit code, everything it said."""

    def run(journal: dict[str, Any], **others: dict[str, Any]) -> tuple[int, str]:
        arguments = [written(tmp_path, "journal.json", journal)]
        for name, whole in others.items():
            arguments += [f"--{name}", written(tmp_path, f"{name}.json", whole)]
        code = main(arguments)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


def test_a_journal_holds(log: Log, verify: Verify) -> None:
    code, told = verify(log.export())
    assert code == 0, told
    assert "lines        5 in 2 chains, 0 withheld" in told
    assert "not yet in   1" in told
    assert f"key          {log.signer.kid} (came with the file" in told
    assert told.endswith("verdict      all of it holds\n")


def test_a_journal_holds_with_a_withheld_line_in_the_middle(log: Log, verify: Verify) -> None:
    code, told = verify(log.export(withheld=(2,)))
    assert code == 0, told
    assert "1 withheld" in told


def test_the_key_may_be_given_and_must_then_be_the_one(log: Log, verify: Verify) -> None:
    code, told = verify(log.export(), keys=log.signer.jwks())
    assert (code, "given with --keys" in told) == (0, True)
    code, told = verify(log.export(), keys=Signer.fresh().jwks())
    assert (code, "FAULT        head: it is not signed by a key of the key set" in told) == (1, True)


CHANGES: dict[str, tuple[Callable[[dict[str, Any]], Any], str]] = {
    "a word": (
        lambda j: j["lines"][1]["line"].update(name="Personne"),
        "line 2 of the record (leaf 2): the line is not the one that was hashed",
    ),
    "a number too large": (
        lambda j: j["lines"][1]["line"].update(other=2**60),
        "line 2 of the record (leaf 2): the line is not the one that was hashed",
    ),
    "half a character": (
        lambda j: j["lines"][1]["line"].update(name="\ud800"),
        "line 2 of the record (leaf 2): the line is not the one that was hashed",
    ),
    "a leaf": (
        lambda j: j["lines"][0].update(leaf_hash="00" * 32),
        "line 1 of the record (leaf 1): the path does not lead to the root",
    ),
    "a node": (
        lambda j: j["lines"][0]["path"].__setitem__(1, "00" * 32),
        "line 1 of the record (leaf 1): the path does not lead to the root",
    ),
    "a missing node": (
        lambda j: j["lines"][0]["path"].__setitem__(1, ""),
        "line 1 of the record (leaf 1): the path does not lead to the root",
    ),
    "a line taken out": (
        lambda j: j["lines"].pop(1),
        "line 3 of the record (leaf 5): number 2 is missing before it",
    ),
    "the first line taken out": (
        lambda j: j["lines"].pop(3),
        "line 2 of document:01900000-0000-7000-8000-00000000000d (leaf 7): number 1 is missing before it",
    ),
    "a line without its words": (
        lambda j: j["lines"][0].pop("line"),
        "line 1 of the record (leaf 1): the line is missing",
    ),
    "lines exchanged": (
        lambda j: j["lines"].insert(0, j["lines"].pop(1)),
        "line 2 of the record (leaf 2): number 1 is missing before it, or the lines are in disorder",
    ),
    "a number given anew": (
        lambda j: (j["lines"].pop(1), j["lines"][1].update(number=2)),
        "line 2 of the record (leaf 5): its number is not the one of its place in the file",
    ),
    "another chain": (
        lambda j: j["lines"][4].update(chain=f"{OTHER}/secret"),
        f"chain {OTHER}/secret: is not of this person's journal",
    ),
    "the size": (
        lambda j: j["head"].update(tree_size=8),
        "head: tree_size is not the one that was signed",
    ),
    "the moment": (
        lambda j: j["head"].update(signed_at="2020-01-01T00:00:00.000000Z"),
        "head: signed_at is not the one that was signed",
    ),
    "the signature": (
        lambda j: j["head"].update(signature=j["head"]["signature"][:-4] + "AAAA"),
        "head: it is not signed by a key of the key set",
    ),
    "the keys": (lambda j: j.update(keys={"keys": []}), "head: it is not signed by a key of the key set"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_was_changed_is_named(log: Log, verify: Verify, change: str) -> None:
    journal = log.export()
    make, fault = CHANGES[change]
    make(journal)
    code, told = verify(journal)
    assert code == 1
    assert f"FAULT        {fault}" in told
    assert told.endswith("verdict      it does not hold\n")


PROVEN = ["chain", "number", "leaf_index", "leaf_hash", "path", "line"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(st.data())
def test_no_character_of_a_proven_line_can_be_changed(log: Log, tmp_path: Path, data: st.DataObject) -> None:
    journal = log.export()
    line = data.draw(st.sampled_from(journal["lines"]))
    name = data.draw(st.sampled_from(PROVEN))
    text = json.dumps(line[name], ensure_ascii=False)
    place = data.draw(st.integers(0, len(text) - 1))
    new = data.draw(st.characters(exclude_categories=["Cs"]))
    changed = text[:place] + new + text[place + 1 :]
    try:
        value = json.loads(changed)
    except ValueError:
        return
    same = value == line[name]
    line[name] = value
    assert main([written(tmp_path, "journal.json", journal)]) == 0 if same else 1


def test_more_faults_than_anyone_reads_are_counted(log: Log, verify: Verify) -> None:
    for _ in range(30):
        log.add(PERSON)
    journal = log.export()
    for line in journal["lines"]:
        line["path"] = []
    _, told = verify(journal)
    assert told.count("FAULT") == 21
    assert "FAULT        and 15 more" in told


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        "{}",
        '{"format": "socle-journal-2"}',
        '{"format": "socle-journal-1"}',
        '{"format": "socle-journal-1", "format": "socle-journal-1"}',
        '{"format": NaN}',
        "[" * 100_000,
    ],
)
def test_what_is_no_journal_is_not_read(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str
) -> None:
    path = tmp_path / "journal.json"
    path.write_text(content)
    assert main([str(path)]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_a_journal_cut_short_is_not_read(log: Log, tmp_path: Path) -> None:
    path = tmp_path / "journal.json"
    path.write_text(json.dumps(log.export())[:-20])
    assert main([str(path)]) == 2
    assert main([str(tmp_path / "nowhere.json")]) == 2


def _broken(change: Callable[[dict[str, Any]], Any], log: Log) -> dict[str, Any]:
    journal = copy.deepcopy(log.export(since=3))
    change(journal)
    return journal


@pytest.mark.parametrize(
    ("change", "place"),
    [
        (lambda j: j["head"].pop("root_hash"), "head: root_hash"),
        (lambda j: j["head"].update(tree_size=True), "head: tree_size"),
        (lambda j: j["lines"][2].update(number=-1), "lines[2]: number"),
        (lambda j: j["lines"][2]["path"].append("zz"), "lines[2]: a hash is not in hexadecimal"),
        (lambda j: j["lines"][2]["path"].append("AB" * 32), "lines[2]: a hash is not 32 bytes in lower-case"),
        (lambda j: j["lines"].append(1), "lines[5]: not an object"),
        (lambda j: j.update(since={}), "since: tree_size"),
        (lambda j: j.update(keys={}), "the key set has no member"),
    ],
)
def test_a_member_of_the_wrong_kind_is_named(
    log: Log, verify: Verify, change: Callable[[dict[str, Any]], Any], place: str
) -> None:
    code, told = verify(_broken(change, log))
    assert (code, place in told) == (2, True), told


def test_the_command_runs_from_anywhere_by_itself(log: Log, tmp_path: Path) -> None:
    written(tmp_path, "journal.json", log.export())
    command = [str(ROOT / "tools" / "verify-journal"), "journal.json"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.endswith("verdict      all of it holds\n")
