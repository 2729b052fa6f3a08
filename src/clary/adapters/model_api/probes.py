"""Real calls that find out what a provider can do (platform.md 8.3).

Nothing is retried, and nothing raised but what a meter refuses.

A probe's `response` is the provider's own text, cut to 500 characters and without the key.
"""

import asyncio
import base64
import re
import struct
import time
import zlib
from dataclasses import dataclass, replace
from typing import Any, Final, cast

import aiohttp
import orjson

from clary.adapters.model_api.client import OpenAiModelClient
from clary.adapters.model_api.completion import Completion, complete
from clary.adapters.model_api.config import NO_RETRY, ModelApiConfig
from clary.features.llm_providers.ports import Meter
from clary.runtime.messages import ImagePart, TextPart, UserMessage
from clary.runtime.model import FailureKind, ModelClient, ModelFailedError, ModelRequest

MAX_RESPONSE_CHARS: Final = 500
CONNECTION_SECONDS: Final = 10.0
PROBE_SECONDS: Final = 30.0
_RED_WORDS: Final = ("red", "红", "赤", "绯", "朱", "丹", "绛")
_SCHEMA: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {"days": {"type": "integer"}},
    "required": ["days"],
    "additionalProperties": False,
}


@dataclass(frozen=True, slots=True)
class ConnectionProbe:
    """Whether one completion came back. `failure` is the kind when it did not."""

    supported: bool
    response: str
    latency_ms: int
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class ImageProbe:
    """Whether an image was taken, and whether its colour was told right."""

    supported: bool
    recognized: bool
    response: str
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class SchemaProbe:
    """Whether an answer kept to a JSON schema; `parsed` is that answer."""

    supported: bool
    response: str
    parsed: dict[str, Any] | None
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    text: str
    failure: FailureKind | None
    seconds: float


def unmetered(client: ModelClient) -> ModelClient:
    """No meter."""
    return client


async def verify_connection(
    config: ModelApiConfig,
    session: aiohttp.ClientSession,
    *,
    seconds: float = CONNECTION_SECONDS,
    meter: Meter = unmetered,
) -> ConnectionProbe:
    """One completion of `Hi` with 5 tokens. An answer without text counts: thinking may use up the tokens."""
    request = ModelRequest(messages=(UserMessage("Hi"),), max_tokens=5)
    answer = await _ask(config, session, request, seconds, meter)
    return ConnectionProbe(answer.failure is None, answer.text, round(answer.seconds * 1000), answer.failure)


async def verify_image(
    config: ModelApiConfig,
    session: aiohttp.ClientSession,
    *,
    seconds: float = PROBE_SECONDS,
    meter: Meter = unmetered,
) -> ImageProbe:
    """Shows a 20 × 20 red picture and asks for its colour, 50 tokens."""
    question = TextPart("What colour is this picture? Answer with one word.")
    request = ModelRequest(messages=(UserMessage((question, ImagePart(red_square_url()))),), max_tokens=50)
    answer = await _ask(config, session, request, seconds, meter)
    recognized = any(word in answer.text.lower() for word in _RED_WORDS)
    return ImageProbe(answer.failure is None, recognized, answer.text, answer.failure)


async def verify_schema(
    config: ModelApiConfig,
    session: aiohttp.ClientSession,
    *,
    seconds: float = PROBE_SECONDS,
    meter: Meter = unmetered,
) -> SchemaProbe:
    """Asks for one small object under a JSON schema. Supported only if the bare answer is that object."""
    request = ModelRequest(
        messages=(UserMessage("How many days has a week? Answer as JSON: an object with the integer days."),),
        max_tokens=100,
        response_schema=_SCHEMA,
    )
    answer = await _ask(replace(config, supports_structured_output=True), session, request, seconds, meter)
    parsed = _days(answer.text)
    return SchemaProbe(parsed is not None, answer.text, parsed, answer.failure)


def red_square_url() -> str:
    """A 20 × 20 red PNG as a data URL."""
    side = 20
    rows = (b"\x00" + b"\xff\x00\x00" * side) * side
    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    chunks = _png_chunk(b"IHDR", header) + _png_chunk(b"IDAT", zlib.compress(rows)) + _png_chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


async def _ask(
    config: ModelApiConfig, session: aiohttp.ClientSession, request: ModelRequest, seconds: float, meter: Meter
) -> _Answer:
    client = meter(OpenAiModelClient(config, session, retry=NO_RETRY))
    started = time.monotonic()
    completion: Completion | None = None
    failure: FailureKind | None = None
    try:
        async with asyncio.timeout(seconds):
            completion = await complete(client, request)
    except TimeoutError:
        failure = "provider_timeout"
    except ModelFailedError as error:
        failure = error.kind
    elapsed = time.monotonic() - started
    if completion is None:
        return _Answer("", failure, elapsed)
    return _Answer(_shown(completion.text, config.api_key), None, elapsed)


def _shown(text: str, key: str) -> str:
    """The provider's text without the key, then cut, so that the cut cannot leave a part of the key."""
    return (text.replace(key, "***") if key else text)[:MAX_RESPONSE_CHARS]


def _days(text: str) -> dict[str, Any] | None:
    try:
        value = orjson.loads(re.sub(r"^\s+|\s+$", "", text))
    except orjson.JSONDecodeError:
        return None
    if not isinstance(value, dict):
        return None
    answer = cast("dict[str, Any]", value)
    return answer if set(answer) == {"days"} and type(answer["days"]) is int else None


def _png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
