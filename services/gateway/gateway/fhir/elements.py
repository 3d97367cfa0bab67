"""The elements of the types of FHIR R4, in the order of the standard, as the models of `fhir.resources` have
them.

The models are imported at the first use: they take half a second to load.
"""

from __future__ import annotations

import importlib
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

RELEASE = "fhir.resources.R4B"


class NotOfFhir(LookupError):
    """R4 has no type of this name."""


@dataclass(frozen=True, slots=True)
class Element:
    """One element of a type: its place among the others, the type of its values, whether it repeats, whether
    it is a primitive.
    """

    place: int
    name: str
    kind: str
    repeats: bool
    primitive: bool


def model(kind: str) -> Any:
    """The model of a type; raises NotOfFhir."""
    try:
        return importlib.import_module(RELEASE).get_fhir_model_class(kind)
    except ValueError:
        raise NotOfFhir(kind) from None


@lru_cache(maxsize=512)
def elements(kind: str) -> dict[str, Element]:
    """The elements of a type by name, in order; raises NotOfFhir."""
    return {element.name: element for element in _listed(model(kind))}


def is_resource(kind: str) -> bool:
    """Whether a type is that of whole resources, not of parts; False when R4 does not have it."""
    try:
        return issubclass(model(kind), model("Resource"))
    except NotOfFhir:
        return False


def _listed(found: Any) -> list[Element]:
    from fhir_core import utils

    release = utils.determine_version_prefix_from_class(found)
    fields = found.get_alias_mapping()
    result = []
    for place, name in enumerate(found.elements_sequence()):
        field = found.model_fields[fields[name]]
        kind = utils.get_fhir_type_name(field, prefix=release)
        result.append(Element(place, name, kind, utils.is_list_type(field), utils.is_primitive_type(field)))
    return result
