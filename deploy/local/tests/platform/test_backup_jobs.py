"""The Jobs that mark the logs are the migration Jobs with another name and another command."""

import subprocess
import sys

import yaml

from socle_local.backup_jobs import jobs

MOMENT = "2026-06-12T10:41:00+00:00"
JOB = """
apiVersion: batch/v1
kind: Job
metadata:
  name: dmp-migrate
  namespace: socle
  labels: {app.kubernetes.io/name: dmp, app.kubernetes.io/component: migration, other: label}
  annotations: {argocd.argoproj.io/hook: Sync}
spec:
  template:
    metadata: {labels: {app.kubernetes.io/name: dmp}}
    spec:
      serviceAccountName: dmp
      containers:
        - name: service
          image: socle/dmp:1
          command: [python, -m, chassis.migrate, dmp]
          envFrom: [{configMapRef: {name: dmp-settings}}]
"""
OTHERS = """
kind: Job
metadata: {name: other, namespace: socle, labels: {}}
spec: {template: {spec: {containers: [{name: one, command: [true]}]}}}
---
kind: Deployment
metadata: {name: dmp}
"""


def test_a_job_of_marking_is_the_migration_with_another_command() -> None:
    (made,) = jobs(yaml.safe_load_all(f"{JOB}---{OTHERS}"), MOMENT)
    pod = made["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["python", "-m", "chassis.restored", "dmp", "--to", MOMENT]
    assert (container["image"], pod["serviceAccountName"]) == ("socle/dmp:1", "dmp")
    assert container["envFrom"] == [{"configMapRef": {"name": "dmp-settings"}}]
    assert made["metadata"]["generateName"] == "restored-dmp-"
    assert "annotations" not in made["metadata"]
    assert made["metadata"]["labels"]["app.kubernetes.io/component"] == "migration"


def run(text: str, moment: str = MOMENT) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "socle_local.backup_jobs", moment]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def test_command_prints_manifests() -> None:
    done = run(JOB)
    assert (done.returncode, [one["kind"] for one in yaml.safe_load_all(done.stdout)]) == (0, ["Job"])


def test_command_says_what_is_missing() -> None:
    assert "no migration Job came in" in run(OTHERS).stderr
    assert "with its offset" in run(JOB, "yesterday").stderr
