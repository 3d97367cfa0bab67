"""Examples in FHIR Shorthand to JSON: as much of the language as the published examples of documents use.

Instances with rules `* path = value`; paths with numbers, `+`, `=` and names of slices; strings, codes,
dates, numbers, references, other instances. Anything else raises, so that no rule is left out unsaid.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from gateway.fhir.elements import elements

Json = dict[str, Any]
MHD = "https://profiles.ihe.net/ITI/MHD/StructureDefinition"
PDSM = "https://interop.esante.gouv.fr/ig/fhir/pdsm/StructureDefinition"
# Slices of extensions by the name their profile gives them.
EXTENSIONS = {
    "designationType": f"{MHD}/ihe-designationType",
    "sourceId": f"{MHD}/ihe-sourceId",
    "ihe-sourceId": f"{MHD}/ihe-sourceId",
    "authorOrg": f"{MHD}/ihe-authorOrg",
    "AuthorOrg": f"{MHD}/ihe-authorOrg",
    "intendedRecipient": f"{MHD}/ihe-intendedRecipient",
    "PDSmintendedRecipient": f"{PDSM}/pdsm-ext-intended-recipient",
    "isArchived": f"{PDSM}/pdsm-ext-is-archived",
}
# What a slice of these names fixes of its element.
FIXED = {"uniqueId": {"use": "usual"}, "entryUUID": {"use": "official"}}
SYSTEMS = {"MHDlistTypes": "https://profiles.ihe.net/ITI/MHD/CodeSystem/MHDlistTypes"}
# Type of an instance whose profile is named otherwise than its type.
PROFILES = {
    "SubmissionSet": "List",
    "Folder": "List",
    "ProvideBundle": "Bundle",
    "PatchParameters": "Parameters",
    "practitionerrole": "PractitionerRole",
    "simplified-publish": "DocumentReference",
    "document-reference": "DocumentReference",
    "DocumentReference": "DocumentReference",
    "BundleResponse": "Bundle",
    "FRCorePatient": "Patient",
}
STEP = re.compile(r"([A-Za-z\d]+)((?:\[[^\]]+\])*)")
CODE = re.compile(r'(\S*?)#(\S+)(?:\s+"([^"]*)")?')
DATE = re.compile(r"\d{4}-\d\d(-\d\d(T\S+)?)?")


@dataclass
class Instance:
    """One example: the profile it is of, and its rules in order."""

    profile: str
    rules: list[tuple[str, str]] = field(default_factory=list)


class Examples:
    """The instances of some files."""

    def __init__(self, *files: Path) -> None:
        self.instances: dict[str, Instance] = {}
        self.aliases = dict(SYSTEMS)
        for file in files:
            self._read(file.read_text())

    def _read(self, text: str) -> None:
        text = re.sub(r'"""[\s\S]*?"""', '""', text)
        name = ""
        for line in text.splitlines():
            key, _, value = line.strip().partition(":")
            if line.startswith("Alias"):
                alias, _, url = value.partition("=")
                self.aliases[alias.strip()] = url.strip()
            elif key == "Instance":
                name = value.strip()
            elif key == "InstanceOf":
                self.instances[name] = Instance(value.strip())
            elif line.startswith("* "):
                rule = re.sub(r"\s//.*$", "", line[2:])
                path, _, given = rule.partition("=") if "[=]" not in rule else _split(rule)
                self.instances[name].rules.append((path.strip(), given.strip()))

    def kind(self, name: str) -> str:
        """The type of an instance."""
        profile = self.instances[name].profile
        known = (kind for part, kind in PROFILES.items() if part.lower() in profile.lower())
        return next(known, profile.rpartition(".")[2])

    def json(self, name: str) -> Json:
        """The resource of an instance, without the id that only names it among the examples."""
        kind = self.kind(name)
        resource: Json = {"resourceType": kind}
        places: dict[str, int] = defaultdict(lambda: -1)
        contained = {
            value for path, value in self.instances[name].rules if path.partition("[")[0] == "contained"
        }
        for path, value in self.instances[name].rules:
            self._set(resource, kind, path, value, places, contained)
        return resource

    def _set(
        self, held: Any, kind: str, path: str, value: str, places: dict[str, int], contained: set[str]
    ) -> None:
        walked = ""
        steps = [found for found in STEP.finditer(path) if found[0]]
        for number, found in enumerate(steps):
            name, marks = found[1], re.findall(r"\[([^\]]+)\]", found[2])
            element = elements(kind)[name]
            walked += f".{name}"
            last = number == len(steps) - 1
            if element.repeats:
                place = _place(held, name, marks, walked, places)
                walked += f"[{place}]"
                if last:
                    held[name][place] = self._value(value, element.kind, contained)
                    return
                held, kind = held[name][place], element.kind
            elif last:
                held[name] = self._value(value, element.kind, contained)
            else:
                held, kind = held.setdefault(name, {}), element.kind

    def _value(self, text: str, kind: str, contained: set[str]) -> Any:
        if found := re.fullmatch(r"Reference\((.+)\)", text):
            target = found[1]
            return {"reference": f"#{target}" if target in contained else self._address(target)}
        if text.startswith('"'):
            return text[1:-1].replace('\\"', '"')
        if text in self.instances:
            return self.json(text) | {"id": text}
        if re.fullmatch(r"\d+|true|false", text):
            return json.loads(text)
        return text if DATE.fullmatch(text) else self._coded(text, kind)

    def _address(self, target: str) -> str:
        return f"{self.kind(target)}/{target}" if target in self.instances else target

    def _coded(self, text: str, kind: str) -> Any:
        found = CODE.fullmatch(text)
        if found is None:
            raise ValueError(f"{text}: this value is not one of the language that is read here")
        system = self.aliases.get(found[1], found[1])
        if kind not in ("Coding", "CodeableConcept"):
            return found[2]
        coding = {"system": system, "code": found[2], "display": found[3]}
        coding = {key: value for key, value in coding.items() if value}
        return coding if kind == "Coding" else {"coding": [coding]}


def _split(rule: str) -> tuple[str, str, str]:
    """At the `=` that is not within brackets."""
    found = re.match(r"((?:[^\[=]|\[[^\]]*\])+)=(.*)", rule)
    if found is None:
        raise ValueError(f"{rule}: this rule sets nothing")
    return found[1], "=", found[2]


def _place(held: Any, name: str, marks: list[str], walked: str, places: dict[str, int]) -> int:
    """Which element of a list a step means; it is made when it is not there."""
    values = held.setdefault(name, [])
    key = walked
    start: Json = {}
    for mark in marks:
        if mark.isalpha() or "-" in mark:
            key = f"{walked}:{mark}"
            start = {"url": EXTENSIONS[mark]} if name == "extension" else dict(FIXED.get(mark, {}))
    number = next((mark for mark in marks if mark in "+=" or mark.isdigit()), "")
    new = (
        key not in places or number == "+" or (number.isdigit() and int(number) >= len(values) and not start)
    )
    if new and number != "=":
        values.append(start)
        places[key] = places[walked] = len(values) - 1
    return places[key]
