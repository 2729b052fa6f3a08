"""One JSON request to an endpoint of vectors or ranks, through the outbound guard, with every trouble as a kind."""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, cast
from urllib.parse import urlsplit

import aiohttp

from clary.features.knowledge.ports import CallMeter, CallUse, EmbeddingFailedError, ModelEndpoint
from clary.kit import json_text
from clary.kit.safe_http import BodyTooLargeError, OutboundBlockedError, OutboundGuard, OutboundRedirectError, read_body

MAX_BYTES: Final = 16 * 1024 * 1024
"""Room for 64 vectors of 4096 numbers."""
_MOST_TOKENS: Final = 1 << 40
Json = dict[str, Any]
_KINDS: Final = {
    401: "provider_auth",
    402: "provider_quota",
    403: "provider_auth",
    404: "model_not_found",
    408: "provider_timeout",
    413: "context_exceeded",
    429: "provider_rate_limit",
    504: "provider_timeout",
}


class Exchange:
    """Speaks to one endpoint. A session for each call: nothing is left open.

    The operator's own address is allowed for this purpose; an address of anybody else is judged by the shared guard.
    """

    def __init__(self, endpoint: ModelEndpoint, guard: OutboundGuard) -> None:
        self._base = endpoint.base_url.rstrip("/")
        self._key = endpoint.api_key
        self._seconds = endpoint.timeout_seconds
        self._guard = OutboundGuard([_own(self._base)]) if endpoint.is_servers else guard

    async def post(self, path: str, body: Mapping[str, Any]) -> Json:
        """The JSON object of an answer.

        Raises:
            EmbeddingFailedError
        """
        try:
            async with asyncio.timeout(self._seconds):
                status, content = await self._send(path, body)
        except TimeoutError:
            raise EmbeddingFailedError("provider_timeout") from None
        except (OutboundBlockedError, aiohttp.ClientError, OSError, ValueError):
            raise EmbeddingFailedError("provider_unreachable") from None
        except (BodyTooLargeError, OutboundRedirectError):
            raise EmbeddingFailedError("provider_bad_response") from None
        if status != 200:
            raise EmbeddingFailedError(_KINDS.get(status, "provider_error"))
        return await asyncio.to_thread(_object_of, content)

    async def _send(self, path: str, body: Mapping[str, Any]) -> tuple[int, bytes]:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        if self._key:
            headers["Authorization"] = f"Bearer {self._key}"
        target = self._guard.check_url(self._base + path)
        data = json_text.dumps(body)
        timeout = aiohttp.ClientTimeout(total=self._seconds, connect=10)
        async with (
            self._guard.session(timeout=timeout) as session,
            session.post(target, data=data, headers=headers, allow_redirects=False) as response,
        ):
            return response.status, await read_body(response, MAX_BYTES)


def _object_of(content: bytes) -> Json:
    try:
        value = json_text.loads(content)
    except (ValueError, RecursionError):
        raise EmbeddingFailedError("provider_bad_response") from None
    if not isinstance(value, dict):
        raise EmbeddingFailedError("provider_bad_response")
    return cast("Json", value)


def _own(address: str) -> str:
    parts = urlsplit(address)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@asynccontextmanager
async def metered(meter: CallMeter, texts: Sequence[str]) -> AsyncGenerator[CallUse]:
    """One attempt at a call, with leave, booked with what became of it.

    Raises:
        CallRefusedError
    """
    async with meter.attempt(texts) as use:
        try:
            yield use
        except EmbeddingFailedError as failed:
            use.failed(failed.kind)
            raise


def tokens_of(answer: Json) -> int | None:
    """What a call used, as its model says; None: it does not."""
    usage: Any = answer.get("usage")
    if not isinstance(usage, dict):
        return None
    told = cast("Json", usage)
    found = [told.get(name) for name in ("total_tokens", "prompt_tokens")]
    return next((each for each in found if type(each) is int and 0 <= each < _MOST_TOKENS), None)


def items_in_order(items: object, count: int) -> list[Json]:
    """Items as their `index` says; without any, as they came.

    Raises:
        EmbeddingFailedError: another number of them, or an index twice.
    """
    if not isinstance(items, list) or len(cast("list[Any]", items)) != count:
        raise EmbeddingFailedError("provider_bad_response")
    found = [cast("Json", item) for item in cast("list[Any]", items) if isinstance(item, dict)]
    indexes = [item.get("index") for item in found]
    if len(found) == count and all(index is None for index in indexes):
        return found
    placed = {index: item for index, item in zip(indexes, found, strict=True) if type(index) is int}
    if set(placed) != set(range(count)):
        raise EmbeddingFailedError("provider_bad_response")
    return [placed[index] for index in range(count)]
