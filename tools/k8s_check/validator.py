"""Run by `schemas.py` in the environment of the tools: documents against schemas, faults as JSON.

    python validator.py FOLDER_OF_CRDS < documents.json

Input: `{"versions": ["1.37", ...], "documents": {target: [document, ...]}}`.
An empty folder: without custom resources.
"""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
Key = tuple[str, str]
METADATA = {"type": "object"}


def closed(schema: Any) -> Any:
    """The same schema, strict: an unknown field is a fault, as for `kubectl apply --validate=strict`."""
    if isinstance(schema, list):
        return [closed(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    made = {key: closed(value) for key, value in schema.items()}
    if isinstance(schema.get("properties"), dict):
        made["properties"] = {name: closed(value) for name, value in schema["properties"].items()}
        if not schema.get("x-kubernetes-preserve-unknown-fields") and "additionalProperties" not in schema:
            made["additionalProperties"] = False
    return made


def custom(folder: str) -> dict[Key, Any]:
    """A validator for each (apiVersion, kind) that the definitions of a folder describe."""
    # Neither library is in the environment that the rest of the repository is checked in.
    jsonschema = importlib.import_module("jsonschema")
    found: dict[Key, Any] = {}
    for path in Path(folder).glob("*.yaml") if folder else ():
        for definition in filter(None, yaml.safe_load_all(path.read_text("utf-8"))):
            spec = definition["spec"]
            for version in spec["versions"]:
                schema = closed(version["schema"]["openAPIV3Schema"])
                schema["properties"]["metadata"] = METADATA
                key = (f"{spec['group']}/{version['name']}", spec["names"]["kind"])
                found[key] = jsonschema.Draft202012Validator(schema)
    return found


class Judge:
    """Says of each document once what is wrong with it: overlays have most of theirs in common."""

    def __init__(self, known: dict[Key, Any]) -> None:
        self._known = known
        self._said: dict[tuple[str, str], list[str]] = {}

    def faults(self, document: Document, version: str) -> list[str]:
        """What the schemas of a Kubernetes version say; "no schema" when nothing describes the document."""
        definition = self._known.get((document["apiVersion"], document["kind"]))
        # The operators' schemas are of no version of Kubernetes.
        key = ("" if definition else version, json.dumps(document, sort_keys=True))
        if key not in self._said:
            self._said[key] = list(
                custom_faults(document, definition) if definition else faults(document, version)
            )
        return self._said[key]


def custom_faults(document: Document, definition: Any) -> Iterator[str]:
    """What the definition of a custom resource says of one."""
    for error in definition.iter_errors(document):
        yield f"{error.json_path}: {error.message[:300]}"


def faults(document: Document, version: str) -> Iterator[str]:
    """What the schemas of Kubernetes itself say."""
    kubernetes = importlib.import_module("kubernetes_validate.utils")
    try:
        kubernetes.validate(document, version, strict=True)
    except kubernetes.SchemaNotFoundError:
        yield "no schema"
    except kubernetes.ValidationError as error:
        yield f"{'.'.join(map(str, error.path))}: {error.message[:300]}"


def main() -> None:
    """Reads the question, writes the answer: a list of [target, version, where, fault]."""
    asked = json.load(sys.stdin)
    judge = Judge(custom(sys.argv[1] if len(sys.argv) > 1 else ""))
    said = [
        (target, version, f"{document['kind']}/{document['metadata']['name']}", fault)
        for target, documents in asked["documents"].items()
        for document in documents
        for version in asked["versions"]
        for fault in judge.faults(document, version)
    ]
    json.dump(said, sys.stdout)


if __name__ == "__main__":
    main()
