"""Translation of a pod: nothing is left aside without a word."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.containers.changes import Change, changed
from tests.containers.fields import SHAPES, NotTranslated, Of, left_out
from tests.containers.manifests import Manifests
from tests.containers.plan import pods, variables
from tests.containers.unit.given import documents, manifests, pod_spec
from tests.containers.values import expanded, quantity

Edit = Callable[[dict[str, Any]], object]


def test_a_pod_is_translated_field_by_field() -> None:
    first, second = pods(manifests())
    (server,) = first.containers
    assert (first.name, second.name, first.hostname, first.grace_seconds) == ("web-0", "web-1", "web-0", 20)
    assert {"web", "web.n.svc.cluster.local", "web-0.web"} <= set(first.aliases)
    assert (server.limits.memory, server.limits.cores) == (64 * 1024 * 1024, 0.25)
    assert (server.security.user, server.security.groups, server.security.dropped) == (
        65532,
        (65532,),
        ("ALL",),
    )
    assert (server.security.read_only, server.security.may_escalate) == (True, False)
    assert [(one.path, one.read_only) for one in server.mounts] == [
        ("/scratch", False),
        ("/run/tls", True),
        ("/data", False),
    ]
    assert (server.probes["readinessProbe"].port, server.probes["readinessProbe"].period) == (8080, 3)


def test_variables_come_from_everywhere_and_are_filled_in() -> None:
    overlay = manifests()
    first, _ = pods(overlay)
    given = variables(first.containers[0], first, overlay, "10.0.0.7")
    assert (given["SOCLE_DRAIN_SECONDS"], given["ADDRESS"], given["TWICE"]) == (
        "15",
        "10.0.0.7",
        "secret-secret",
    )
    assert first.containers[0].command(given) == (
        ["python", "-m", "web.app"],
        ["--greet", "hello", "$(GREETING)", "$(NOBODY)"],
    )


def test_fields_without_meaning_are_told_with_their_reason() -> None:
    (workload,) = manifests().workloads()
    assert {one.where.rsplit(".", 1)[-1] for one in workload.left} == {
        "selector",
        "serviceAccountName",
        "memory",
    }


EDITS: dict[str, tuple[Edit, str]] = {
    "unknown field": (lambda pod: pod.update(hostNetwork=True), "hostNetwork"),
    "unknown probe": (
        lambda pod: pod["containers"][0].update(lifecycle={"preStop": {}}),
        r"containers\[server\].lifecycle",
    ),
    "subPath": (lambda pod: pod["containers"][0]["volumeMounts"][0].update(subPath="x"), "subPath"),
    "token of the API server": (
        lambda pod: pod.pop("automountServiceAccountToken"),
        "set automountServiceAccountToken: false",
    ),
    "variables of Services": (lambda pod: pod.pop("enableServiceLinks"), "set enableServiceLinks: false"),
    "root": (lambda pod: pod["securityContext"].update(runAsUser=0), "may run as root"),
    "user of the image": (lambda pod: pod["securityContext"].pop("runAsUser"), "leaves its user"),
    "no seccomp": (lambda pod: pod["securityContext"].pop("seccompProfile"), "seccompProfile"),
    "undeclared port": (
        lambda pod: pod["containers"][0]["readinessProbe"]["httpGet"].update(port=9),
        "does not declare",
    ),
    "Secret of nobody": (
        lambda pod: pod["volumes"][1]["secret"].update(secretName="absent"),
        "Secret absent",
    ),
    "key of nobody": (
        lambda pod: pod["volumes"][1]["secret"].update(items=[{"key": "absent", "path": "x"}]),
        "no key absent",
    ),
    "volume of nobody": (lambda pod: pod["volumes"].pop(), "mounts tls"),
    "downward field": (
        lambda pod: pod["containers"][0]["env"][0]["valueFrom"]["fieldRef"].update(fieldPath="metadata.x"),
        "metadata.x is not known",
    ),
}


@pytest.mark.parametrize("what", EDITS)
def test_what_cannot_be_given_to_a_container_is_refused_by_name(what: str) -> None:
    edit, said = EDITS[what]
    among = documents()
    edit(pod_spec(among))
    with pytest.raises(NotTranslated, match=said):
        overlay = Manifests.of(among)
        for one in pods(overlay):
            variables(one.containers[0], one, overlay, "10.0.0.7")


def test_a_kind_of_workload_that_is_not_known_is_refused() -> None:
    with pytest.raises(NotTranslated, match="CronJob nightly"):
        Manifests.of([{"kind": "CronJob", "metadata": {"name": "nightly"}}])


def test_every_shape_that_is_named_exists_and_every_reason_says_something() -> None:
    fields = [field for shape in SHAPES.values() for field in shape.values()]
    assert {one.shape for one in fields if isinstance(one, Of)} <= SHAPES.keys()
    assert all(len(one) > 20 for one in fields if isinstance(one, str))


def test_all_unknown_fields_are_told_at_once() -> None:
    with pytest.raises(NotTranslated, match=r"pod\.one, pod\.two"):
        left_out("pod", {"one": 1, "two": 2}, "pod")


@pytest.mark.parametrize(
    ("text", "number"), [("250m", 0.25), ("64Mi", 2.0**26), ("1Gi", 2.0**30), (2, 2.0), ("1.5", 1.5)]
)
def test_quantities_are_read_as_kubernetes_does(text: str, number: float) -> None:
    assert quantity(text) == number


def test_a_quantity_that_is_none_is_refused() -> None:
    with pytest.raises(NotTranslated, match="64 MB"):
        quantity("64 MB")


def test_a_reference_is_replaced_once() -> None:
    assert expanded("$(A)", {"A": "$(B)", "B": "no"}) == "$(B)"


def test_a_replaced_setting_is_replaced_everywhere_and_must_exist() -> None:
    made = changed(documents(), [Change("GREETING", "bonjour", "for a reason")])
    assert made[1]["data"]["GREETING"] == "bonjour"
    with pytest.raises(NotTranslated, match="ABSENT"):
        changed(documents(), [Change("ABSENT", "x", "for a reason")])
