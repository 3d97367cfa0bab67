"""Messages of the contracts as JSON of the REST interface, both ways, and the schema that says so.

The names are those of the contract; enums are lower case without their prefix (`qualifiee`); moments are RFC
3339 in UTC; bytes are base64. What holds nothing is left out, but for numbers, booleans and lists. Everything
follows from the descriptors, so a field added to a contract is answered and documented without a line here.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from functools import lru_cache
from typing import Any, TypeVar, cast

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor
from google.protobuf.message import Message

Json = dict[str, Any]
Render = Callable[[Any], Any]
M = TypeVar("M", bound=Message)
TIMESTAMP = "google.protobuf.Timestamp"
NUMBERS = {
    FieldDescriptor.CPPTYPE_INT32,
    FieldDescriptor.CPPTYPE_INT64,
    FieldDescriptor.CPPTYPE_UINT32,
    FieldDescriptor.CPPTYPE_UINT64,
}
FRACTIONS = {FieldDescriptor.CPPTYPE_DOUBLE, FieldDescriptor.CPPTYPE_FLOAT}
SCALARS: dict[int, Json] = {
    FieldDescriptor.CPPTYPE_BOOL: {"type": "boolean"},
    **{kind: {"type": "integer", "minimum": 0} for kind in NUMBERS},
    **{kind: {"type": "number"} for kind in FRACTIONS},
}

# Two contracts may give two things one name; in one document of an interface each needs its own.
RENAMED = {"socle.eprescription.v1.Decision": "RecordedDecision"}


def schema_name(descriptor: Descriptor) -> str:
    """The name of the schema of a type of message."""
    return RENAMED.get(descriptor.full_name, descriptor.name)


def render(message: Message) -> Json:
    """The message as JSON, ready for orjson."""
    return _renderer(message.DESCRIPTOR)(message)


@lru_cache
def _renderer(descriptor: Descriptor) -> Callable[[Message], Json]:
    """The renderer of a type of message, built once: hot answers do not look at descriptors."""
    steps = [
        (field.name, bool(field.is_repeated), _tracked(field), _always(field), _value(field))
        for field in descriptor.fields
    ]

    def renderer(message: Message) -> Json:
        result: Json = {}
        for name, repeated, tracked, always, value in steps:
            held = getattr(message, name)
            if repeated:
                result[name] = [value(item) for item in held]
            elif always or (message.HasField(name) if tracked else held):
                result[name] = value(held)
        return result

    return renderer


def _tracked(field: FieldDescriptor) -> bool:
    return field.message_type is not None and not field.is_repeated


def _always(field: FieldDescriptor) -> bool:
    return field.cpp_type in NUMBERS | FRACTIONS or field.cpp_type == FieldDescriptor.CPPTYPE_BOOL


def _value(field: FieldDescriptor) -> Render:
    if field.message_type is not None:
        if field.message_type.full_name == TIMESTAMP:
            return lambda moment: moment.ToJsonString()
        return _renderer(field.message_type)
    if field.enum_type is not None:
        names = {number: name for name, number in enum_names(field.enum_type).items()}
        return lambda number: names.get(number, "")
    if field.type == FieldDescriptor.TYPE_BYTES:
        return lambda held: base64.b64encode(held).decode()
    return lambda held: held


@lru_cache
def enum_names(enum: EnumDescriptor) -> dict[str, int]:
    """`IDENTITY_STATUS_QUALIFIEE` -> `qualifiee`; the value that says "none" is left out."""
    prefix = enum.values_by_number[0].name.removesuffix("UNSPECIFIED")
    return {value.name.removeprefix(prefix).lower(): value.number for value in enum.values if value.number}


def fill(kind: type[M], values: Json) -> M:
    """The message that holds these values (from a pydantic model, so types are right)."""
    return kind(**_filled(cast(Descriptor, kind.DESCRIPTOR), values))


def _filled(descriptor: Descriptor, values: Json) -> Json:
    result: Json = {}
    for name, held in values.items():
        field = descriptor.fields_by_name[name]
        if held is None:
            continue
        if field.enum_type is not None:
            numbers = enum_names(field.enum_type)
            result[name] = [numbers[one] for one in held] if isinstance(held, list) else numbers[held]
        elif isinstance(held, dict) and field.message_type is not None:
            result[name] = _filled(field.message_type, held)
        elif isinstance(held, list) and field.message_type is not None:
            result[name] = [_filled(field.message_type, one) for one in held]
        else:
            result[name] = held
    return result


def schema(descriptor: Descriptor, spread: str = "") -> Json:
    """JSON Schema of what `render` gives for a type of message; nested types by reference.

    The members of the field `spread` stand beside the others, as `context.reply` writes them.
    """
    fields = [field for field in descriptor.fields if field.name != spread]
    properties = {field.name: _field_schema(field) for field in fields}
    required = [field.name for field in fields if field.is_repeated or _always(field)]
    result: Json = {"type": "object", "title": schema_name(descriptor), "properties": properties}
    if spread:
        result["allOf"] = [_field_schema(descriptor.fields_by_name[spread])]
    return result | ({"required": required} if required else {})


def nested(descriptor: Descriptor) -> dict[str, Descriptor]:
    """This type and every type it holds, by name."""
    found = {schema_name(descriptor): descriptor}
    for field in descriptor.fields:
        inner = field.message_type
        if inner is not None and inner.full_name != TIMESTAMP and schema_name(inner) not in found:
            found |= nested(inner)
    return found


def _field_schema(field: FieldDescriptor) -> Json:
    one = _one_schema(field)
    return {"type": "array", "items": one} if field.is_repeated else one


def _one_schema(field: FieldDescriptor) -> Json:
    if field.message_type is not None:
        if field.message_type.full_name == TIMESTAMP:
            return {"type": "string", "format": "date-time"}
        return {"$ref": f"#/components/schemas/{schema_name(field.message_type)}"}
    if field.enum_type is not None:
        return {"type": "string", "enum": list(enum_names(field.enum_type))}
    if field.type == FieldDescriptor.TYPE_BYTES:
        return {"type": "string", "contentEncoding": "base64"}
    return SCALARS.get(field.cpp_type, {"type": "string"})
