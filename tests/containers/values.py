"""Values of manifests as Kubernetes reads them: quantities, `$(NAME)` in commands, sources of variables."""

from __future__ import annotations

import re
from base64 import b64decode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from tests.containers.fields import NotTranslated

Doc = Mapping[str, Any]
SUFFIXES = {
    "": 1.0,
    "m": 1e-3,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
    "T": 1e12,
    "Ki": 2.0**10,
    "Mi": 2.0**20,
    "Gi": 2.0**30,
    "Ti": 2.0**40,
}
QUANTITY = re.compile(r"(?P<number>[0-9]+(?:\.[0-9]+)?)(?P<suffix>m|k|M|G|T|Ki|Mi|Gi|Ti)?")
# `$$(NAME)` is the way to write `$(NAME)` itself.
REFERENCE = re.compile(r"\$(?P<escape>\$)?\((?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\)")


def quantity(text: str | float) -> float:
    """A Kubernetes quantity as a number: `250m` -> 0.25 (cores), `64Mi` -> 67108864.0 (bytes)."""
    found = QUANTITY.fullmatch(str(text))
    if not found:
        raise NotTranslated(f"{text!r} is no quantity this runner reads, such as 250m, 64Mi or 1Gi")
    return float(found["number"]) * SUFFIXES[found["suffix"] or ""]


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """`text` with each `$(NAME)` replaced; one that is not a variable stays, as in Kubernetes."""

    def replaced(found: re.Match[str]) -> str:
        if found["escape"]:
            return found[0][1:]
        return variables.get(found["name"], found[0])

    return REFERENCE.sub(replaced, text)


@dataclass(frozen=True, slots=True)
class Store:
    """The Secrets and ConfigMaps of the namespace, by name, their values in bytes."""

    secrets: Mapping[str, Mapping[str, bytes]]
    config_maps: Mapping[str, Mapping[str, bytes]]

    @classmethod
    def of(cls, documents: Iterable[Doc]) -> Store:
        """The store that these documents make; `stringData` wins over `data`, as in the API server."""
        secrets: dict[str, dict[str, bytes]] = {}
        config_maps: dict[str, dict[str, bytes]] = {}
        for one in documents:
            if one["kind"] == "Secret":
                secrets[one["metadata"]["name"]] = secret_data(one)
            elif one["kind"] == "ConfigMap":
                config_maps[one["metadata"]["name"]] = config_data(one)
        return cls(secrets, config_maps)

    def secret(self, name: str, where: str, *, optional: bool = False) -> Mapping[str, bytes]:
        """The values of a Secret. Raises NotTranslated when it does not exist and is not optional."""
        return _found(self.secrets, "Secret", name, where, optional)

    def config_map(self, name: str, where: str, *, optional: bool = False) -> Mapping[str, bytes]:
        """The values of a ConfigMap. Raises NotTranslated when it does not exist and is not optional."""
        return _found(self.config_maps, "ConfigMap", name, where, optional)


def secret_data(secret: Doc) -> dict[str, bytes]:
    """The values of a Secret document."""
    plain = {key: str(value).encode() for key, value in (secret.get("stringData") or {}).items()}
    return {**{key: b64decode(value) for key, value in (secret.get("data") or {}).items()}, **plain}


def config_data(config_map: Doc) -> dict[str, bytes]:
    """The values of a ConfigMap document."""
    binary = {key: b64decode(value) for key, value in (config_map.get("binaryData") or {}).items()}
    return {**{key: str(value).encode() for key, value in (config_map.get("data") or {}).items()}, **binary}


def _found(
    among: Mapping[str, Mapping[str, bytes]], kind: str, name: str, where: str, optional: bool
) -> Mapping[str, bytes]:
    if name in among:
        return among[name]
    if optional:
        return {}
    raise NotTranslated(
        f"{where} needs the {kind} {name}, which nothing makes: in a cluster the pod would hang"
    )


def environment(container: Doc, store: Store, facts: Mapping[str, str], where: str) -> dict[str, str]:
    """The variables of a container. `facts` are the values of the downward API, by field path."""
    variables: dict[str, str] = {}
    for source in container.get("envFrom", ()):
        variables.update(_all_of(source, store, where))
    for variable in container.get("env", ()):
        value = _value(variable, store, facts, f"{where}.env[{variable['name']}]")
        if value is not None:
            variables[variable["name"]] = expanded(value, variables)
    return variables


def _all_of(source: Doc, store: Store, where: str) -> dict[str, str]:
    reference = source.get("secretRef") or source["configMapRef"]
    optional = bool(reference.get("optional"))
    look = store.secret if "secretRef" in source else store.config_map
    found = look(reference["name"], f"{where}.envFrom", optional=optional)
    return {source.get("prefix", "") + key: value.decode() for key, value in found.items()}


def _value(variable: Doc, store: Store, facts: Mapping[str, str], where: str) -> str | None:
    if "valueFrom" not in variable:
        return str(variable.get("value", ""))
    source = variable["valueFrom"]
    if "fieldRef" in source:
        path = source["fieldRef"]["fieldPath"]
        if path not in facts:
            raise NotTranslated(f"{where}: the downward field {path} is not known to this runner")
        return facts[path]
    reference = source.get("secretKeyRef") or source["configMapKeyRef"]
    look = store.secret if "secretKeyRef" in source else store.config_map
    optional = bool(reference.get("optional"))
    found = look(reference["name"], where, optional=optional)
    if reference["key"] in found:
        return found[reference["key"]].decode()
    if optional:
        return None
    raise NotTranslated(f"{where}: {reference['name']} has no key {reference['key']}")
