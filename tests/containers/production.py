"""The pods of the production overlay; what stands around them there is replaced by containers of ours."""

from __future__ import annotations

from collections.abc import Iterator
from copy import deepcopy
from typing import Any

from socle_k8s.render import render
from socle_k8s.secrets import all_secrets, password, secret
from tests.containers.changes import Change, changed
from tests.containers.manifests import Manifests
from tests.containers.platform import NAMESPACE, ContainerPlatform
from tests.containers.values import Doc

NAME, COMPONENT = "app.kubernetes.io/name", "app.kubernetes.io/component"
# Written here; PostgreSQL, NATS, Keycloak, ClamAV and the collector have images of others.
OURS = {"service", "front", "migration"}
COLLECTOR = "otel-collector"
STANDING_IN = {"postgres", "nats", "issuer", COLLECTOR}
REGISTRY = "registry.example/"
CHANGES = (
    Change("SOCLE_OIDC_BASE", "http://issuer:8081", "the development issuer stands in for Keycloak's realms"),
    Change(
        "SOCLE_PUBLIC_URL",
        "https://gateway:8080",
        "the door of the cluster is not there: the tests dial the pod",
    ),
    Change("SOCLE_NATS_REPLICAS", "1", "one NATS server stands in for three"),
    Change("SOCLE_TRANSIT_URL", None, "the master key is in a file: OpenBao has no image here"),
    Change("SOCLE_TRANSIT_CA_FILE", None, "goes with SOCLE_TRANSIT_URL"),
    Change("SOCLE_TRANSIT_TOKEN_FILE", None, "goes with SOCLE_TRANSIT_URL"),
)
# The one setting that takes the place of three of these.
MASTER_KEY = {"SOCLE_MASTER_KEY_FILE": "/run/socle/keys/master-key.json"}


class ProductionPlatform(ContainerPlatform):
    """The services as production has them: its variables, paths, users, mutual TLS, HTTPS at the gateway."""

    def _manifests(self) -> Manifests:
        made = changed(own_documents(), CHANGES)
        for one in made:
            if one["kind"] == "ConfigMap" and one["metadata"]["name"].startswith("dmp-settings"):
                one["data"].update(MASTER_KEY)
        return Manifests.of(made, standing_in(), elsewhere(), all_secrets(self.services, NAMESPACE))

    def url(self, front: str = "gateway") -> str:
        """The address of a web front, without a final slash."""
        return "https://gateway:8080" if front == "gateway" else "http://issuer:8081"


def own_documents() -> Iterator[Doc]:
    """What production applies for our own programs, its images by the names they have on this machine."""
    for one in render("production"):
        labels = one["metadata"].get("labels", {})
        workload = one["kind"] in ("Deployment", "Job", "StatefulSet")
        if workload and labels.get(COMPONENT) not in OURS:
            continue
        if workload:
            for container in one["spec"]["template"]["spec"]["containers"]:
                container["image"] = local(container["image"])
        if one["kind"] != "Service" or labels.get(COMPONENT) in OURS or one["metadata"]["name"] == COLLECTOR:
            yield one


def local(image: str) -> str:
    """The name on this machine of an image in the registry of the example."""
    return image.removeprefix(REGISTRY).partition(":")[0] + ":dev"


def standing_in() -> Iterator[Doc]:
    """PostgreSQL, NATS and an issuer, as the dev overlay runs them."""
    yield collector()
    for one in render("dev"):
        name = one["metadata"].get("labels", {}).get(NAME) or one.get("spec", {}).get("selector", {}).get(
            NAME
        )
        if one["kind"] in ("StatefulSet", "Deployment", "Service") and name in STANDING_IN:
            yield one


# Answers whatever is sent to it, and says where it went.
RECEIVER = """
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
class Receiver(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.end_headers()
ThreadingHTTPServer(("0.0.0.0", 4318), Receiver).serve_forever()
"""


def collector() -> Doc:
    """A receiver of OTLP under the collector's name and labels, confined like everyone."""
    (issuer,) = (
        one for one in render("dev") if (one["kind"], one["metadata"]["name"]) == ("Deployment", "issuer")
    )
    made: dict[str, Any] = deepcopy(issuer)
    made["metadata"]["name"] = COLLECTOR
    template = made["spec"]["template"]
    template["metadata"]["labels"][NAME] = COLLECTOR
    pod, (server,) = template["spec"], template["spec"]["containers"]
    ports = [{"name": "otlp-http", "containerPort": 4318}]
    server.update(command=["python", "-u", "-c", RECEIVER], env=[], ports=ports, volumeMounts=[])
    for probe in ("startupProbe", "livenessProbe", "readinessProbe"):
        server[probe] = {"tcpSocket": {"port": "otlp-http"}, "periodSeconds": 2, "failureThreshold": 60}
    pod["volumes"] = []
    return made


def elsewhere() -> Iterator[Doc]:
    """What OpenBao and the object store would have put in the namespace: mounted here, and read by nobody."""
    yield secret("dmp-transit", NAMESPACE, {"token": password()})
    yield secret("dmp-object-store", NAMESPACE, {"access-key": password(), "secret-key": password()})
    authority: dict[str, Any] = {"ca.crt": "none: see SOCLE_TRANSIT_CA_FILE in production.py"}
    yield {"kind": "ConfigMap", "metadata": {"name": "openbao-ca", "namespace": NAMESPACE}, "data": authority}
