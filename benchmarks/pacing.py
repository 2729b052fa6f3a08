"""A model that says the time: each chunk is the moment at which it was written, so that a reader knows how old it is.

The clock is the machine's monotonic one, which all processes share. The last request is for `pace <chunks>x<seconds>`.
Usage: `python benchmarks/pacing.py PORT`.
"""

import asyncio
import json
import re
import sys
import time
from typing import Any

from aiohttp import web

MARK = "¶"


def _event(delta: dict[str, Any], finish: str | None = None) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m", "choices": [choice]}
    return b"data: " + json.dumps(body).encode() + b"\n\n"


async def complete(request: web.Request) -> web.StreamResponse:
    """One paced answer."""
    asked = re.findall(r"pace (\d+)x([\d.]+)", json.dumps((await request.json())["messages"]))
    count, pause = int(asked[-1][0]), float(asked[-1][1])
    answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
    await answer.prepare(request)
    due = time.monotonic()
    for _ in range(count):
        await answer.write(_event({"content": f"{MARK}{time.monotonic():.4f} "}))
        due += pause
        await asyncio.sleep(max(0.0, due - time.monotonic()))
    await answer.write(_event({}, "stop") + b"data: [DONE]\n\n")
    return answer


async def models(_request: web.Request) -> web.Response:
    """What it has."""
    return web.json_response({"object": "list", "data": [{"id": "m", "object": "model"}]})


def main() -> None:
    """Serves until it is ended."""
    app = web.Application()
    app.router.add_post("/v1/chat/completions", complete)
    app.router.add_get("/v1/models", models)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, backlog=2048)


if __name__ == "__main__":
    main()
