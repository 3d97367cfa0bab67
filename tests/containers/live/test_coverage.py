"""The last word: nothing that a manifest says was left aside."""

from tests.containers.cluster import Cluster
from tests.containers.coverage import items, shared, table, untouched
from tests.containers.explained import UNREAD
from tests.containers.fields import Left
from tests.containers.reports import REPORTS


def test_everything_the_manifests_say_was_exercised(cluster: Cluster) -> None:
    found = shared(item for pod in cluster.pods for item in items(pod))
    REPORTS.append(table(found, "What the dev overlay says, and how much of it was exercised"))
    aside = untouched(found)
    REPORTS.append(
        "\n".join(["Not exercised:", *(f"  {one}" for one in aside)]) if aside else "All was exercised."
    )
    assert aside == []
    assert set(UNREAD.values()) <= {one.how for one in found}, "explained, and read or mounted no more"


def test_fields_without_meaning_in_a_container_are_told(cluster: Cluster) -> None:
    """They are of the report, each with its reason: a reader may disagree."""
    left = {one for pod in cluster.pods for one in pod.pod.workload.left}
    reasons: dict[str, set[str]] = {}
    for one in left:
        reasons.setdefault(one.reason, set()).add(short(one))
    lines = [f"  {', '.join(sorted(fields))}: {reason}" for reason, fields in sorted(reasons.items())]
    REPORTS.append("Fields that mean nothing in a container:\n" + "\n".join(lines))
    assert all(one.reason for one in left)


def short(one: Left) -> str:
    """The last part of a field's place."""
    return one.where.rsplit(".", 1)[-1]
