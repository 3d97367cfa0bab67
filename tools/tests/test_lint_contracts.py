"""The lints of the contracts, on contracts compiled for the test."""

import shutil
from pathlib import Path

import pytest

from tools.lints.contracts import ContractsUnreadable, check_contracts, compile_set
from tools.paths import PROTO

RULE = 'option (socle.options.v1.rule) = {permission: "widget.read" allow: [CALLER_KIND_CITIZEN]};'
RPC = """
service WidgetService {{
  rpc GetWidget(GetWidgetRequest) returns (GetWidgetResponse) {{
    {rule}
  }}
}}
message GetWidgetRequest {{}}
message GetWidgetResponse {{}}
"""
EVENT = """
message WidgetMade {{
  option (socle.options.v1.event) = {{subject: "{subject}" aggregate: "{aggregate}"}};
  string widget_id = 1;
  {field}
}}
"""
SUBJECT = "socle.widget.widget.made.v1"


def rules(
    tmp_path: Path, body: str, file: str = "widget.proto", package: str = "socle.widget.v1"
) -> list[str]:
    """The rules broken by a contract with this body."""
    shutil.copytree(PROTO / "socle" / "options", tmp_path / "socle" / "options")
    folder = tmp_path / "socle" / "widget" / "v1"
    folder.mkdir(parents=True)
    (folder / file).write_text(
        'syntax = "proto3";\n'
        f"package {package};\n"
        'import "google/protobuf/any.proto";\n'
        'import "socle/options/v1/options.proto";\n' + body
    )
    return [finding.rule for finding in check_contracts(compile_set(tmp_path))]


def event(subject: str = SUBJECT, aggregate: str = "widget_id", field: str = "uint32 version = 2;") -> str:
    return EVENT.format(subject=subject, aggregate=aggregate, field=field)


def test_an_rpc_with_its_rule_passes(tmp_path: Path) -> None:
    assert rules(tmp_path, RPC.format(rule=RULE)) == []


@pytest.mark.parametrize(
    "rule",
    [
        "",
        'option (socle.options.v1.rule) = {permission: "widget.read"};',
        'option (socle.options.v1.rule) = {permission: "read" allow: [CALLER_KIND_CITIZEN]};',
        'option (socle.options.v1.rule) = {permission: "widget.read" allow: [CALLER_KIND_UNSPECIFIED]};',
    ],
)
def test_an_rpc_without_a_full_rule_is_refused(tmp_path: Path, rule: str) -> None:
    assert rules(tmp_path, RPC.format(rule=rule)) == ["rpc-without-rule"]


def test_an_addressed_opaque_event_passes(tmp_path: Path) -> None:
    assert rules(tmp_path, event(), "events.proto") == []


@pytest.mark.parametrize(
    ("subject", "aggregate"),
    [
        ("", "widget_id"),
        ("socle.dmp.widget.made.v1", "widget_id"),
        ("socle.widget.widget.made", "widget_id"),
        ("socle.widget.widget.made.v2", "widget_id"),
        ("socle.widget.made.v1", "widget_id"),
        (SUBJECT, "gadget_id"),
        (SUBJECT, ""),
    ],
)
def test_an_event_at_the_wrong_address_is_refused(tmp_path: Path, subject: str, aggregate: str) -> None:
    assert rules(tmp_path, event(subject, aggregate), "events.proto") == ["event-subject"]


def test_two_events_on_one_subject_are_refused(tmp_path: Path) -> None:
    twice = event() + event().replace("WidgetMade", "WidgetSold")
    assert rules(tmp_path, twice, "events.proto") == ["event-subject"]


@pytest.mark.parametrize(
    "field",
    [
        "string birth_date = 2;",
        "string ins = 2;",
        "string patient_name = 2;",
        "string title = 2;",
        "bytes data = 2;",
        "double temperature = 2;",
        "google.protobuf.Any fact = 2;",
    ],
)
def test_an_event_that_tells_is_refused(tmp_path: Path, field: str) -> None:
    assert rules(tmp_path, event(field=field), "events.proto") == ["event-not-opaque"]


def test_a_package_that_is_not_its_path_is_refused(tmp_path: Path) -> None:
    assert rules(tmp_path, RPC.format(rule=RULE), package="socle.gadget.v1") == ["package-path"]


def test_a_finding_stands_on_the_line_of_the_rpc(tmp_path: Path) -> None:
    rules(tmp_path, RPC.format(rule=""))
    (finding,) = check_contracts(compile_set(tmp_path), "proto")
    text = (tmp_path / finding.path.removeprefix("proto/")).read_text().splitlines()
    assert "rpc GetWidget" in text[finding.line - 1]


def test_a_contract_that_does_not_compile_is_said(tmp_path: Path) -> None:
    with pytest.raises(ContractsUnreadable):
        rules(tmp_path, "message {")
