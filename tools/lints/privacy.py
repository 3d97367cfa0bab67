"""Rules about what may leave a process by its logs, its metrics and its traces."""

import ast
import re
from collections.abc import Iterator

from tools.lints.model import Finding, Source, calls, dotted

LOGGERS = re.compile(r"_?(log|logger|logging|audit_log|structlog)", re.IGNORECASE)
LEVELS = frozenset(
    {"bind", "critical", "debug", "error", "exception", "fatal", "info", "log", "msg", "warn", "warning"}
)
# Every spelling that a contract, FHIR or CDA gives to what identifies a person or tells of their health.
PERSONAL = frozenset(
    """
    traits patient person_name display_name actor_name birth_name birth_names first_name first_names
    birth_first_name birth_first_names used_name used_first_name family family_name given given_name
    birth_date birthdate birth_place birthplace birth_country sex gender telecom phone email
    matricule ins nir nia ipp identifier identifiers
    title description content body payload document text note comment reason
    request response message_body token authorization password secret
    """.split()
)
# Words that name a variable more often than a part of a person's name.
ORDINARY = frozenset({"family", "given"})
# Owners whose attributes are written by programmers: `error.reason` is the name of a class.
ERRORS = frozenset({"error", "failure", "refusal"})
# What they return tells nothing of their argument.
SAYS_NOTHING = ("len", "type", "bool", "id")
# What a metric is told with, and how a hop of a trace is begun.
INSTRUMENTS = frozenset({"add", "record", "set"})
HOPS = frozenset({"hop", "statement"})
# An address may hold an INS, a query a name.
ADDRESSES = frozenset({"path", "raw_path", "url", "query_string", "query_params"})
STREAMS = ("sys.stdout.write", "sys.stderr.write")


def no_patient_in_logs(source: Source) -> Iterator[Finding]:
    """`patient-in-log`: no log call names a trait, an INS, a content or a reason.

    The incident it prevents: `log.warning("no match for %s", traits)`. The logs go to whoever runs the
    servers, and the names and birth dates with them. The telemetry of the chassis drops unknown fields at run
    time; this rule refuses the line when it is written, also inside an f-string, where no filter can see it.
    """
    if not source.is_python or source.is_test or not source.within("services", "libs", "deploy"):
        return
    for call in calls(source):
        if is_log(call):
            for name in sorted(named(call) & PERSONAL):
                yield source.finding(
                    call, "patient-in-log", f"`{name}` may identify a person: log an opaque id or a count"
                )


def no_patient_in_telemetry(source: Source) -> Iterator[Finding]:
    """`patient-in-telemetry`: no label of a metric, name or attribute of a span tells who a patient is.

    The incident it prevents: a counter by `patient.family`, or a span named by the address of a request. A
    time series has a name for years, in a store that many may read, and one more for each patient.
    """
    if not source.is_python or source.is_test or not source.within("services", "libs"):
        return
    for node, told in [*_told(source), *_attributes(source)]:
        for name in sorted(told & (PERSONAL | ADDRESSES)):
            yield source.finding(
                node,
                "patient-in-telemetry",
                f"`{name}` may identify a person: tell a kind, a code or a count",
            )


def _told(source: Source) -> Iterator[tuple[ast.AST, set[str]]]:
    for call in calls(source):
        if is_instrument(call):
            yield call, set[str]().union(*map(labels_of, call.args[1:]))
        elif dotted(call.func).split(".")[-1] in HOPS:
            yield call, named(call)


def labels_of(labels: ast.AST) -> set[str]:
    """What a dictionary of labels takes its values from; its keys are words of the program."""
    return (
        named(ast.Call(ast.Name("label"), list(labels.values), [])) if isinstance(labels, ast.Dict) else set()
    )


def _attributes(source: Source) -> Iterator[tuple[ast.AST, set[str]]]:
    for node in source.nodes:
        if isinstance(node, ast.Assign) and any(_is_attributes(target) for target in node.targets):
            yield node, labels_of(node.value)


def _is_attributes(target: ast.AST) -> bool:
    return isinstance(target, ast.Attribute) and dotted(target).endswith("hop.attributes")


def is_instrument(call: ast.Call) -> bool:
    """True for `telemetry.CONSUMED.add(1, {...})`, `SCANS.add(...)`: instruments are written in capitals."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in INSTRUMENTS:
        return False
    return dotted(call.func.value).split(".")[-1].isupper()


def is_log(call: ast.Call) -> bool:
    """True for `log.info(...)`, `self._logger.error(...)`, `structlog.get_logger().debug(...)`."""
    if not isinstance(call.func, ast.Attribute) or call.func.attr not in LEVELS:
        return False
    receiver = dotted(call.func.value).split(".")
    return any(LOGGERS.fullmatch(part) for part in receiver)


def named(call: ast.Call) -> set[str]:
    """Every keyword, variable and attribute in the arguments of `call`, whatever stands around it.

    An attribute's owner does not count (`document.id` is an id), only what is taken from it; the name of a
    keyword counts when its value is data (`reason="timeout"` is not).
    """
    names: set[str] = set()
    for argument in call.args:
        names |= taken(argument)
    for keyword in call.keywords:
        data = taken(keyword.value)
        names |= data | {keyword.arg or ""} if data else data
    return names


def taken(node: ast.AST) -> set[str]:
    """The names whose value ends up in what `node` evaluates to."""
    match node:
        case ast.Attribute(value=ast.Name(id=owner)) if owner in ERRORS:
            return set()
        case ast.Name(id=word) if word in ORDINARY:
            return set()
        case (
            ast.Attribute(attr=name) | ast.Name(id=name) | ast.Subscript(slice=ast.Constant(value=str(name)))
        ):
            return {name}
        case ast.Call() if dotted(node.func) in SAYS_NOTHING:
            return set()
        case ast.Call(func=ast.Attribute(value=called)):
            parts: list[ast.AST] = [called, *node.args, *node.keywords]
        case ast.Dict():
            keys = {
                key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)
            }
            return keys.union(*(taken(value) for value in node.values))
        case _:
            parts = list(ast.iter_child_nodes(node))
    return set[str]().union(*(taken(part) for part in parts))


def no_print_in_services(source: Source) -> Iterator[Finding]:
    """`print-in-service`: a service speaks through its telemetry only.

    The incident it prevents: a forgotten `print(bundle)` writes whole documents to the output of the
    container, past the allow-list of the logs, into the console of the host.
    """
    if not source.is_python or source.is_test or not source.within("services", "libs/chassis"):
        return
    for call in calls(source):
        name = dotted(call.func)
        if name == "print" or name in STREAMS:
            yield source.finding(
                call, "print-in-service", f"`{name}` passes by the telemetry: use its logger"
            )
