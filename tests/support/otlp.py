"""A collector of traces that speaks OTLP over HTTP, and tells what it got."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest


@dataclass(slots=True)
class SentSpan:
    """A span as it came."""

    name: str
    trace_id: str
    span_id: str
    parent_id: str
    attributes: dict[str, Any]
    links: list[tuple[str, str]]
    is_error: bool


@dataclass(slots=True)
class Collector:
    """What came so far. `status`: what is answered from now on."""

    url: str = ""
    spans: list[SentSpan] = field(default_factory=list[SentSpan])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    status: int = 200

    def named(self, name: str) -> list[SentSpan]:
        """Spans of this name, or those that begin with it when it ends in a star."""
        if name.endswith("*"):
            return [span for span in self.spans if span.name.startswith(name[:-1])]
        return [span for span in self.spans if span.name == name]

    async def until(self, name: str, count: int = 1) -> list[SentSpan]:
        """Waits until so many spans of a name have come."""
        async with asyncio.timeout(60):
            while len(self.named(name)) < count:
                await asyncio.sleep(0.05)
        return self.named(name)

    async def take(self, request: web.Request) -> web.Response:
        """Reads one export."""
        self.headers.append({key.lower(): value for key, value in request.headers.items()})
        if self.status != 200:
            return web.Response(status=self.status)
        message = ExportTraceServiceRequest()
        message.ParseFromString(await request.read())
        for resource in message.resource_spans:
            for scope in resource.scope_spans:
                self.spans.extend(_read(span) for span in scope.spans)
        return web.Response(body=b"", content_type="application/x-protobuf")


def _read(span: Any) -> SentSpan:
    return SentSpan(
        span.name,
        span.trace_id.hex(),
        span.span_id.hex(),
        span.parent_span_id.hex(),
        {each.key: _value(each.value) for each in span.attributes},
        [(link.trace_id.hex(), link.span_id.hex()) for link in span.links],
        span.status.code == 2,
    )


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


@asynccontextmanager
async def collector() -> AsyncIterator[Collector]:
    """A collector on a free port of this machine."""
    built = Collector()
    app = web.Application()
    app.router.add_post("/v1/traces", built.take)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        built.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        yield built
    finally:
        await runner.cleanup()
