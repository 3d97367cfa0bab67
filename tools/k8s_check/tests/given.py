"""A small platform of two services, sound in every rule; each test breaks one thing of it."""

from __future__ import annotations

from typing import Any

import yaml

from socle_local.manifest import Service
from tools.k8s_check.model import Document

GATEWAY = Service("gateway", "gateway", 8080, grpc=False)
DMP = Service("dmp", "dmp", 15052, grpc=True, callers=("gateway",))
SERVICES = (DMP, GATEWAY)
POD = """
apiVersion: apps/v1
kind: Deployment
metadata: {name: NAME}
spec:
  selector:
    matchLabels: &labels {app.kubernetes.io/name: NAME, app.kubernetes.io/component: COMPONENT}
  template:
    metadata: {labels: *labels}
    spec:
      serviceAccountName: default
      automountServiceAccountToken: false
      securityContext: {runAsNonRoot: true, runAsUser: 65532, seccompProfile: {type: RuntimeDefault}}
      containers:
        - name: service
          image: socle/NAME:1
          command: [sleep, "1"]
          ports: [{name: main, containerPort: 15050}]
          livenessProbe: &probe {grpc: {port: 15090}}
          readinessProbe: *probe
          resources: {requests: {cpu: 1m, memory: 1Mi}, limits: {memory: 1Mi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
"""
POLICIES = """
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: default-deny}
spec: {podSelector: {}, policyTypes: [Ingress, Egress]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: dmp}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: dmp}}
  policyTypes: [Ingress]
  ingress:
    - from: [{podSelector: {matchLabels: {app.kubernetes.io/name: gateway}}}]
      ports: [{port: main, protocol: TCP}]
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: gateway}
spec:
  podSelector: {matchLabels: {app.kubernetes.io/name: gateway}}
  policyTypes: [Egress]
  egress:
    - to: [{podSelector: {matchExpressions: [{key: app.kubernetes.io/name, operator: In, values: [dmp]}]}}]
      ports: [{port: 15050, protocol: TCP}]
"""


def deployment(name: str, component: str) -> Document:
    """A sound Deployment."""
    return parsed(POD.replace("NAME", name).replace("COMPONENT", component))[0]


def policies() -> list[Document]:
    """Nobody talks to anybody, but the gateway to dmp."""
    return parsed(POLICIES)


def platform() -> list[Document]:
    return [deployment("dmp", "service"), deployment("gateway", "front"), *policies()]


def parsed(text: str) -> list[Document]:
    """Documents without shared parts: a test that changes one changes no other."""
    unshared = yaml.dump_all(yaml.safe_load_all(text), Dumper=Plain)
    return list(yaml.safe_load_all(unshared))


class Plain(yaml.SafeDumper):
    """No anchors."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def pod(document: Document) -> Document:
    spec: Document = document["spec"]["template"]["spec"]
    return spec


def container(document: Document) -> Document:
    first: Document = pod(document)["containers"][0]
    return first
