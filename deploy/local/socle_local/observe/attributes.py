"""Attributes of OTLP as short texts: what is shown, searched and counted by."""

from collections.abc import Iterable

from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue

# What one span or point may bring along.
ATTRIBUTES_MOST = 32
CHARACTERS_MOST = 300


def texts(attributes: Iterable[KeyValue]) -> dict[str, str]:
    """Names and values, as many and as long as the bounds let be."""
    pairs = [(each.key[:CHARACTERS_MOST], text(each.value)) for each in attributes]
    return dict(pairs[:ATTRIBUTES_MOST])


def text(value: AnyValue) -> str:
    """A value as text; what is not a plain value is named by its kind."""
    kind = value.WhichOneof("value")
    match kind:
        case "string_value":
            return shortened(value.string_value)
        case "bool_value":
            return "true" if value.bool_value else "false"
        case "int_value":
            return str(value.int_value)
        case "double_value":
            return f"{value.double_value:g}"
        case _:
            return f"({kind or 'empty'})"


def shortened(words: str) -> str:
    """A text of bounded length."""
    return words if len(words) <= CHARACTERS_MOST else words[: CHARACTERS_MOST - 1] + "…"
