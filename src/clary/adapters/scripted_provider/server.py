"""The HTTP server: reads requests, has them played, notices when a client goes."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self, cast

import orjson

from clary.adapters.scripted_provider.answer import Answer
from clary.adapters.scripted_provider.choosing import Chooser
from clary.adapters.scripted_provider.playing import play
from clary.adapters.scripted_provider.script import Say, Step
from clary.adapters.scripted_provider.script_file import load_script
from clary.adapters.scripted_provider.wire import MODEL

MAX_HEAD_BYTES: Final = 64 * 1024
MAX_BODY_BYTES: Final = 64 * 1024 * 1024
DEFAULT_ANSWER: Final = Say("This is the scripted provider.", pieces=5)


@dataclass(slots=True)
class RecordedRequest:
    """A request as it came, and how its answer ended."""

    method: str
    path: str
    headers: dict[str, str]
    """Names in lower case."""
    body: dict[str, Any]
    """Empty when there was no JSON object."""
    script: str | None = None
    round: int = 0
    attempt: int = 0
    at: float = field(default_factory=time.monotonic)
    client_left: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the client closed the connection before the answer had ended."""
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the answer is over, in whatever way."""


class ScriptedProvider:
    """A provider on a port of its own, for the length of an `async with`.

    `requests` holds the completions that were asked for, oldest first, unless `record` is false.
    """

    def __init__(
        self,
        scripts: Mapping[str, Sequence[Step]] | None = None,
        *,
        default: Step = DEFAULT_ANSWER,
        host: str = "127.0.0.1",
        port: int = 0,
        record: bool = True,
    ) -> None:
        self._chooser = Chooser(scripts or {}, default)
        self._host = host
        self._port = port
        self._record = record
        self._server: asyncio.Server | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self.requests: list[RecordedRequest] = []
        self.connections_total = 0

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """The base address to configure, without a slash at its end."""
        return f"http://{self._host}:{self._port}/v1"

    @property
    def open_connections(self) -> int:
        """How many connections are open now."""
        return len(self._connections)

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(
            self._accept, self._host, self._port, limit=MAX_HEAD_BYTES, backlog=2048
        )
        self._port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._server is not None:
            self._server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)
        if self._server is not None:
            await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections_total += 1
        task = asyncio.create_task(self._serve_connection(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _serve_connection(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A client may go at any moment; that is nothing to report.
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.LimitOverrunError, ValueError):
            try:
                ahead = b""
                while True:
                    request, streaming = await _read_request(reader, writer, ahead)
                    answer = Answer(writer, streaming=streaming)
                    ahead = await self._answer(request, answer, reader)
                    if not answer.reusable or request.headers.get("connection", "").lower() == "close":
                        break
            finally:
                writer.close()
                # Cancelled or not, the transport gets its moment to close.
                with suppress(ConnectionError, TimeoutError):
                    await asyncio.wait_for(writer.wait_closed(), 1)

    async def _answer(self, request: RecordedRequest, answer: Answer, reader: asyncio.StreamReader) -> bytes:
        """Plays the answer while watching the client; returns bytes of the next request that were read on the way."""
        playing = asyncio.create_task(self._play(request, answer))
        watching = asyncio.create_task(reader.read(1))
        try:
            await asyncio.wait((playing, watching), return_when=asyncio.FIRST_COMPLETED)
            if not playing.done() and _has_left(watching):
                raise ConnectionResetError
            await playing
            return watching.result() if watching.done() and not _has_left(watching) else b""
        except ConnectionError:
            # Seen by the watcher, or by a write that came first.
            request.client_left.set()
            raise
        finally:
            for task in (playing, watching):
                task.cancel()
            await asyncio.gather(playing, watching, return_exceptions=True)
            request.ended.set()

    async def _play(self, request: RecordedRequest, answer: Answer) -> None:
        path = request.path.partition("?")[0].rstrip("/")
        if request.method == "GET" and path.endswith("/models"):
            model = {"id": MODEL, "object": "model", "created": 0, "owned_by": "clary"}
            await answer.whole(200, {"object": "list", "data": [model]})
        elif request.method == "POST" and path.endswith("/chat/completions"):
            choice = self._chooser.choose(request.body)
            request.script, request.round, request.attempt = choice.script, choice.round, choice.attempt
            if self._record:
                self.requests.append(request)
            await play(choice.step, answer)
        else:
            await answer.whole(404, {"error": {"message": "unknown path", "type": "invalid_request_error"}})


async def serve(host: str, port: int, script_file: str | None = None) -> None:
    """Serves until cancelled, with the scripts of a JSON file if one is named; nothing is recorded.

    Raises:
        ScriptFileError: the file cannot be read as a script.
        OSError: the file or the port cannot be opened.
    """
    script = load_script(Path(script_file)) if script_file is not None else None
    scripts, default = (script.scripts, script.default) if script else ({}, None)
    async with ScriptedProvider(scripts, default=default or DEFAULT_ANSWER, host=host, port=port, record=False):
        await asyncio.Event().wait()


def _has_left(watching: asyncio.Task[bytes]) -> bool:
    """Whether the client closed its side; a byte of a further request means that it is still there."""
    return watching.done() and (watching.exception() is not None or watching.result() == b"")


async def _read_request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ahead: bytes
) -> tuple[RecordedRequest, bool]:
    """The next request, and whether it wants a stream.

    Raises:
        ValueError, IncompleteReadError, LimitOverrunError: no readable request.
    """
    head = (ahead + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.rstrip("\r\n").split("\r\n")
    method, path, _ = first.split(" ", 2)
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    if headers.get("expect", "").lower() == "100-continue":
        writer.write(b"HTTP/1.1 100 Continue\r\n\r\n")
    raw = await _read_body(reader, headers)
    try:
        body: Any = orjson.loads(raw) if raw else {}
    except orjson.JSONDecodeError:
        body = {}
    fields: dict[str, Any] = cast("dict[str, Any]", body) if isinstance(body, dict) else {}
    return RecordedRequest(method, path, headers, fields), fields.get("stream") is True


async def _read_body(reader: asyncio.StreamReader, headers: Mapping[str, str]) -> bytes:
    if headers.get("transfer-encoding", "").lower() != "chunked":
        size = int(headers.get("content-length", "0"))
        if not 0 <= size <= MAX_BODY_BYTES:
            raise ValueError("body too large")
        return await reader.readexactly(size)
    parts: list[bytes] = []
    while size := int((await reader.readuntil(b"\r\n")).partition(b";")[0], 16):
        if size < 0 or sum(map(len, parts)) + size > MAX_BODY_BYTES:
            raise ValueError("body too large")
        parts.append((await reader.readexactly(size + 2))[:-2])
    await reader.readuntil(b"\r\n")
    return b"".join(parts)
