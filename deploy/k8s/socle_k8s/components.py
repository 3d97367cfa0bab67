"""What the components repeat of the services' tables: databases, certificates, secrets, users of NATS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from socle_k8s import databases
from socle_k8s.text import dumped, header
from socle_local.manifest import Service
from socle_local.nats import User, user_of, users
from socle_local.platform import SUBSCRIBER

Document = dict[str, Any]
ORIGIN = "services/*/pyproject.toml"
NAMESPACE = "socle"
CLUSTER = "socle-postgres"
# A replica opens its pool and three more: relay, leader, a line that listens. `make k8s-check` adds them up.
ROLE_CONNECTIONS = 160
# In the file `<service>-keys` of OpenBao, one property a key; the DMP's master key is in the transit engine.
KEY_FILES: Mapping[str, str] = {
    "ledger_key": "ledger-key.pem",
    "signing_master": "signing-master.json",
    "access_secrets": "access-secrets.json",
    "platform_key": "platform-key.pem",
}
VARIABLE = re.compile(r'"(\$NATS_PASSWORD_\w+)"')


def files(services: Iterable[Service]) -> dict[str, str]:
    """The generated files of the components: path below `deploy/k8s` -> text."""
    every = list(services)
    owners = [service for service in every if service.grpc]
    made = {
        "postgresql-cnpg/databases.yaml": [d for s in owners for d in (role(s), database(s))],
        "cert-manager-mtls/certificates.yaml": [certificate(s) for s in every],
        "openbao/secrets.yaml": [*(d for s in every for d in secrets(s)), nats_passwords(every)],
    }
    texts = {f"components/{path}": header(ORIGIN) + dumped(made[path]) for path in made}
    texts["components/nats-cluster/users.conf"] = header(ORIGIN) + nats_users(every)
    return texts | databases.files(owners)


def labelled(service: Service) -> dict[str, str]:
    return {"app.kubernetes.io/name": service.name, "app.kubernetes.io/part-of": "socle"}


def resource(api: str, kind: str, service: Service, name: str, spec: Document) -> Document:
    """A resource of the service, with its labels."""
    metadata = {"name": name, "labels": labelled(service)}
    return {"apiVersion": api, "kind": kind, "metadata": metadata, "spec": spec}


def role(service: Service) -> Document:
    """The one role that may open the service's database, and nothing else."""
    spec = {
        "cluster": {"name": CLUSTER},
        "name": service.snake,
        "login": True,
        "connectionLimit": ROLE_CONNECTIONS,
        "passwordSecret": {"name": f"{service.name}-database"},
    }
    return resource("postgresql.cnpg.io/v1", "DatabaseRole", service, service.name, spec)


def database(service: Service) -> Document:
    """The database, which outlives its manifest: deleting a line of YAML must not delete records.

    Its owner may create the trusted extensions that migrations ask for (pg_trgm), and no other.
    """
    spec = {
        "cluster": {"name": CLUSTER},
        "name": service.snake,
        "owner": service.snake,
        "databaseReclaimPolicy": "retain",
    }
    return resource("postgresql.cnpg.io/v1", "Database", service, service.name, spec)


def certificate(service: Service) -> Document:
    """The certificate by which the program proves its name to others, as a server and as a client."""
    spec = {
        "secretName": f"{service.name}-tls",
        "issuerRef": {"name": "socle-ca", "kind": "Issuer", "group": "cert-manager.io"},
        "commonName": service.name,
        "dnsNames": [service.name, f"{service.name}.{NAMESPACE}.svc"],
        "duration": "24h",
        "renewBefore": "8h",
        "privateKey": {"algorithm": "ECDSA", "size": 256, "rotationPolicy": "Always"},
        "usages": ["digital signature", "server auth", "client auth"],
    }
    return resource("cert-manager.io/v1", "Certificate", service, service.name, spec)


def secrets(service: Service) -> list[Document]:
    """Every Secret of the service, from OpenBao's `<service>/<what>`."""
    made = [external(service, "nats"), external(service, "oidc")]
    if service.grpc:
        made.insert(0, external(service, "database", basic_auth(service)))
    if any(kept in KEY_FILES for kept in service.keeps):
        made.append(external(service, "keys"))
    return made


def external(service: Service, what: str, template: Document | None = None) -> Document:
    """The Secret `<service>-<what>`, its keys those of the entry unless a template says otherwise."""
    name = f"{service.name}-{what}"
    spec = {
        "refreshInterval": "1h",
        "secretStoreRef": {"name": "openbao", "kind": "SecretStore"},
        "target": {"name": name, **({"template": template} if template else {})},
        "dataFrom": [{"extract": {"key": f"{service.name}/{what}"}}],
    }
    return resource("external-secrets.io/v1", "ExternalSecret", service, name, spec)


def basic_auth(service: Service) -> Document:
    """The form CloudNativePG reads; it takes a changed password over when the Secret bears the label."""
    return {
        "type": "kubernetes.io/basic-auth",
        "metadata": {"labels": {"cnpg.io/reload": "true"}},
        "data": {"username": service.snake, "password": "{{ .password }}"},
    }


def accounts(services: Iterable[Service]) -> dict[str, str]:
    """Every user of NATS and whose password it has: `identity_ins` -> `identity-ins`."""
    return {**{service.snake: service.name for service in services}, user_of(SUBSCRIBER): SUBSCRIBER}


def password_variable(user: str) -> str:
    return f"NATS_PASSWORD_{user.upper()}"


def nats_users(services: Iterable[Service]) -> str:
    """The users and what each may do, as on the local platform; passwords are variables of another file."""
    every = list(services)
    owners = {service.name: service.durables for service in every if service.grpc}
    readers = [*(service.snake for service in every if not service.grpc), SUBSCRIBER]
    passwords = {user: f"${password_variable(user)}" for user in accounts(every)}
    listed = [as_config(user) for user in users(passwords, owners, readers)]
    # A variable is one only where it is not quoted; subjects such as $JS.API stay the texts they are.
    written = VARIABLE.sub(r"\1", json.dumps({"users": listed}, indent=1))
    # The server looks for a variable in the very file that uses it.
    return f"include ../passwords/passwords.conf\nauthorization {written}\n"


def as_config(user: User) -> Document:
    return {"user": user.name, "password": user.password, "permissions": user.permissions.as_config()}


def nats_passwords(services: Iterable[Service]) -> Document:
    """One file of variables for the server, from the entries that the services' own Secrets come from.

    Quoted: unquoted, a password of digits would be read as a number and refused.
    """
    names = accounts(services)
    lines = "".join(f'{password_variable(user)}: "{{{{ .{user} }}}}"\n' for user in names)
    return {
        "apiVersion": "external-secrets.io/v1",
        "kind": "ExternalSecret",
        "metadata": {"name": "nats-passwords", "labels": {"app.kubernetes.io/name": "nats"}},
        "spec": {
            "refreshInterval": "1h",
            "secretStoreRef": {"name": "openbao", "kind": "SecretStore"},
            "target": {"name": "nats-passwords", "template": {"data": {"passwords.conf": lines}}},
            "data": [
                {"secretKey": user, "remoteRef": {"key": f"{name}/nats", "property": "password"}}
                for user, name in names.items()
            ],
        },
    }
