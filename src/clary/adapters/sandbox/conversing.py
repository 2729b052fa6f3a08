"""Both ends of a program that is spoken with while it runs."""

import asyncio
import subprocess
from collections.abc import AsyncGenerator
from contextlib import ExitStack, asynccontextmanager
from typing import IO, Final, cast

_CHUNK_BYTES: Final = 64 * 1024
_BUFFER_BYTES: Final = 256 * 1024


class Conversation:
    """Bytes to a program and from it."""

    def __init__(self, out: asyncio.StreamReader, into: asyncio.StreamWriter) -> None:
        self._out = out
        self._into = into

    async def read(self) -> bytes:
        """The next piece of its output; nothing at its end."""
        return await self._out.read(_CHUNK_BYTES)

    async def send(self, data: bytes) -> None:
        """Writes to its input, as fast as it reads.

        Raises:
            OSError: it has gone.
        """
        self._into.write(data)
        await self._into.drain()


@asynccontextmanager
async def conversing(process: subprocess.Popen[bytes]) -> AsyncGenerator[Conversation]:
    """The conversation with a started process; what it complains of is read and forgotten."""
    loop = asyncio.get_running_loop()
    with ExitStack() as stack:
        out, err = [await _reader(stack, pipe) for pipe in (process.stdout, process.stderr)]
        protocol = asyncio.StreamReaderProtocol(asyncio.StreamReader())
        transport, _ = await loop.connect_write_pipe(lambda: protocol, cast("IO[bytes]", process.stdin))
        stack.callback(_abort, transport)
        complaints = asyncio.create_task(_forget(err))
        stack.callback(complaints.cancel)
        yield Conversation(out, asyncio.StreamWriter(transport, protocol, None, loop))


async def _reader(stack: ExitStack, pipe: "IO[bytes] | None") -> asyncio.StreamReader:
    reader = asyncio.StreamReader(limit=_BUFFER_BYTES)
    transport, _ = await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(reader), cast("IO[bytes]", pipe)
    )
    stack.callback(transport.close)
    return reader


def _abort(transport: asyncio.WriteTransport) -> None:
    # One that saw its reader go is closed already, and must not be closed twice.
    if not transport.is_closing():
        transport.abort()


async def _forget(reader: asyncio.StreamReader) -> None:
    while await reader.read(_CHUNK_BYTES):  # noqa: ASYNC110 - a program that floods must not cost the server a core
        await asyncio.sleep(0.002)
