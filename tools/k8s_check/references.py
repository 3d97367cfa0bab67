"""Every name that a manifest mentions is the name of something."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

from tools.k8s_check.model import Document, Finding, Workload, clusters, of_kind, where, workloads
from tools.k8s_check.network import selects

Reference = tuple[str, str]


def check(documents: Iterable[Document], external: Mapping[str, str]) -> Iterator[Finding]:
    """`reference`, `external`: what is mentioned is made here, or listed with who provides it; and what is
    listed is mentioned.

    `external`: pattern `Kind/name` -> provider.
    The incident it prevents: a pod waits for ever for a Secret whose name was changed in one place of two.
    """
    every = list(documents)
    made = set(provided(every))
    used: set[str] = set()
    for place, target in mentioned(every):
        listed = [pattern for pattern in external if fnmatchcase(target, pattern)]
        used.update(listed)
        if target not in made and not listed:
            yield Finding("reference", place, f"{target} is neither in the manifests nor in external.yaml")
    for pattern in external.keys() - used:
        yield Finding("external", pattern, "nothing mentions it any more: take its line out of external.yaml")
    yield from services(every)


def provided(documents: list[Document]) -> Iterator[str]:
    """What is in the manifests, and what their operators and Kubernetes itself make of it."""
    yield "ServiceAccount/default"
    for document in documents:
        yield where(document)
        spec, kind = document.get("spec", {}), document["kind"]
        if kind == "Certificate":
            yield f"Secret/{spec['secretName']}"
        if kind == "ExternalSecret":
            yield f"Secret/{spec['target'].get('name', document['metadata']['name'])}"
        if kind == "Issuer" and "acme" in spec:
            yield f"Secret/{spec['acme']['privateKeySecretRef']['name']}"
        if kind == "Gateway" and "cert-manager.io/issuer" in document["metadata"].get("annotations", {}):
            yield from (f"Secret/{name}" for name in listeners_secrets(spec))
    yield from (f"Secret/{cluster['metadata']['name']}-ca" for cluster in clusters(documents))


def listeners_secrets(spec: Document) -> Iterator[str]:
    for listener in spec["listeners"]:
        yield from (ref["name"] for ref in listener.get("tls", {}).get("certificateRefs", ()))


def mentioned(documents: list[Document]) -> Iterator[Reference]:
    """(where it stands, `Kind/name` it stands for)."""
    for workload in workloads(documents):
        yield from ((workload.where, target) for target in of_pod(workload))
    for document in documents:
        yield from ((where(document), target) for target in of_resource(document))


def of_pod(workload: Workload) -> Iterator[str]:
    """What the pods need to start."""
    yield f"ServiceAccount/{workload.spec.get('serviceAccountName', 'default')}"
    for volume in workload.spec.get("volumes", ()):
        yield from of_volume(volume)
    names = {volume["name"] for volume in workload.spec.get("volumes", ())} | set(workload.claims)
    for container in workload.containers:
        yield from of_environment(container)
        for mount in container.get("volumeMounts", ()):
            if mount["name"] not in names:
                yield f"Volume/{mount['name']}"


def of_volume(volume: Document) -> Iterator[str]:
    for source in volume.get("projected", {}).get("sources", [volume]):
        if "configMap" in source:
            yield f"ConfigMap/{source['configMap']['name']}"
        if "secret" in source:
            yield f"Secret/{source['secret'].get('secretName') or source['secret']['name']}"
    if "persistentVolumeClaim" in volume:
        yield f"PersistentVolumeClaim/{volume['persistentVolumeClaim']['claimName']}"


def of_environment(container: Document) -> Iterator[str]:
    sources = [
        *container.get("envFrom", ()),
        *(e["valueFrom"] for e in container.get("env", ()) if "valueFrom" in e),
    ]
    for source in sources:
        for key, kind in (("configMap", "ConfigMap"), ("secret", "Secret")):
            for form in (f"{key}Ref", f"{key}KeyRef"):
                if form in source:
                    yield f"{kind}/{source[form]['name']}"


def of_resource(document: Document) -> Iterator[str]:
    """References of the custom resources and of what stands around the pods."""
    reads = READERS.get(document["kind"])
    return reads(document.get("spec", {})) if reads else iter(())


def of_scaler(spec: Document) -> Iterator[str]:
    yield f"{spec['scaleTargetRef']['kind']}/{spec['scaleTargetRef']['name']}"


def of_certificate(spec: Document) -> Iterator[str]:
    yield f"Issuer/{spec['issuerRef']['name']}"


def of_issuer(spec: Document) -> Iterator[str]:
    if "ca" in spec:
        yield f"Secret/{spec['ca']['secretName']}"


def of_listeners(spec: Document) -> Iterator[str]:
    yield from (f"Secret/{name}" for name in listeners_secrets(spec))


def of_backend(spec: Document) -> Iterator[str]:
    for ref in (*spec["targetRefs"], *spec["validation"]["caCertificateRefs"]):
        yield f"{ref['kind']}/{ref['name']}"


def of_store(spec: Document) -> Iterator[str]:
    return of_openbao(spec["provider"]["vault"])


def of_generator(spec: Document) -> Iterator[str]:
    return of_openbao(spec["provider"])


def of_bucket(spec: Document) -> Iterator[str]:
    yield from (f"Secret/{ref['name']}" for ref in spec["configuration"]["s3Credentials"].values())


def in_cluster(spec: Document) -> Iterator[str]:
    yield f"Cluster/{spec['cluster']['name']}"
    if "passwordSecret" in spec:
        yield f"Secret/{spec['passwordSecret']['name']}"


def of_cluster(spec: Document) -> Iterator[str]:
    yield from (
        f"ObjectStore/{plugin['parameters']['barmanObjectName']}" for plugin in spec.get("plugins", ())
    )
    if secret := spec["bootstrap"]["initdb"].get("secret"):
        yield f"Secret/{secret['name']}"


def of_external_secret(spec: Document) -> Iterator[str]:
    if store := spec.get("secretStoreRef"):
        yield f"{store['kind']}/{store['name']}"
    for source in spec.get("dataFrom", ()):
        if generator := source.get("sourceRef", {}).get("generatorRef"):
            yield f"{generator['kind']}/{generator['name']}"


def of_openbao(provider: Document) -> Iterator[str]:
    yield f"{provider['caProvider']['type']}/{provider['caProvider']['name']}"
    yield f"ServiceAccount/{provider['auth']['kubernetes']['serviceAccountRef']['name']}"


READERS: Mapping[str, Callable[[Document], Iterator[str]]] = {
    "HorizontalPodAutoscaler": of_scaler,
    "Certificate": of_certificate,
    "Issuer": of_issuer,
    "Gateway": of_listeners,
    "BackendTLSPolicy": of_backend,
    "ExternalSecret": of_external_secret,
    "SecretStore": of_store,
    "VaultDynamicSecret": of_generator,
    "Database": in_cluster,
    "DatabaseRole": in_cluster,
    "ScheduledBackup": in_cluster,
    "Cluster": of_cluster,
    "ObjectStore": of_bucket,
}


def services(documents: list[Document]) -> Iterator[Finding]:
    """`service`: a Service finds pods and their port; a budget finds pods; a route finds its Service's port.

    The incident it prevents: a label is renamed, the Service has no endpoint, and every manifest is valid.
    """
    pods = list(workloads(documents))
    ports = {}
    for service in of_kind(documents, "Service"):
        chosen = [pod for pod in pods if selects({"matchLabels": service["spec"]["selector"]}, pod.labels)]
        ports[service["metadata"]["name"]] = {entry["port"] for entry in service["spec"]["ports"]}
        for entry in service["spec"]["ports"]:
            if not any(pod.port(entry.get("targetPort", entry["port"])) for pod in chosen):
                yield Finding("service", where(service), f"no pod has the port {entry['name']}")
    for budget in of_kind(documents, "PodDisruptionBudget"):
        if not any(selects(budget["spec"]["selector"], pod.labels) for pod in pods):
            yield Finding("service", where(budget), "it protects no pod")
    for route in of_kind(documents, "HTTPRoute"):
        for backend in (b for rule in route["spec"]["rules"] for b in rule.get("backendRefs", ())):
            if backend["port"] not in ports.get(backend["name"], ()):
                yield Finding("service", where(route), f"no Service {backend['name']}:{backend['port']}")
