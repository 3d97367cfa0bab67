"""The next version can be made from this tree as it stands: else the rehearsal would find it out at night."""

from pathlib import Path

import pytest

from socle_local.manifest import ROOT

from .trees import Edit, OverlayMisplaced, edits, head, overlay


def test_each_edit_has_its_place_in_this_tree(tmp_path: Path) -> None:
    for edit in edits():
        target = tmp_path / edit.file
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text((ROOT / edit.file).read_text())
        target.write_text(edit.applied(target.read_text()))
        assert edit.after in target.read_text(), edit.why


def test_an_edit_without_its_place_says_which_line_to_correct() -> None:
    edit = Edit("why", "some/file.py", "not there", "")
    with pytest.raises(OverlayMisplaced, match=r"'not there' occurs 0 times in some/file\.py"):
        edit.applied("something else")
    with pytest.raises(OverlayMisplaced, match="2 times"):
        edit.applied("not there, not there")


def migration(folder: Path, number: str, former: str | None) -> None:
    (folder / f"{number}_step.py").write_text(f"revision = {number!r}\ndown_revision = {former!r}\n")


def test_head_is_the_migration_that_none_follows(tmp_path: Path) -> None:
    migration(tmp_path, "0001", None)
    migration(tmp_path, "0002", "0001")
    assert head(tmp_path) == ("0002", 2)
    migration(tmp_path, "0003", "0001")
    with pytest.raises(OverlayMisplaced, match="2 heads"):
        head(tmp_path)


def test_overlay_adds_a_migration_after_the_newest_of_each_service(tmp_path: Path) -> None:
    for edit in edits():
        (tmp_path / edit.file).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / edit.file).write_text((ROOT / edit.file).read_text())
    versions = tmp_path / "services" / "lab" / "migrations" / "versions"
    versions.mkdir(parents=True)
    migration(versions, "0007", None)
    overlay(tmp_path)
    assert head(versions) == ("next", 8)
    assert "down_revision = '0007'" in (versions / "0008_producer.py").read_text()
