"""A web of one host on loopback."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
from aiohttp import web


@dataclass
class Site:
    """Answers by path; remembers what came."""

    url: str = ""
    answers: dict[str, web.Response] = field(default_factory=dict)
    seen: list[web.Request] = field(default_factory=list)
    bodies: list[str] = field(default_factory=list)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """The answer of a path."""
        self.seen.append(request)
        self.bodies.append(await request.text())
        if request.path == "/endless":
            return await self._endless(request)
        answer = self.answers.get(request.path, web.Response(status=404))
        # An answer can be sent only once, and a test may ask for it again.
        return web.Response(body=answer.body, status=answer.status, headers=answer.headers)

    async def _endless(self, request: web.Request) -> web.StreamResponse:
        answer = web.StreamResponse()
        await answer.prepare(request)
        while True:
            await answer.write(b"x" * 100_000)


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The host, on a free port."""
    made = Site()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    listening = web.TCPSite(runner, "127.0.0.1", 0)
    await listening.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    yield made
    await runner.cleanup()
