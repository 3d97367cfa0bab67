"""What the pods were given is what the manifests say; they held through everything that came before."""

from tests.containers.cluster import Cluster
from tests.containers.evidence import look, seen_inside
from tests.containers.reports import REPORTS


def test_every_process_runs_as_its_manifest_says(cluster: Cluster) -> None:
    """Command, user, confinement, environment and mounts, read inside each container."""
    faults = []
    for pod in cluster.lasting:
        for one in pod.pod.containers:
            found = look(pod, one)
            pod.looks[one.name] = seen_inside(pod, one, found)
            faults += [f"{pod.pod.name}: {what}: {why}" for what, why in pod.looks[one.name].items() if why]
            assert found.told["hostname"] == pod.pod.hostname
    assert faults == []


def test_every_path_of_a_setting_is_a_mounted_file(cluster: Cluster) -> None:
    """A path in a variable of a program that reads it leads to a file of that very container."""
    lost = []
    for pod in cluster.lasting:
        for one in pod.pod.containers:
            folders = {mount.path: mount.volume for mount in one.mounts}
            files = {
                f"{path}/{file.path}"
                for path, name in folders.items()
                for volume in pod.pod.volumes
                if volume.name == name
                for file in volume.files or ()
            }
            read = {f"{folder}/" for folder in folders}
            for name, value in pod.variables(one).items():
                if value.startswith(tuple(read)) and value not in files:
                    lost.append(f"{pod.pod.name}: {name}={value}")
    assert lost == []


def test_liveness_never_failed_and_nothing_was_started_again(cluster: Cluster) -> None:
    assert cluster.settled(), [one.pod.name for one in cluster.lasting if not one.ready]
    dead = [
        f"{pod.pod.name}: {one.dead}" for pod in cluster.lasting for one in pod.kubelets.values() if one.dead
    ]
    again = [pod.pod.name for pod in cluster.lasting if pod.restarts != pod.restarts_before_ready]
    assert (dead, again) == ([], [])


def test_readiness_never_failed_once_it_passed(cluster: Cluster) -> None:
    lost = [
        f"{pod.pod.name}: {record.losses}"
        for pod in cluster.lasting
        for one in pod.kubelets.values()
        for kind, record in one.records.items()
        if kind == "readinessProbe" and record.losses
    ]
    assert lost == []


def test_every_job_runs_a_second_time_and_changes_nothing(cluster: Cluster) -> None:
    for name in sorted({one.pod.workload.name for one in cluster.jobs}):
        again = cluster.another(name)
        assert all(end.status == 0 for end in again.ends.values()), again.tail()


def test_start_is_told(cluster: Cluster) -> None:
    """The time to readiness and the containers that had to be started more than once are of the report."""
    told = {one.pod.name: one.restarts_before_ready for one in cluster.pods if one.restarts_before_ready}
    REPORTS.append(
        f"All pods ready after {cluster.ready_seconds:.0f} s; started again before that: {told or 'none'}."
    )
    assert cluster.ready_seconds > 0
