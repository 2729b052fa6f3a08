"""A small HTTP server in the place of a model of vectors or a reranker."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

Json = dict[str, Any]
Answer = Callable[[Json], tuple[int, bytes]]


class Endpoint:
    """A real HTTP server that answers what a function says. `hangs`: it never does. `floods`: it never ends."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.hangs, self.floods = answer, False, False
        self.requests: list[tuple[str, dict[str, str], Json]] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = json.loads(await reader.readexactly(int(headers["content-length"])))
            self.requests.append((head[0].split(" ")[1], headers, body))
            if self.hangs:
                await reader.read()
                return
            status, content = self.answer(body)
            size = 10**8 if self.floods else len(content)
            writer.write(f"HTTP/1.1 {status} X\r\nContent-Length: {size}\r\nConnection: close\r\n\r\n".encode())
            writer.write(content)
            while self.floods:
                writer.write(b" " * 65536)
                await writer.drain()
            await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def endpoint(answer: Answer) -> AsyncIterator[tuple[Endpoint, str]]:
    made = Endpoint(answer)
    server = await asyncio.start_server(made.serve, "127.0.0.1", 0)
    async with server:
        yield made, f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
