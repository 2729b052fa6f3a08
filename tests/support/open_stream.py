"""An answer that is read while the server still sends it, without a socket; a test's client for streams."""

import asyncio
import json
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.types import ASGIApp, Message

PATIENCE_SECONDS = 20.0


class OpenStream:
    """One request and its answer; `leave` is the client that goes away."""

    def __init__(self, app: ASGIApp, method: str, path: str, body: Any, headers: dict[str, str]) -> None:
        raw = b"" if body is None else json.dumps(body).encode()
        sent = {"host": "testserver", "content-length": str(len(raw)), **headers}
        if raw:
            sent.setdefault("content-type", "application/json")
        parts = urlsplit(path)
        self._scope: dict[str, Any] = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(parts.path),
            "raw_path": parts.path.encode(),
            "query_string": parts.query.encode(),
            "root_path": "",
            "headers": [(name.lower().encode(), value.encode()) for name, value in sent.items()],
            "client": ("203.0.113.7", 40_000),
            "server": ("testserver", 80),
        }
        self._incoming: asyncio.Queue[Message] = asyncio.Queue()
        self._incoming.put_nowait({"type": "http.request", "body": raw, "more_body": False})
        self._outgoing: asyncio.Queue[Message] = asyncio.Queue()
        self._rest = b""
        self._task = asyncio.create_task(self._serve(app))
        self.status = 0
        self.headers: dict[str, str] = {}
        self.body = b""
        self.ended = False

    async def _serve(self, app: ASGIApp) -> None:
        try:
            await app(self._scope, self._incoming.get, self._send)
        finally:
            self._outgoing.put_nowait({"type": "http.response.body", "body": b"", "more_body": False})

    async def _send(self, message: Message) -> None:
        self._outgoing.put_nowait(message)

    async def begun(self) -> "OpenStream":
        """Waits for status and headers."""
        async with asyncio.timeout(PATIENCE_SECONDS):
            start = await self._outgoing.get()
        assert start["type"] == "http.response.start", start
        self.status = start["status"]
        self.headers = {name.decode().lower(): value.decode() for name, value in start["headers"]}
        return self

    async def piece(self) -> bytes:
        """What the server sent next; empty at the end."""
        if self.ended:
            return b""
        async with asyncio.timeout(PATIENCE_SECONDS):
            message = await self._outgoing.get()
        self.ended = not message.get("more_body", False)
        self.body += message.get("body", b"")
        return message.get("body", b"")

    async def line(self) -> dict[str, Any]:
        """The next line."""
        while b"\n" not in self._rest:
            assert not self.ended, self.body
            self._rest += await self.piece()
        line, self._rest = self._rest.split(b"\n", 1)
        return json.loads(line) if line else await self.line()

    async def lines(self) -> list[dict[str, Any]]:
        """Every further line to the end."""
        while not self.ended:
            self._rest += await self.piece()
        found = [json.loads(line) for line in self._rest.split(b"\n") if line]
        self._rest = b""
        return found

    async def snapshot(self) -> list[dict[str, Any]]:
        """The next `data:` frame of server-sent events."""
        while b"\n\n" not in self._rest:
            assert not self.ended, self.body
            self._rest += await self.piece()
        frame, self._rest = self._rest.split(b"\n\n", 1)
        return await self.snapshot() if frame.startswith(b":") else json.loads(frame.removeprefix(b"data: "))

    async def leave(self) -> None:
        """Goes away; returns when the server has let go of the request."""
        self._incoming.put_nowait({"type": "http.disconnect"})
        async with asyncio.timeout(PATIENCE_SECONDS):
            await asyncio.gather(self._task, return_exceptions=True)
