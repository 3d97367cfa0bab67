"""NetworkPolicies, each rule of the API that the manifests use."""

from typing import Any

import pytest
import yaml

from tests.containers.fields import NotTranslated
from tests.containers.policies import Flow, Party, Policies, selects

WEB = Party("web", "n", {"app": "web", "tier": "front"}, {"http": 8080})
STORE = Party("store", "n", {"app": "store"}, {"sql": 5432, "metrics": 9090})
OTHER = Party("other", "elsewhere", {"app": "web", "tier": "front"}, {})
DENY = "{spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}"
OUT = "{spec: {podSelector: {matchLabels: {app: web}}, egress: [{to: [{podSelector: {matchLabels: {app: store}}}]}], policyTypes: [Egress]}}"  # noqa: E501
IN = "{spec: {podSelector: {matchLabels: {app: store}}, ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: sql}]}]}}"  # noqa: E501


def policies(*texts: str) -> Policies:
    return Policies(yaml.safe_load(text) for text in texts)


def test_without_a_policy_everything_flows() -> None:
    assert policies().allows(WEB, STORE, 5432)
    assert policies().closed(WEB) == set()


@pytest.mark.parametrize("texts", [(DENY,), (DENY, OUT), (DENY, IN)])
def test_one_open_end_is_not_enough(texts: tuple[str, ...]) -> None:
    assert not policies(*texts).allows(WEB, STORE, 5432)


def test_both_ends_open_let_that_port_through_and_no_other() -> None:
    both = policies(DENY, OUT, IN)
    assert both.allowed([WEB, STORE]) == [Flow("web", "store", 5432)]
    assert not both.allows(STORE, WEB, 8080)
    assert both.closed(STORE) == {"Ingress", "Egress"}


def test_a_pod_of_another_namespace_is_another_pod() -> None:
    assert not policies(IN).allows(OTHER, STORE, 5432)


def test_a_namespace_is_chosen_by_its_name() -> None:
    text = IN.replace(
        "{podSelector: {matchLabels: {app: web}}}",
        "{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: elsewhere}}}",
    )
    assert policies(text).allows(OTHER, STORE, 5432)
    assert not policies(text).allows(WEB, STORE, 5432)


@pytest.mark.parametrize(
    ("ports", "passes"),
    [
        ([{"port": 5432}], True),
        ([{"port": 5000, "endPort": 6000}], True),
        ([{"port": 5432, "protocol": "UDP"}], False),
        ([{"port": "metrics"}], False),
        ([], True),
    ],
)
def test_ports_are_numbers_names_and_ranges(ports: list[dict[str, Any]], passes: bool) -> None:
    policy = yaml.safe_load(IN)
    policy["spec"]["ingress"][0]["ports"] = ports
    assert Policies([policy]).allows(WEB, STORE, 5432) is passes


@pytest.mark.parametrize(
    ("operator", "values", "matches"),
    [
        ("In", ["front", "back"], True),
        ("In", ["back"], False),
        ("NotIn", ["back"], True),
        ("Exists", [], True),
        ("DoesNotExist", [], False),
    ],
)
def test_expressions_select_by_the_api_s_operators(operator: str, values: list[str], matches: bool) -> None:
    expression = {"key": "tier", "operator": operator, "values": values}
    assert selects({"matchExpressions": [expression]}, WEB.labels) is matches


def test_an_operator_of_tomorrow_is_refused() -> None:
    with pytest.raises(NotTranslated, match="Gt"):
        selects({"matchExpressions": [{"key": "tier", "operator": "Gt"}]}, WEB.labels)
