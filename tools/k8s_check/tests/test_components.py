"""What the components repeat of the services' tables."""

from __future__ import annotations

import re

import pytest
import yaml

from socle_k8s import components
from socle_k8s.generate import stale
from socle_local.manifest import Service
from tools.k8s_check.model import Document

LAB = Service(
    "lab-results", "lab_results", 15060, True, ("gateway",), ("lab-results-follow",), ("ledger_key",)
)
FRONT = Service("portal", "portal", 8090, grpc=False)


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return components.files([LAB, FRONT])


def documents(made: dict[str, str], path: str) -> list[Document]:
    return list(yaml.safe_load_all(made[f"components/{path}"]))


def test_files_a_service_with_a_table_then_it_gets_a_role_and_a_database(made: dict[str, str]) -> None:
    role, database = documents(made, "postgresql-cnpg/databases.yaml")
    assert (role["spec"]["name"], role["spec"]["passwordSecret"]["name"]) == (
        "lab_results",
        "lab-results-database",
    )
    assert (database["spec"]["name"], database["spec"]["owner"]) == ("lab_results", "lab_results")
    assert database["spec"]["databaseReclaimPolicy"] == "retain"


def test_files_then_every_program_proves_its_name(made: dict[str, str]) -> None:
    certificates = documents(made, "cert-manager-mtls/certificates.yaml")
    assert [c["spec"]["secretName"] for c in certificates] == ["lab-results-tls", "portal-tls"]
    assert all({"server auth", "client auth"} < set(c["spec"]["usages"]) for c in certificates)
    assert all(c["metadata"]["name"] in c["spec"]["dnsNames"] for c in certificates)


def test_files_then_each_secret_of_the_pod_contract_has_a_source(made: dict[str, str]) -> None:
    names = {d["spec"]["target"]["name"] for d in documents(made, "openbao/secrets.yaml")}
    own = {f"lab-results-{what}" for what in ("database", "nats", "oidc", "keys")}
    assert names == own | {"portal-nats", "portal-oidc", "nats-passwords"}


def test_files_then_each_nats_user_has_a_variable_and_no_password(made: dict[str, str]) -> None:
    found = re.findall(r'"password": (\S+),', made["components/nats-cluster/users.conf"])
    assert found == [f"$NATS_PASSWORD_{user}" for user in ("LAB_RESULTS", "PORTAL", "SUBSCRIBER")]
    (passwords,) = [
        d for d in documents(made, "openbao/secrets.yaml") if d["metadata"]["name"] == "nats-passwords"
    ]
    lines = passwords["spec"]["target"]["template"]["data"]["passwords.conf"]
    assert 'NATS_PASSWORD_LAB_RESULTS: "{{ .lab_results }}"\n' in lines


def test_files_one_cluster_a_service_then_nothing_of_it_is_another_s(made: dict[str, str]) -> None:
    (kustomization,) = documents(made, "postgresql-cnpg-per-service/services/lab-results/kustomization.yaml")
    operations = [op for patch in kustomization["patches"] for op in yaml.safe_load(patch["patch"])]
    names = {op["value"] for op in operations if isinstance(op["value"], str)}
    assert names == {"lab-results-postgres", "lab_results"}
    assert "portal" not in made["components/postgresql-cnpg-per-service/kustomization.yaml"]


def test_files_of_the_repository_then_they_are_what_is_committed() -> None:
    assert [path for path in stale() if path.startswith("components/")] == []
