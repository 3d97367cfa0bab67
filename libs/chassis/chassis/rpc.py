"""gRPC, both ends: one pipeline around every method, in the order of its doors.

programs (mTLS) -> token -> kind of caller -> fields -> the method -> errors. Handlers are built from the
contract's descriptor: a method without a rule, or a rule without a method, stops the server at start.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf.descriptor import MethodDescriptor, ServiceDescriptor
from google.protobuf.message import DecodeError, Message
from google.protobuf.message_factory import GetMessageClass

from socle.options.v1 import options_pb2

from . import audit, checks, status, telemetry
from .auth import Verifier, with_purpose
from .call import Call, Clock, Key, nothing, utc_now
from .caller import Caller, CallerKind
from .db import AnsweredBefore, Database
from .errors import Forbidden, InvalidInput, Refusal, SocleError, TimedOut
from .settings import Settings

log = telemetry.logger("rpc")

KINDS: dict[int, CallerKind] = dict(enumerate(CallerKind, start=1))
KEY_MOST = 255
METADATA_MOST = 32 * 1024
R = TypeVar("R", bound=Message)


class MessageUnreadable(InvalidInput):
    """The bytes received are not the message of this method."""


class KindNotAllowed(Forbidden):
    """Callers of this kind may not call this method."""


class ProgramNotAllowed(Forbidden):
    """This program may not call this service."""


class IdempotencyKeyTooLong(InvalidInput):
    """The Idempotency-Key has more than 255 characters."""

    remedy = "Send a UUID, a new one for each change."


class Internal(SocleError):
    """Something failed on our side; nothing was changed. Give the trace id to the operators."""


class ContractFault(TypeError):
    """A contract and the code that serves it do not agree: the server does not start."""


class Servicer(Protocol):
    """A class with `service`, the descriptor of its contract, and a method for each RPC."""

    service: ServiceDescriptor


@dataclass(slots=True)
class Runtime:
    """What every method shares."""

    verifier: Verifier
    database: Database | None
    allowed_programs: frozenset[str] | None = None
    default_deadline: float = 10.0
    clock: Clock = utc_now
    emitted: Callable[[], None] = nothing


class Method:
    """One RPC, ready to be served."""

    def __init__(
        self, descriptor: MethodDescriptor, handler: Callable[..., Awaitable[Message]], rt: Runtime
    ) -> None:
        self.name = f"/{descriptor.containing_service.full_name}/{descriptor.name}"
        self.rule = rule_of(descriptor)
        self.kinds = frozenset(KINDS[k] for k in self.rule.allow)
        self.request: type[Message] = GetMessageClass(descriptor.input_type)
        beyond = checks.unchecked(descriptor.input_type)
        if beyond:
            raise ContractFault(f"{beyond} is a map, whose content is not checked: use a repeated message")
        self.handler = handler
        self.rt = rt

    async def serve(self, raw: bytes, context: Any) -> bytes:
        """Answers a call; every way out of here is an answer or a status of the house."""
        began = time.monotonic()
        metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        traceparent = telemetry.traceparent_of(metadata.get("traceparent", ""))
        try:
            answer = await self._within(raw, context, metadata, traceparent)
        except SocleError as error:
            self._told(error, traceparent, began)
            await _abort(context, error)
            raise
        telemetry.RPC_SECONDS.record(time.monotonic() - began, {"rpc": self.name, "code": "OK"})
        return answer

    async def _within(self, raw: bytes, context: Any, metadata: Mapping[str, str], traceparent: str) -> bytes:
        left = context.time_remaining()
        seconds = min(left, 3600.0) if left is not None else self.rt.default_deadline
        try:
            async with asyncio.timeout(seconds):
                self._program(context)
                caller = await self.rt.verifier.authenticate(metadata.get("authorization", ""))
                call = self._call(caller, metadata, traceparent, raw, seconds)
                with telemetry.span(self.name, traceparent):
                    return await self._judged(raw, call)
        except TimeoutError:
            raise TimedOut(hint="Set a longer deadline, or ask for less.") from None
        except (SocleError, asyncio.CancelledError):
            raise
        except Exception as error:
            log.error("rpc.failed", rpc=self.name, trace_id=traceparent[3:35], exc_info=error)
            raise Internal from None

    def _program(self, context: Any) -> None:
        allowed = self.rt.allowed_programs
        if allowed is None:
            return
        peer = context.auth_context()
        names = {
            n.decode() for k in ("x509_subject_alternative_name", "x509_common_name") for n in peer.get(k, ())
        }
        if not names & allowed:
            raise ProgramNotAllowed(
                hint="Ask the operators to add its certificate name to SOCLE_ALLOWED_PROGRAMS."
            )

    def _call(
        self, caller: Caller, metadata: Mapping[str, str], trace: str, raw: bytes, seconds: float
    ) -> Call:
        caller = with_purpose(caller, metadata.get("socle-purpose", ""), metadata.get("socle-reason", ""))
        call = Call(
            caller,
            self.rule.permission,
            metadata.get("authorization", ""),
            time.monotonic() + seconds,
            trace,
            None,
            self.rt.clock,
            self.rt.emitted,
        )
        key = metadata.get("idempotency-key", "")
        if key and self.rule.changes:
            if len(key) > KEY_MOST:
                raise IdempotencyKeyTooLong(field="Idempotency-Key")
            scope = f"{caller.kind.value}:{caller.subject}@{caller.organisation} {self.name}"
            call.idempotency = Key(scope, key, hashlib.sha256(raw).digest())
        return call

    async def _judged(self, raw: bytes, call: Call) -> bytes:
        try:
            if call.caller.kind not in self.kinds:
                raise KindNotAllowed(
                    hint=f"{self.rule.permission} is for {', '.join(sorted(self.kinds))}.",
                    rules=[f"rpc.{self.rule.permission}"],
                    refusal=Refusal("", "", (f"rpc.{self.rule.permission}",)),
                )
            return await self._answered(self._read(raw), call)
        except SocleError as error:
            await self._journal(error, call)
            raise

    def _read(self, raw: bytes) -> Message:
        try:
            request = self.request.FromString(raw)
        except DecodeError:
            raise MessageUnreadable(hint=f"Send a {self.request.DESCRIPTOR.full_name}.") from None
        checks.check(request)
        return request

    async def _answered(self, request: Message, call: Call) -> bytes:
        try:
            return (await self.handler(request, call)).SerializeToString()
        except AnsweredBefore as before:
            return before.answer
        except SocleError:
            # A twin of this request may have been answered meanwhile, and be the very cause of the error.
            answer = await self._twin(call)
            if answer is None:
                raise
            return answer

    async def _twin(self, call: Call) -> bytes | None:
        if call.idempotency is None or self.rt.database is None:
            return None
        return await self.rt.database.answered(call.idempotency)

    async def _journal(self, error: SocleError, call: Call) -> None:
        """A refusal is a fact of the patient's journal; it is written before the caller is told."""
        refusal, database = error.refusal, self.rt.database
        if refusal is None or database is None:
            return
        call.idempotency = None
        async with database.begin(call) as tx:
            audit.record(
                tx,
                call.caller,
                self.rule.permission,
                refusal.subject,
                object_id=refusal.object_id,
                rules=refusal.rules,
                outcome=audit.REFUSED,
                chain=refusal.chain,
                now=call.now(),
            )

    def _told(self, error: SocleError, traceparent: str, began: float) -> None:
        seconds = time.monotonic() - began
        telemetry.RPC_SECONDS.record(seconds, {"rpc": self.name, "code": error.kind.grpc})
        log.info(
            "rpc.refused",
            rpc=self.name,
            code=error.kind.grpc,
            reason=error.reason,
            trace_id=traceparent[3:35],
            duration_ms=round(seconds * 1000, 1),
        )


async def _abort(context: Any, error: SocleError) -> None:
    wire = status.to_status(error)
    metadata = ((status.DETAILS, wire.SerializeToString()),)
    await context.abort(getattr(grpc.StatusCode, error.kind.grpc), wire.message, metadata)


def rule_of(method: MethodDescriptor) -> options_pb2.Rule:
    """The rule of an RPC; an RPC that names no kind of caller may not be served."""
    options = method.GetOptions()
    rule: options_pb2.Rule = options.Extensions[options_pb2.rule]
    if not options.HasExtension(options_pb2.rule) or not rule.allow or not rule.permission:
        raise ContractFault(
            f"{method.full_name} has no (socle.options.v1.rule) with a permission and kinds of caller"
        )
    return rule


def handlers(servicer: Servicer, runtime: Runtime) -> grpc.GenericRpcHandler:
    """The handlers of a contract; refuses a contract and a servicer that do not match."""
    made: dict[str, grpc.RpcMethodHandler[bytes, bytes]] = {}
    for descriptor in servicer.service.methods:
        handler = getattr(servicer, descriptor.name, None)
        if handler is None:
            raise ContractFault(f"{type(servicer).__name__} does not implement {descriptor.full_name}")
        made[descriptor.name] = grpc.unary_unary_rpc_method_handler(
            Method(descriptor, handler, runtime).serve
        )
    return grpc.method_handlers_generic_handler(servicer.service.full_name, made)


def options(settings: Settings) -> list[tuple[str, int]]:
    """What both ends of a connection agree on."""
    most = settings.grpc_max_message_bytes
    return [
        ("grpc.max_receive_message_length", most),
        ("grpc.max_send_message_length", most),
        # Room for the details of an error; one that does not fit arrives as another one.
        ("grpc.max_metadata_size", METADATA_MOST),
        ("grpc.absolute_max_metadata_size", 2 * METADATA_MOST),
        ("grpc.keepalive_time_ms", 20_000),
        ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2_000),
    ]


def server_options(settings: Settings) -> list[tuple[str, int]]:
    """What a server adds: two programs on one port would each get half of the calls, without a word."""
    return [*options(settings), ("grpc.so_reuseport", 0)]


def channel(target: str, settings: Settings) -> grpc.aio.Channel:
    """A channel to another service, with this program's certificate when there is one."""
    if settings.tls_ca_file and settings.tls_key_file and settings.tls_cert_file:
        credentials = grpc.ssl_channel_credentials(
            settings.tls_ca_file.read_bytes(),
            settings.tls_key_file.read_bytes(),
            settings.tls_cert_file.read_bytes(),
        )
        return grpc.aio.secure_channel(target, credentials, options=options(settings))
    return grpc.aio.insecure_channel(target, options=options(settings))


def server_credentials(settings: Settings) -> grpc.ServerCredentials | None:
    """Mutual TLS when the settings give certificates."""
    if not (settings.tls_ca_file and settings.tls_key_file and settings.tls_cert_file):
        return None
    pair = (settings.tls_key_file.read_bytes(), settings.tls_cert_file.read_bytes())
    return grpc.ssl_server_credentials([pair], settings.tls_ca_file.read_bytes(), require_client_auth=True)


async def invoke(
    method: Callable[..., Awaitable[R]], request: Message, call: Call, *, more: Sequence[tuple[str, str]] = ()
) -> R:
    """Calls another service for this caller: their token, what is left of the deadline, the trace."""
    if call.remaining <= 0:
        raise TimedOut
    metadata = [("authorization", call.token), ("traceparent", call.traceparent), *more]
    try:
        return await method(request, timeout=call.remaining, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        raise status.from_status(error) from None
