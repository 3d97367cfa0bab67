"""How services are found and what is read of them."""

from pathlib import Path

import pytest

from socle_local.failures import PlatformFailedError
from socle_local.manifest import Service, find_durables, find_services


def write_service(root: Path, name: str, table: str) -> Path:
    package = root / "services" / name / name.replace("-", "_")
    package.mkdir(parents=True)
    (package.parent / "pyproject.toml").write_text(f"[tool.socle]\n{table}\n")
    return package


def test_services_are_found_by_their_manifest_and_web_fronts_come_last(tmp_path: Path) -> None:
    write_service(tmp_path, "a-front", 'name = "a-front"\nmodule = "a_front"\nhttp_port = 8080')
    package = write_service(
        tmp_path,
        "lab-results",
        'name = "lab-results"\nmodule = "lab_results"\ngrpc_port = 50060\ncallers = ["gateway"]',
    )
    (package / "consumers.py").write_text('TABLE = (on(Opened, know, durable="lab-results-open"),)\n')
    (tmp_path / "services" / "notes").mkdir()
    assert find_services(tmp_path) == [
        Service("lab-results", "lab_results", 50060, True, ("gateway",), ("lab-results-open",)),
        Service("a-front", "a_front", 8080, False),
    ]


def test_a_project_that_is_no_service_is_left_alone(tmp_path: Path) -> None:
    write_service(tmp_path, "library", "")
    assert find_services(tmp_path) == []


@pytest.mark.parametrize(
    "table",
    ['name = "x"\nmodule = "x"', 'module = "x"\ngrpc_port = 1', 'name = "x"\nmodule = "x"\ngrpc_port = "1"'],
)
def test_an_incomplete_manifest_says_which_and_what_is_missing(tmp_path: Path, table: str) -> None:
    write_service(tmp_path, "x", table)
    with pytest.raises(PlatformFailedError, match=r"services/x/pyproject\.toml: \[tool\.socle\] needs"):
        find_services(tmp_path)


def test_two_services_on_one_port_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        write_service(tmp_path, name, f'name = "{name}"\nmodule = "{name}"\ngrpc_port = 50060')
    with pytest.raises(PlatformFailedError, match="one and two both ask for port 50060"):
        find_services(tmp_path)


def test_durables_are_the_names_that_start_with_the_service(tmp_path: Path) -> None:
    (tmp_path / "consumers").mkdir()
    (tmp_path / "consumers.py").write_text(
        'OPEN = "dmp-open-record"\n'
        'TABLE = [on(A, a, durable=OPEN), on(B, b, durable="dmp-follow"), on(C, c, durable="dmp-follow")]\n'
        'SENTENCE, OTHER = "dmp-like words, not a name", "messaging-send"\n'
    )
    (tmp_path / "consumers" / "more.py").write_text('MERGED = "dmp-merge"\n')
    assert find_durables(tmp_path, "dmp") == ("dmp-follow", "dmp-merge", "dmp-open-record")


def test_every_service_of_the_repository_has_a_manifest_the_launcher_understands() -> None:
    services = {service.name: service for service in find_services()}
    assert {"dmp", "gateway", "identity-ins"} <= services.keys()
    assert [name for name, service in services.items() if not service.grpc] == ["gateway"]
