"""After a restore in Kubernetes: the Jobs that mark each service's log, made from its migration Job.

    kubectl kustomize deploy/k8s/overlays/production |
        python -m socle_local.backup_jobs 2026-06-12T10:41:00+00:00 | kubectl -n socle create -f -

The migration Job has all that is needed: the image, the database, the way to it through the network.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Annotated, Any

import typer
import yaml

from socle_local.backup_command import moment_of
from socle_local.failures import PlatformFailedError

MIGRATE = ["python", "-m", "chassis.migrate"]
KEPT = ("app.kubernetes.io/name", "app.kubernetes.io/component", "app.kubernetes.io/part-of")


def jobs(documents: Iterable[Any], moment: str) -> Iterator[dict[str, Any]]:
    """A Job for each migration Job among the documents; `moment` is what was restored to, ISO 8601."""
    for document in documents:
        if isinstance(document, dict) and document.get("kind") == "Job":
            service = _service_of(document)
            if service:
                yield _marking(document, service, moment)


def _service_of(job: dict[str, Any]) -> str:
    """The service that a Job migrates, "" when it does something else."""
    (container,) = job["spec"]["template"]["spec"]["containers"]
    command = container.get("command", [])
    return str(command[3]) if command[:3] == MIGRATE else ""


def _marking(job: dict[str, Any], service: str, moment: str) -> dict[str, Any]:
    meta, template = job["metadata"], job["spec"]["template"]
    (container,) = template["spec"]["containers"]
    command = ["python", "-m", "chassis.restored", service, "--to", moment]
    # No annotation: what a delivery tool does with migrations is not to be done with these.
    labels = {name: meta["labels"][name] for name in KEPT if name in meta["labels"]}
    pod = {**template["spec"], "containers": [{**container, "command": command}]}
    return {
        **job,
        "metadata": {
            "generateName": f"restored-{service}-",
            "namespace": meta["namespace"],
            "labels": labels,
        },
        "spec": {**job["spec"], "template": {**template, "spec": pod}},
    }


def main(
    moment: Annotated[str, typer.Argument(help="What was restored to, ISO 8601 with its offset.")],
) -> None:
    """Reads the manifests of an overlay, prints the Jobs; exit 1 when there is nothing to make them from."""
    try:
        moment_of(moment)
    except PlatformFailedError as failure:
        sys.exit(str(failure))
    made = list(jobs(yaml.safe_load_all(sys.stdin), moment))
    if not made:
        sys.exit("no migration Job came in: pipe the output of `kubectl kustomize <overlay>` into this")
    yaml.safe_dump_all(made, sys.stdout, sort_keys=False)


if __name__ == "__main__":
    typer.run(main)
