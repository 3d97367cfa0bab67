"""What is generated follows from the tables of the services, and from nothing else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml

from socle_k8s.generate import FOLDER, KEYS, callees_of, callers_of, files, network, stale, write
from socle_local.failures import PlatformFailedError
from socle_local.manifest import ROOT, Service, find_services

from .given import BASE, DEV, Document, documents, service, variables

SERVICES = find_services()
NAME = "app.kubernetes.io/name"


def test_the_committed_files_are_what_the_tables_say() -> None:
    assert stale() == [], "make them again with `make k8s-generate`"


def test_generated_twice_the_files_are_the_same() -> None:
    assert files() == files()


def test_a_changed_table_makes_files_stale_until_they_are_written(tmp_path: Path) -> None:
    table = tmp_path / "services" / "dmp" / "pyproject.toml"
    table.parent.mkdir(parents=True)
    table.write_text('[tool.socle]\nname = "dmp"\nmodule = "dmp"\ngrpc_port = 1\ncallers = ["gateway"]\n')
    with pytest.raises(PlatformFailedError, match="gateway"):
        write(tmp_path)
    front = tmp_path / "services" / "gateway" / "pyproject.toml"
    front.parent.mkdir(parents=True)
    front.write_text('[tool.socle]\nname = "gateway"\nmodule = "gateway"\nhttp_port = 2\n')
    assert write(tmp_path)
    assert stale(tmp_path) == []
    table.write_text(table.read_text().replace('["gateway"]', "[]"))
    front.write_text(front.read_text().replace("gateway", "portal"))
    assert "base/services/dmp/made/network.yaml" in stale(tmp_path)
    write(tmp_path)
    assert "portal" in (tmp_path / FOLDER / "base/services/dmp/made/network.yaml").read_text()


def test_callees_are_the_callers_read_the_other_way_round() -> None:
    every = [service("a", "b"), service("b", "c"), service("c", "b"), service("front", grpc=False)]
    assert callers_of(every[0], every) == ["b"]
    assert callees_of(every[1], every) == ["a", "c"]
    assert callees_of(every[3], every) == []


def test_a_service_that_lists_no_caller_is_open_to_every_other_program() -> None:
    every = [service("a"), service("b", "front"), service("front", grpc=False)]
    assert callers_of(every[0], every) == ["b", "front"]
    assert callees_of(every[2], every) == ["a", "b"]


def test_a_front_is_called_by_no_program() -> None:
    policy = network(service("front", grpc=False), [service("a", "front"), service("front", grpc=False)])
    assert policy["spec"]["policyTypes"] == ["Egress"]


def peers(policy: Document, way: str, side: str) -> list[str]:
    """The names that a committed policy lets in or out, on the gRPC port alone."""
    rules = policy["spec"].get(way, [])
    assert all(rule["ports"] == [{"port": 15050, "protocol": "TCP"}] for rule in rules)
    return sorted(one["podSelector"]["matchLabels"][NAME] for rule in rules for one in rule[side])


@pytest.mark.parametrize("one", SERVICES, ids=lambda one: one.name)
def test_the_network_lets_through_those_whose_certificate_is_accepted_and_no_other(one: Service) -> None:
    folder = BASE / "services" / one.name / "made"
    (policy,) = documents(folder / "network.yaml")
    told = variables(folder / "settings.env")
    allowed = json.loads(told.get("SOCLE_ALLOWED_PROGRAMS", "[]"))
    assert peers(policy, "ingress", "from") == allowed == sorted(one.callers)
    addresses = json.loads(told["SOCLE_SERVICES"])
    others = sorted(other.name for other in SERVICES if one.name in other.callers)
    assert peers(policy, "egress", "to") == sorted(addresses) == others
    assert all(address == f"dns:///{name}:15050" for name, address in addresses.items())


@pytest.mark.parametrize("one", SERVICES, ids=lambda one: one.name)
def test_a_service_is_made_of_the_components_that_its_table_asks_for(one: Service) -> None:
    (made,) = documents(BASE / "services" / one.name / "kustomization.yaml")
    wanted = ["../../service"]
    wanted += [] if one.grpc else ["../../front"]
    wanted += ["../../keys"] if KEYS.keys() & set(one.keeps) else []
    assert made["components"] == wanted
    assert made["resources"] == ["made/facts.yaml", "made/network.yaml"]
    assert made["configMapGenerator"] == [{"name": f"{one.name}-settings", "envs": ["made/settings.env"]}]


def test_the_base_has_every_service_of_the_repository() -> None:
    (base,) = documents(BASE / "kustomization.yaml")
    listed = {path.removeprefix("services/") for path in base["resources"] if path.startswith("services/")}
    assert listed == {one.name for one in SERVICES} == {path.name for path in (BASE / "services").iterdir()}


def test_dev_has_an_image_for_each_service_and_a_disk_for_what_keeps_blobs() -> None:
    (dev,) = documents(DEV / "kustomization.yaml")
    assert {image["name"] for image in dev["images"]} == {
        "socle/platform",
        *(f"socle/{one.name}" for one in SERVICES),
    }
    keepers = {one.name for one in SERVICES if "blobs" in one.keeps}
    merged = {one["name"]: one.get("literals", []) for one in dev["configMapGenerator"]}
    assert keepers
    for keeper in keepers:
        assert merged[f"{keeper}-settings"] == ["SOCLE_BLOB_STORE=file:///var/lib/socle/blobs"]
        assert f"{keeper}-blobs.yaml" in dev["resources"]


def test_every_word_that_a_table_may_keep_is_a_key_or_the_blobs() -> None:
    from socle_k8s.secrets import MAKERS
    from socle_local.stores import KINDS

    assert KINDS.keys() == {*KEYS, "blobs"} == {*MAKERS, "blobs"}


def test_a_generated_file_says_where_it_comes_from() -> None:
    for path, text in files().items():
        assert text.startswith("# Made by `make k8s-generate` from "), path
        if path.endswith(".yaml"):
            assert list(yaml.safe_load_all(text)), path
    assert (ROOT / FOLDER).is_dir()
