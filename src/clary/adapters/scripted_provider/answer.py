"""One HTTP answer on its connection: head, body, and the ways to break it."""

import asyncio
import socket
import struct
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

import orjson

from clary.adapters.scripted_provider.wire import framed

_PHRASES = {int(each): each.phrase for each in HTTPStatus}


class Answer:
    """Writes one answer. `reusable` tells afterwards whether the connection may carry another request."""

    def __init__(self, writer: asyncio.StreamWriter, *, streaming: bool) -> None:
        self._writer = writer
        self.streaming = streaming
        self.started = False
        self.reusable = True

    async def start(self, content_type: str = "text/event-stream") -> None:
        """Sends the head of a successful answer with a chunked body, once."""
        if not self.started:
            self.started = True
            await self.write(_head(200, {"Content-Type": content_type, "Transfer-Encoding": "chunked"}))

    async def send(self, data: bytes, piece_bytes: int = 0) -> None:
        """Sends a part of the body; in pieces, each goes out before the next."""
        if piece_bytes <= 0:
            await self.write(framed(data))
            return
        for start in range(0, len(data), piece_bytes):
            await self.write(framed(data[start : start + piece_bytes]))
            await asyncio.sleep(0)

    async def end(self) -> None:
        """Ends a chunked body."""
        await self.write(b"0\r\n\r\n")

    async def whole(
        self, status: int, body: Any, headers: Mapping[str, str] | None = None, content_type: str = "application/json"
    ) -> None:
        """Sends a complete answer; a body that is no text is written as JSON."""
        self.started = True
        data = body.encode() if isinstance(body, str) else orjson.dumps(body)
        own = {"Content-Type": content_type, "Content-Length": str(len(data)), **(headers or {})}
        await self.write(_head(status, own) + data)

    async def write(self, data: bytes) -> None:
        """Sends bytes as they are."""
        self._writer.write(data)
        await self._writer.drain()

    def reset(self) -> None:
        """Drops the connection with a TCP reset."""
        self.reusable = False
        connection = self._writer.get_extra_info("socket")
        if connection is not None:
            # With a linger time of zero the kernel sends RST in place of FIN.
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()

    def cut(self) -> None:
        """Closes the connection inside the body."""
        self.reusable = False
        self._writer.close()


def _head(status: int, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} {_PHRASES.get(status, 'Unknown')}", *(f"{name}: {headers[name]}" for name in headers)]
    return ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
