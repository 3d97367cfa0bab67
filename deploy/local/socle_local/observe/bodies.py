"""Bodies of OTLP over HTTP: read, unpacked and parsed within bounds.

Source: the OTLP specification 1.5, section OTLP/HTTP. Binary protobuf only, which every exporter can send.
"""

import zlib
from typing import TypeVar

from google.protobuf.message import DecodeError, Message
from google.rpc.status_pb2 import Status
from starlette.requests import Request
from starlette.responses import Response

MEGABYTE = 1024 * 1024
# Bytes of a body as it comes and once unpacked. An exporter sends 512 spans at a time: some 200 kB.
PACKED_MOST = 4 * MEGABYTE
UNPACKED_MOST = 16 * MEGABYTE
PROTOBUF = "application/x-protobuf"
GZIP_WITH_HEADER = 16 + zlib.MAX_WBITS

M = TypeVar("M", bound=Message)


class Refused(Exception):
    """A body that is not taken: HTTP status, and the sentence that says why."""

    def __init__(self, status: int, sentence: str) -> None:
        self.status, self.sentence = status, sentence
        super().__init__(sentence)


async def parsed(request: Request, kind: type[M]) -> M:
    """The message in the body of a request. Raises Refused with 400, 413 or 415."""
    media = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if media != PROTOBUF:
        raise Refused(
            415,
            f"The body must be {PROTOBUF}, not {media or 'untyped'}:"
            " set OTEL_EXPORTER_OTLP_PROTOCOL=http/protobuf.",
        )
    body = unpacked(await bounded(request), request.headers.get("content-encoding", "identity"))
    message = kind()
    try:
        message.ParseFromString(body)
    except DecodeError:
        raise Refused(400, f"The body is no {kind.DESCRIPTOR.full_name}.") from None
    return message


async def bounded(request: Request) -> bytes:
    """The body, counted as it comes: an announced length is not believed."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > PACKED_MOST:
            raise Refused(413, f"The body is longer than {PACKED_MOST} bytes: export smaller batches.")
        parts.append(part)
    return b"".join(parts)


def unpacked(body: bytes, encoding: str) -> bytes:
    """The content of a body. A few kilobytes of gzip can hold gigabytes: unpacking stops at the bound."""
    name = encoding.strip().lower()
    if name in ("", "identity"):
        return body
    if name != "gzip":
        raise Refused(415, f"Content-Encoding {name!r} is not read here: send gzip, or the body as it is.")
    unpacker = zlib.decompressobj(GZIP_WITH_HEADER)
    try:
        content = unpacker.decompress(body, UNPACKED_MOST)
    except zlib.error:
        raise Refused(400, "The body is not the gzip that Content-Encoding announces.") from None
    if unpacker.unconsumed_tail:
        raise Refused(413, f"The body unpacks to more than {UNPACKED_MOST} bytes: export smaller batches.")
    if not unpacker.eof or unpacker.unused_data:
        raise Refused(400, "The gzip body is cut short, or followed by something else.")
    return content


def taken(answer: Message) -> Response:
    """The answer of a receiver that kept everything."""
    return Response(answer.SerializeToString(), media_type=PROTOBUF)


def refusal(refused: Refused) -> Response:
    """A refusal in the form exporters read; 4xx tells them not to send the same again."""
    return Response(Status(message=refused.sentence).SerializeToString(), refused.status, media_type=PROTOBUF)
