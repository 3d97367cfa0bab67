"""The errors of the house on the wire, both ways: `google.rpc.Status` and its standard details."""

from __future__ import annotations

import grpc
from google.protobuf import any_pb2, duration_pb2
from google.protobuf.message import DecodeError
from google.rpc import code_pb2, error_details_pb2, status_pb2

from .errors import BY_KIND, InvalidInput, Kind, SocleError, Violation

DOMAIN = "socle"
DETAILS = "grpc-status-details-bin"
# A server that drains cancels the calls that reach it late: they may be sent again.
KINDS = {kind.grpc: kind for kind in Kind} | {"CANCELLED": Kind.UNAVAILABLE}
# Details travel in a header, which HTTP/2 peers bound: an error that does not fit would arrive as another
# one.
VIOLATIONS_MOST = 40


class MessageTooLarge(InvalidInput):
    """The message is larger than a service of this platform accepts."""


def to_status(error: SocleError) -> status_pb2.Status:
    """What goes on the wire for an error."""
    info = error_details_pb2.ErrorInfo(reason=error.reason, domain=DOMAIN)
    for key, value in (("field", error.field), ("hint", error.hint), ("rules", " ".join(error.rules))):
        if value:
            info.metadata[key] = value
    details = [_packed(info)]
    if error.violations:
        faults = [
            error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.problem)
            for v in error.violations[:VIOLATIONS_MOST]
        ]
        details.append(_packed(error_details_pb2.BadRequest(field_violations=faults)))
    if error.retry_after is not None:
        delay = duration_pb2.Duration()
        delay.FromMilliseconds(int(error.retry_after * 1000))
        details.append(_packed(error_details_pb2.RetryInfo(retry_delay=delay)))
    return status_pb2.Status(
        code=code_pb2.Code.Value(error.kind.grpc), message=error.sentence, details=details
    )


def _packed(
    message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest | error_details_pb2.RetryInfo,
) -> any_pb2.Any:
    box = any_pb2.Any()
    box.Pack(message)
    return box


def from_status(error: grpc.aio.AioRpcError) -> SocleError:
    """The error of the house that another service meant."""
    kind = KINDS.get(error.code().name, Kind.INTERNAL)
    status = _details(error)
    return _rebuilt(BY_KIND[kind], status) if status is not None else _of_transport(kind)


def _of_transport(kind: Kind) -> SocleError:
    """What gRPC says by itself, before or instead of the service."""
    if kind is Kind.UNAVAILABLE:
        return BY_KIND[kind]("A service that this needs does not answer.", retry_after=1.0)
    if kind is Kind.TOO_MANY:
        return MessageTooLarge(hint="Send less at once.")
    return BY_KIND[kind]()


def _details(error: grpc.aio.AioRpcError) -> status_pb2.Status | None:
    for key, value in error.trailing_metadata() or ():
        if key == DETAILS and isinstance(value, bytes):
            try:
                return status_pb2.Status.FromString(value)
            except DecodeError:
                return None
    return None


def _rebuilt(cls: type[SocleError], status: status_pb2.Status) -> SocleError:
    info, bad, retry = (
        error_details_pb2.ErrorInfo(),
        error_details_pb2.BadRequest(),
        error_details_pb2.RetryInfo(),
    )
    for box in status.details:
        for message in (info, bad, retry):
            if box.Is(message.DESCRIPTOR):
                box.Unpack(message)
    return cls(
        status.message,
        reason=info.reason,
        field=info.metadata.get("field", ""),
        hint=info.metadata.get("hint", ""),
        rules=info.metadata.get("rules", "").split(),
        violations=[Violation(v.field, v.description) for v in bad.field_violations],
        retry_after=retry.retry_delay.ToMilliseconds() / 1000 if retry.HasField("retry_delay") else None,
    )
