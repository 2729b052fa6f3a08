"""A whole response at once, for callers that do not show it as it grows."""

from contextlib import aclosing
from dataclasses import dataclass

from clary.adapters.model_api.failures import sum_usage
from clary.runtime.messages import ToolCall
from clary.runtime.model import AttemptLost, ModelClient, ModelDone, ModelRequest, TextDelta, Usage


@dataclass(frozen=True, slots=True)
class Completion:
    """Text and calls of the attempt that succeeded; tokens of all attempts."""

    text: str
    calls: tuple[ToolCall, ...]
    usage: Usage | None
    finish_reason: str


async def complete(client: ModelClient, request: ModelRequest) -> Completion:
    """Gathers a stream.

    Raises:
        ModelFailedError: see `ModelClient.stream`.
    """
    parts: list[str] = []
    lost: Usage | None = None
    async with aclosing(client.stream(request)) as items:
        async for item in items:
            if isinstance(item, TextDelta):
                parts.append(item.text)
            elif isinstance(item, AttemptLost):
                parts.clear()
                lost = sum_usage(lost, item.usage)
            elif isinstance(item, ModelDone):
                return Completion("".join(parts), item.calls, sum_usage(lost, item.usage), item.finish_reason)
    raise RuntimeError("a model stream ended without its last item")
