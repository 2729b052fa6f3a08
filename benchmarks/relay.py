"""The floor: a relay that passes bytes on and keeps nothing. Usage: relay.py PORT PROVIDER_URL."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route


def relay(provider: str) -> Starlette:
    """The application."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        timeout = aiohttp.ClientTimeout(total=None)
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0), timeout=timeout) as session:
            app.state.session = session
            yield

    async def passed_on(request: Request) -> Response:
        body = await request.body()

        async def chunks() -> AsyncIterator[bytes]:
            headers = {"Content-Type": "application/json"}
            url = provider + request.url.path
            async with request.app.state.session.post(url, data=body, headers=headers) as answer:
                async for data in answer.content.iter_any():
                    yield data

        return StreamingResponse(chunks(), media_type="text/event-stream")

    async def up(_request: Request) -> Response:
        return PlainTextResponse("up")

    routes = [Route("/v1/chat/completions", passed_on, methods=["POST"]), Route("/up", up)]
    return Starlette(routes=routes, lifespan=lifespan)


if __name__ == "__main__":
    uvicorn.run(relay(sys.argv[2]), port=int(sys.argv[1]), loop="uvloop", http="httptools", log_level="error")
