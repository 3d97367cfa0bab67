"""A small overlay with one of everything that the runner translates."""

from __future__ import annotations

from copy import deepcopy
from typing import Any

import yaml

from tests.containers.manifests import Manifests

TEXT = """
kind: Secret
metadata: {name: web-tls, namespace: n}
stringData: {tls.key: secret, ca.crt: authority}
---
kind: ConfigMap
metadata: {name: web-settings, namespace: n}
data: {SOCLE_DRAIN_SECONDS: "15", GREETING: hello}
---
kind: Service
metadata: {name: web, namespace: n}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 8080, targetPort: http}]
---
kind: StatefulSet
metadata: {name: web, namespace: n}
spec:
  serviceName: web
  replicas: 2
  selector: {matchLabels: {app: web}}
  volumeClaimTemplates:
    - metadata: {name: data}
      spec: {accessModes: [ReadWriteOnce]}
  template:
    metadata: {labels: {app: web}}
    spec:
      automountServiceAccountToken: false
      enableServiceLinks: false
      terminationGracePeriodSeconds: 20
      serviceAccountName: web
      securityContext:
        runAsNonRoot: true
        runAsUser: 65532
        runAsGroup: 65532
        fsGroup: 65532
        seccompProfile: {type: RuntimeDefault}
      containers:
        - name: server
          image: socle/web:dev
          command: [python, -m, web.app]
          args: [--greet, $(GREETING), $$(GREETING), $(NOBODY)]
          envFrom: [{configMapRef: {name: web-settings}}]
          env:
            - {name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.podIP}}}
            - {name: KEY, valueFrom: {secretKeyRef: {name: web-tls, key: tls.key}}}
            - {name: TWICE, value: $(KEY)-$(KEY)}
          ports: [{name: http, containerPort: 8080}]
          resources: {limits: {memory: 64Mi, cpu: 250m}, requests: {memory: 32Mi}}
          securityContext:
            allowPrivilegeEscalation: false
            readOnlyRootFilesystem: true
            capabilities: {drop: [ALL]}
          readinessProbe: {httpGet: {path: /readyz, port: http}, periodSeconds: 3}
          volumeMounts:
            - {name: tmp, mountPath: /scratch}
            - {name: tls, mountPath: /run/tls, readOnly: true}
            - {name: data, mountPath: /data}
      volumes:
        - name: tmp
          emptyDir: {medium: Memory, sizeLimit: 16Mi}
        - name: tls
          secret: {secretName: web-tls, defaultMode: 0400, items: [{key: tls.key, path: inner/tls.key}]}
"""
DOCUMENTS: list[dict[str, Any]] = list(yaml.safe_load_all(TEXT))


def documents() -> list[dict[str, Any]]:
    """The overlay, to be changed at will."""
    return deepcopy(DOCUMENTS)


def manifests() -> Manifests:
    return Manifests.of(DOCUMENTS)


def pod_spec(among: list[dict[str, Any]]) -> dict[str, Any]:
    """The pod of the one workload."""
    spec: dict[str, Any] = among[3]["spec"]["template"]["spec"]
    return spec
