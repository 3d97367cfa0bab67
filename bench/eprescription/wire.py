"""One connection to the gateway that asks, reads the whole answer, and asks what follows from it."""

from __future__ import annotations

import asyncio
from typing import Any, Self

import orjson


class Refused(Exception):
    """An answer that was no success: its status and what it said."""


class Wire:
    """Bare HTTP/1.1: a full client would use more of the processor than what is measured."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    @classmethod
    async def to(cls, port: int) -> Self:
        return cls(*await asyncio.open_connection("127.0.0.1", port))

    async def post(self, path: str, token: str, body: Any) -> Any:
        """The answer as JSON; raises Refused."""
        content = orjson.dumps(body)
        head = (
            f"POST {path} HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(content)}\r\n\r\n"
        )
        self._writer.write(head.encode() + content)
        status, answer = await self._read()
        if not 200 <= status < 300:
            raise Refused(f"{path}: {status} {answer[:300]!r}")
        return orjson.loads(answer) if answer else None

    async def _read(self) -> tuple[int, bytes]:
        head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        at = head.find(b"content-length:")
        length = int(head[at + 15 : head.index(b"\r\n", at)]) if at >= 0 else 0
        return int(head[9:12]), await self._reader.readexactly(length)

    def close(self) -> None:
        self._writer.close()
