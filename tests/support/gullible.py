"""A model that believes everything: it obeys each order in any text it is given, whoever wrote it.

An order is `<<name {json}>>`. All orders of a request are called at once, each one time, by the name as it is written;
then the model says all it was told. What such a run does is what the server allows, and nothing else.
"""

import json
import re
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from clary.adapters.scripted_provider.script import Call, CallTools, Say
from clary.adapters.scripted_provider.wire import new_id, speech_events

Json = dict[str, Any]
ORDER = re.compile(r"<<(\S+) (\{.*?\})>>", re.DOTALL)
MAX_CALLS = 100


def order(tool_name: str, /, **arguments: Any) -> str:
    """An order as it stands in a text."""
    return f"<<{tool_name} {json.dumps(arguments, ensure_ascii=False)}>>"


class Gullible:
    """Its address, and what it was asked."""

    def __init__(self) -> None:
        self.url = ""
        self.asked: list[Json] = []

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """One completion."""
        body: Json = await request.json()
        self.asked.append(body)
        step = self._obeying(body["messages"])
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for event in speech_events(step, new_id("chatcmpl-")):
            await response.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        await response.write(b"data: [DONE]\n\n")
        return response

    def _obeying(self, messages: list[Json]) -> CallTools | Say:
        done = {
            (call["function"]["name"], call["function"]["arguments"])
            for message in messages
            for call in message.get("tool_calls") or ()
        }
        heard = "\n".join(_text(message) for message in messages if message["role"] != "assistant")
        wanted = [(name, arguments) for name, arguments in dict.fromkeys(ORDER.findall(heard))]
        calls = [Call(name, arguments) for name, arguments in wanted if not _was_called(name, arguments, done)]
        return CallTools(calls[:MAX_CALLS]) if calls else Say("I was told: " + heard[-4000:])


def _was_called(name: str, arguments: str, done: set[tuple[str, str]]) -> bool:
    # Names that no provider takes come back changed in what was said before, and the server completes some arguments.
    wanted: Json = json.loads(arguments)
    return any(
        _plain(called).startswith(_plain(name)[:50]) and {**json.loads(said), **wanted} == json.loads(said)
        for called, said in done
    )


def _plain(name: str) -> str:
    return re.sub(r"[^a-zA-Z0-9_-]", "_", name)


def _text(message: Json) -> str:
    """What a message says; a tool's answer in JSON with its texts as they are meant."""
    content = message.get("content") or ""
    if not isinstance(content, str):
        return "\n".join(str(part.get("text", "")) for part in content)
    try:
        return "\n".join(_strings(json.loads(content)))
    except ValueError:
        return content


def _strings(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return [text for item in items for text in _strings(item)]


@asynccontextmanager
async def gullible() -> AsyncGenerator[Gullible]:
    """One on a free port."""
    made = Gullible()
    app = web.Application(client_max_size=64 * 1024 * 1024)
    app.router.add_post("/v1/chat/completions", made.handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    made.url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
    try:
        yield made
    finally:
        await runner.cleanup()
