"""Which metrics an expression of Prometheus reads."""

import re

# What stands in quotes, in braces (labels), in brackets (windows), or is a list of labels.
TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
LABELS = re.compile(r"\{[^{}]*\}|\[[^\[\]]*\]")
GROUPING = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
NAME = re.compile(r"(?<![\w:.$])[a-zA-Z_:][\w:]*(?!\w)(?!\s*\()")
WORDS = frozenset({"and", "or", "unless", "bool", "offset", "by", "without", "on", "ignoring", "inf", "nan"})


def metric_names(expression: str) -> set[str]:
    """Every metric that is read: what is a name, but no function, no label and no word of the language."""
    plain = GROUPING.sub(" ", LABELS.sub(" ", TEXT.sub('""', expression)))
    return {name for name in NAME.findall(plain) if name.lower() not in WORDS}
