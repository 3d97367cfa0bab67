"""The generation of the contracts, in folders of the test."""

from pathlib import Path

import pytest

from tools.gen import GenerationFailed, generate

CONTRACT = 'syntax = "proto3";\npackage socle.widget.v1;\nmessage Widget {\n  string id = 1;\n}\n'


@pytest.fixture
def proto(tmp_path: Path) -> Path:
    folder = tmp_path / "proto" / "socle" / "widget" / "v1"
    folder.mkdir(parents=True)
    (folder / "widget.proto").write_text(CONTRACT)
    (folder / "events.proto").write_text(CONTRACT.replace("Widget", "WidgetMade"))
    return tmp_path / "proto"


def test_generate_writes_typed_packages_and_does_nothing_twice(proto: Path, tmp_path: Path) -> None:
    package = tmp_path / "out" / "socle" / "widget" / "v1"
    assert generate(proto, tmp_path / "out")
    written = {path.name for path in package.iterdir()}
    assert {"__init__.py", "widget_pb2.py", "widget_pb2.pyi", "events_pb2.py"} <= written
    assert (tmp_path / "out" / "socle" / "py.typed").exists()
    assert not generate(proto, tmp_path / "out")


def test_generate_follows_a_change_and_forgets_a_removed_contract(proto: Path, tmp_path: Path) -> None:
    generate(proto, tmp_path / "out")
    contracts = proto / "socle" / "widget" / "v1"
    (contracts / "events.proto").unlink()
    (contracts / "widget.proto").write_text(CONTRACT.replace("string id", "string widget_id"))
    assert generate(proto, tmp_path / "out")
    package = tmp_path / "out" / "socle" / "widget" / "v1"
    assert "widget_id" in (package / "widget_pb2.pyi").read_text()
    assert not (package / "events_pb2.py").exists()


def test_generate_keeps_the_former_code_when_a_contract_is_wrong(proto: Path, tmp_path: Path) -> None:
    generate(proto, tmp_path / "out")
    (proto / "socle" / "widget" / "v1" / "widget.proto").write_text("message {")
    with pytest.raises(GenerationFailed):
        generate(proto, tmp_path / "out")
    assert (tmp_path / "out" / "socle" / "widget" / "v1" / "widget_pb2.py").exists()
    assert [path.name for path in (tmp_path / "out").iterdir() if path.name.startswith(".generating")] == []
