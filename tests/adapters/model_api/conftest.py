"""A client with short timeouts and no real waits, and a provider that follows a script."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from clary.adapters.model_api import ModelApiConfig, OpenAiModelClient, RetryPolicy, Timeouts
from clary.adapters.scripted_provider import RecordedRequest, ScriptedProvider, Step
from clary.kit.clock import SystemClock
from clary.kit.safe_http import OutboundGuard
from clary.runtime.messages import UserMessage
from clary.runtime.model import ModelFailedError, ModelItem, ModelRequest

KEY = "sk-secret-0123456789"


class PatientClock(SystemClock):
    """A clock that only moves when somebody sleeps."""

    def __init__(self) -> None:
        self.passed = 0.0
        self.waits: list[float] = []

    def epoch(self) -> float:
        """See `Clock.epoch`."""
        return 1_700_000_000.0 + self.passed

    def monotonic(self) -> float:
        """See `Clock.monotonic`."""
        return self.passed

    async def sleep(self, seconds: float) -> None:
        """Passes the time at once."""
        self.waits.append(seconds)
        self.passed += seconds


@dataclass
class Bench:
    """A provider with one step, or one a round, and a client for it."""

    provider: ScriptedProvider
    session: aiohttp.ClientSession
    clock: PatientClock = field(default_factory=PatientClock)
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(1.0, 0.2, 0.2, 0.2, 0.2))

    def client(self, *, attempts: int = 3, total_seconds: float = 300.0, **config: Any) -> OpenAiModelClient:
        """A client whose jitter is nought."""
        given = {"base_url": self.provider.url, "api_key": KEY, "model": "scripted", **config}
        return OpenAiModelClient(
            ModelApiConfig(**given),
            self.session,
            timeouts=self.timeouts,
            retry=RetryPolicy(attempts=attempts, total_seconds=total_seconds),
            clock=self.clock,
            sleep=self.clock.sleep,
            uniform=lambda: 0.5,
        )

    async def ask(
        self, client: OpenAiModelClient | None = None, request: ModelRequest | None = None
    ) -> tuple[list[ModelItem], ModelFailedError | None]:
        """All items of a call, and the error that ended it if one did."""
        items: list[ModelItem] = []
        try:
            async for item in (client or self.client()).stream(request or ModelRequest([UserMessage("Hello")])):
                items.append(item)
        except ModelFailedError as error:
            return items, error
        return items, None

    @property
    def requests(self) -> list[RecordedRequest]:
        """What the provider was asked."""
        return self.provider.requests


@pytest.fixture
async def bench() -> AsyncIterator[Callable[[Step], Any]]:
    """Makes benches; everything is closed at the end, and no connection is left."""
    opened: list[tuple[ScriptedProvider, aiohttp.ClientSession]] = []

    async def made(step: Step) -> Bench:
        provider = await ScriptedProvider(default=step).__aenter__()
        session = OutboundGuard([f"127.0.0.1:{provider.port}"]).session()
        opened.append((provider, session))
        return Bench(provider, session)

    yield made
    for provider, session in opened:
        await session.close()
        await provider.__aexit__()
