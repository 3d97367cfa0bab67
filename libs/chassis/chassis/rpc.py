"""gRPC, both ends of a call: one pipeline around every method, in the order of its doors.

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
from .telemetry import SpanKind

log = telemetry.logger("rpc")

OK, CANCELLED = "OK", "CANCELLED"
KINDS: dict[int, CallerKind] = dict(enumerate(CallerKind, start=1))
KEY_MOST = 255
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
        metadata = {k: v for k, v in context.invocation_metadata() if isinstance(v, str)}
        with telemetry.hop(SpanKind.SERVER, self.name[1:], metadata.get("traceparent", "")) as hop:
            try:
                answer = await self._within(raw, context, metadata, hop.traceparent)
            except SocleError as error:
                self._ended(hop, error.kind.grpc)
                _told(hop, self.name, error)
                await _abort(context, error)
                raise
            except asyncio.CancelledError:
                self._ended(hop, CANCELLED)
                raise
            self._ended(hop, OK)
            return answer

    def _ended(self, hop: telemetry.Hop, code: str) -> None:
        hop.coded(self.name, code)
        telemetry.RPC_SECONDS.record(hop.seconds, {"rpc": self.name, "code": code})

    async def _within(self, raw: bytes, context: Any, metadata: Mapping[str, str], traceparent: str) -> bytes:
        left = context.time_remaining()
        seconds = min(left, 3600.0) if left is not None else self.rt.default_deadline
        try:
            async with asyncio.timeout(seconds):
                self._program(context)
                caller = await self.rt.verifier.authenticate(metadata.get("authorization", ""))
                call = self._call(caller, metadata, traceparent, raw, seconds)
                return await self._judged(raw, call)
        except TimeoutError:
            raise TimedOut(hint="Set a longer deadline, or ask for less.") from None
        except (SocleError, asyncio.CancelledError):
            raise
        except Exception as error:
            log.error("rpc.failed", rpc=self.name, exc_info=error)
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


def _told(hop: telemetry.Hop, name: str, error: SocleError) -> None:
    log.info(
        "rpc.refused",
        rpc=name,
        code=error.kind.grpc,
        reason=error.reason,
        duration_ms=round(hop.seconds * 1000, 1),
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


async def invoke(
    method: Callable[..., Awaitable[R]], request: Message, call: Call, *, more: Sequence[tuple[str, str]] = ()
) -> R:
    """Calls another service for this caller: their token, what is left of the deadline, the trace."""
    if call.remaining <= 0:
        raise TimedOut
    name = _name_of(method)
    with telemetry.hop(SpanKind.CLIENT, name[1:], call.traceparent) as hop:
        metadata = [("authorization", call.token), ("traceparent", hop.traceparent), *more]
        code = CANCELLED
        try:
            answer = await method(request, timeout=call.remaining, metadata=metadata)
            code = OK
        except grpc.aio.AioRpcError as error:
            code = error.code().name
            raise status.from_status(error) from None
        finally:
            hop.coded(name, code)
            telemetry.RPC_CLIENT_SECONDS.record(hop.seconds, {"rpc": name, "code": code})
        return answer


def _name_of(method: Callable[..., Awaitable[Any]]) -> str:
    """`/socle.dmp.v1.DmpService/SearchDocuments`. gRPC's own method of a stub says it nowhere public, and an
    interceptor, which is told, costs a task for each call.
    """
    path = getattr(method, "path", None)
    if path is None:
        path = getattr(method, "_method", b"/(unknown)").decode()
    return str(path)
