"""The server's end of the template process: starts it when it is needed, asks it, understands what comes back."""

import asyncio
import os
import signal
import socket
import sys
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, cast

import orjson
import structlog

from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.wire import TRAILER

log = structlog.get_logger()

_MODULE: Final = "clary.adapters.parsers.confined.template"
_CHUNK: Final = 256 * 1024
_BYTES_PER_CHARACTER: Final = 12
_ROOM: Final = 32 * 1024 * 1024
_STARTS: Final = 2


@dataclass(frozen=True, slots=True)
class Ended:
    """What a child left: its answer, if it is one. `is_exhausted`: it had run out of memory or time."""

    answer: dict[str, Any] | None
    is_exhausted: bool


class TemplateProcess:
    """At most one process; a new one is started when the old one is gone."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._process: asyncio.subprocess.Process | None = None
        self._control: socket.socket | None = None
        self._starting = asyncio.Lock()

    async def ask(self, request: dict[str, Any], path: Path, *, seconds: float) -> Ended:
        """Has a child answer. Leaving early (a cancel, the end of the time) kills the child.

        Raises:
            OSError: The file cannot be opened, or the template process does not live.
        """
        document = await asyncio.to_thread(os.open, path, os.O_RDONLY | os.O_CLOEXEC)
        try:
            ours = await self._send(orjson.dumps({**request, "limits": self._limits.as_dict()}), document)
        finally:
            os.close(document)
        with ours:
            try:
                async with asyncio.timeout(seconds):
                    output = await self._read(ours)
            except TimeoutError:
                return Ended(None, is_exhausted=True)
        return await asyncio.to_thread(self._understood, output)

    async def _send(self, request: bytes, document: int) -> socket.socket:
        """Sends a request; answers the socket on which its answer will come."""
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        try:
            with theirs:
                for attempt in range(_STARTS):
                    control = await self._running()
                    try:
                        socket.send_fds(control, [request], [document, theirs.fileno()])
                        break
                    except (BrokenPipeError, ConnectionResetError):
                        await self.stop()
                        if attempt == _STARTS - 1:
                            raise
        except BaseException:
            ours.close()
            raise
        return ours

    async def _running(self) -> socket.socket:
        async with self._starting:
            if self._control is None or self._process is None or self._process.returncode is not None:
                await self.stop()
                ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
                with theirs:
                    self._process = await asyncio.create_subprocess_exec(
                        sys.executable,
                        "-I",
                        "-m",
                        _MODULE,
                        stdin=theirs.fileno(),
                        stdout=asyncio.subprocess.DEVNULL,
                        stderr=asyncio.subprocess.DEVNULL,
                        env={},
                        cwd="/",
                        start_new_session=True,
                    )
                self._control = ours
            return self._control

    async def stop(self) -> None:
        """Ends the process, and with it its children."""
        control, process, self._control, self._process = self._control, self._process, None, None
        if control is not None:
            control.close()
        if process is not None:
            with suppress(ProcessLookupError):
                process.kill()
            await asyncio.shield(process.wait())

    async def _read(self, ours: socket.socket) -> bytearray:
        """Everything up to the end, or a little more than the most that is understood."""
        loop = asyncio.get_running_loop()
        output = bytearray()
        most = self._limits.max_chars * _BYTES_PER_CHARACTER + _ROOM
        with suppress(ConnectionResetError):
            while len(output) <= most and (chunk := await loop.sock_recv(ours, _CHUNK)):
                output += chunk
        return output

    def _understood(self, output: bytearray) -> Ended:
        if len(output) < TRAILER.size:
            raise OSError("The template process ended.")
        status, peak_kib = TRAILER.unpack_from(output, len(output) - TRAILER.size)
        answer: Any = None
        with suppress(orjson.JSONDecodeError):
            answer = orjson.loads(memoryview(output)[: -TRAILER.size])
        if status == 0 and isinstance(answer, dict):
            return Ended(cast("dict[str, Any]", answer), is_exhausted=False)
        fault = cast("dict[str, Any]", answer).get("fault") if isinstance(answer, dict) else None
        code = os.waitstatus_to_exitcode(status)
        is_exhausted = code in _OUT_OF_TIME or peak_kib * 1024 > self._limits.memory_bytes // 2
        log.info("document_child_failed", status=code, fault=fault, peak_kib=peak_kib)
        return Ended(None, is_exhausted=is_exhausted)


_OUT_OF_TIME: Final = (-signal.SIGALRM, -signal.SIGXCPU, -signal.SIGKILL)
"""The kernel kills also whoever takes the last memory of the machine."""
