"""Rules about the contracts: who may call, where an event goes, what it may carry.

They read the compiled descriptors with their options, not the text: a rule must see what the services will
see.
"""

import re
from collections.abc import Iterator
from importlib.resources import as_file, files
from pathlib import Path
from tempfile import TemporaryDirectory

from google.protobuf.descriptor_pb2 import (
    DescriptorProto,
    FieldDescriptorProto,
    FileDescriptorProto,
    FileDescriptorSet,
    MethodDescriptorProto,
)
from grpc_tools import protoc

from socle.options.v1 import options_pb2
from tools.gen import contracts
from tools.lints.model import Finding

PERMISSION = re.compile(r"[a-z][a-z0-9_]*\.[a-z][a-z0-9_]*")
SUBJECT = re.compile(
    r"(?P<package>socle\.[a-z0-9_]+)\.(?P<noun>[a-z_]+)\.(?P<verb>[a-z_]+)\.(?P<version>v[0-9]+)"
)
# A word of a field's name that announces a person, a number of theirs, or something said of their health.
TELLING = frozenset(
    """
    name names first last family given birth born sex gender age address city phone mail email contact
    ins nir nia matricule ipp ssn traits
    title description content body text note comment reason label diagnosis result value payload
    """.split()
)
OPAQUE = frozenset(
    {
        FieldDescriptorProto.TYPE_STRING,
        FieldDescriptorProto.TYPE_BOOL,
        FieldDescriptorProto.TYPE_ENUM,
        FieldDescriptorProto.TYPE_INT32,
        FieldDescriptorProto.TYPE_INT64,
        FieldDescriptorProto.TYPE_UINT32,
        FieldDescriptorProto.TYPE_UINT64,
    }
)
TIMESTAMP = ".google.protobuf.Timestamp"
# Field numbers of descriptor.proto, by which source positions are found.
MESSAGES, SERVICES, METHODS = 4, 6, 2


class ContractsUnreadable(Exception):
    """The contracts do not compile."""


def compile_set(proto: Path) -> FileDescriptorSet:
    """The descriptors of every contract under `proto`, with their source positions.

    Raises ContractsUnreadable; protoc has then said where on standard error.
    """
    with TemporaryDirectory() as scratch, as_file(files("grpc_tools") / "_proto") as well_known:
        output = Path(scratch) / "set.binpb"
        arguments = ["protoc", f"--proto_path={proto}", f"--proto_path={well_known}", "--include_source_info"]
        status = protoc.main([*arguments, f"--descriptor_set_out={output}", *map(str, contracts(proto))])
        if status:
            raise ContractsUnreadable("protoc refused a contract: correct the lines it named above")
        return FileDescriptorSet.FromString(output.read_bytes())


def line_of(file: FileDescriptorProto, *path: int) -> int:
    """The line, from 1, where the element at this descriptor path stands; 1 when the compiler kept none."""
    return next((at.span[0] + 1 for at in file.source_code_info.location if tuple(at.path) == path), 1)


def check_contracts(descriptors: FileDescriptorSet, prefix: str = "proto") -> Iterator[Finding]:
    """Every breach in these contracts; `prefix` is the folder that the paths of the findings start with."""
    for file in descriptors.file:
        where = f"{prefix}/{file.name}"
        yield from package_is_path(file, where)
        yield from every_rpc_has_a_rule(file, where)
        if file.name.endswith("/events.proto"):
            yield from events_are_addressed(file, where)
            yield from events_are_opaque(file, where)
    yield from subjects_are_unique(descriptors, prefix)


def package_is_path(file: FileDescriptorProto, where: str) -> Iterator[Finding]:
    """`package-path`: the package is the path, so that a name found in a trace leads to its contract."""
    if file.package.replace(".", "/") != file.name.rpartition("/")[0]:
        yield Finding(
            where, 1, "package-path", f"package {file.package} stands in another folder: name it as its path"
        )


def every_rpc_has_a_rule(file: FileDescriptorProto, where: str) -> Iterator[Finding]:
    """`rpc-without-rule`: each RPC says which right it needs and which kinds of caller may have it.

    The incident it prevents: an RPC added in a hurry has no entry in the table of rights, and no entry means
    everyone. The server refuses to start on such a contract; this rule says it earlier, on the line.
    """
    for s, service in enumerate(file.service):
        for m, method in enumerate(service.method):
            problem = fault_of_rule(method)
            if problem:
                line = line_of(file, SERVICES, s, METHODS, m)
                yield Finding(where, line, "rpc-without-rule", f"{service.name}.{method.name} {problem}")


def fault_of_rule(method: MethodDescriptorProto) -> str:
    """What is wrong with the rule of an RPC, "" when nothing is."""
    rule = method.options.Extensions[options_pb2.rule]
    if not rule.allow:
        return "lets nobody in: its option (socle.options.v1.rule) must allow the kinds of caller it is for"
    if options_pb2.CALLER_KIND_UNSPECIFIED in rule.allow:
        return "allows the unspecified kind: name the kinds of caller"
    if not PERMISSION.fullmatch(rule.permission):
        return f"has the permission {rule.permission!r}: write it <resource>.<action>"
    return ""


def event_messages(file: FileDescriptorProto) -> Iterator[tuple[int, DescriptorProto]]:
    """The published messages of an events.proto, with their place: those that no other one contains."""
    contained = {
        field.type_name.rpartition(".")[2] for message in file.message_type for field in message.field
    }
    return ((i, message) for i, message in enumerate(file.message_type) if message.name not in contained)


def events_are_addressed(file: FileDescriptorProto, where: str) -> Iterator[Finding]:
    """`event-subject`: each event has its own subject, under the prefix of its service and with its version.

    The incident it prevents: a copied event keeps the subject of another service. The broker refuses it, as
    it must, and the outbox of the service stands still behind it until someone reads the logs.
    """
    for i, message in event_messages(file):
        problem = fault_of_address(file.package, message)
        if problem:
            yield Finding(where, line_of(file, MESSAGES, i), "event-subject", f"{message.name} {problem}")


def fault_of_address(package: str, message: DescriptorProto) -> str:
    """What is wrong with the option of an event, "" when nothing is."""
    event = message.options.Extensions[options_pb2.event]
    prefix, _, version = package.rpartition(".")
    parts = SUBJECT.fullmatch(event.subject)
    if parts is None or (parts["package"], parts["version"]) != (prefix, version):
        return f"has the subject {event.subject!r}: write {prefix}.<noun>.<past participle>.{version}"
    if event.aggregate not in {field.name for field in message.field}:
        return f"names {event.aggregate!r} as its aggregate, which is none of its fields"
    return ""


def events_are_opaque(file: FileDescriptorProto, where: str) -> Iterator[Finding]:
    """`event-not-opaque`: an event carries ids, versions, states and times; never a trait, an INS, a content.

    The incident it prevents: an event carries the patient's name "for the notification". Every subscriber's
    parked events, logs and backups then hold a list of patients, and none can be erased on request.
    """
    for i, message in event_messages(file):
        for field in message.field:
            problem = fault_of_field(field)
            if problem:
                line = line_of(file, MESSAGES, i)
                yield Finding(where, line, "event-not-opaque", f"{message.name}.{field.name} {problem}")


def fault_of_field(field: FieldDescriptorProto) -> str:
    """Why a field may not travel in an event, "" when it may."""
    telling = TELLING.intersection(field.name.split("_"))
    if telling:
        return f"speaks of {'/'.join(sorted(telling))}: send an opaque id, the reader asks for the rest"
    if field.type not in OPAQUE and field.type_name != TIMESTAMP:
        return "could hold anything: send ids, numbers, states and times"
    return ""


def subjects_are_unique(descriptors: FileDescriptorSet, prefix: str) -> Iterator[Finding]:
    """`event-subject`: two events on one subject cannot be told apart by a subscriber."""
    seen: dict[str, str] = {}
    for file in descriptors.file:
        for i, message in enumerate(file.message_type):
            subject = message.options.Extensions[options_pb2.event].subject
            first = seen.setdefault(subject, message.name) if subject else message.name
            if first != message.name:
                yield Finding(
                    f"{prefix}/{file.name}",
                    line_of(file, MESSAGES, i),
                    "event-subject",
                    f"{message.name} has the subject of {first}: give each its own",
                )
