"""The client: attempts one after another until a response is whole."""

import asyncio
import random
from collections.abc import AsyncGenerator, Awaitable, Callable

import aiohttp

from clary.adapters.model_api.config import ModelApiConfig, RetryPolicy, Timeouts
from clary.adapters.model_api.exchange import Exchange
from clary.adapters.model_api.failures import AttemptBrokenError
from clary.adapters.model_api.request_body import RequestDraft
from clary.adapters.model_api.response_reader import ResponseReader
from clary.adapters.model_api.retry import RetryPlan
from clary.adapters.model_api.thinking import resolve_style, thinks_long
from clary.kit.clock import Clock, SystemClock
from clary.kit.ids import new_hex
from clary.kit.safe_http import OutboundBlockedError
from clary.runtime.model import AttemptLost, ModelDone, ModelFailedError, ModelItem, ModelRequest

NETWORK_ERRORS = (aiohttp.ClientError, OSError, TimeoutError, OutboundBlockedError)


class OpenAiModelClient:
    """`ModelClient` for one model; many calls may run at a time.

    The session is shared and stays the caller's; the one of an outbound guard keeps the calls to allowed addresses.
    What a provider refused once as an unknown parameter is left out of later calls of this client.
    """

    def __init__(
        self,
        config: ModelApiConfig,
        session: aiohttp.ClientSession,
        *,
        timeouts: Timeouts | None = None,
        retry: RetryPolicy | None = None,
        clock: Clock | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        uniform: Callable[[], float] = random.random,
        new_call_id: Callable[[], str] = lambda: "call_" + new_hex(24),
    ) -> None:
        self._config = config
        self._session = session
        self._timeouts = timeouts or Timeouts()
        self._retry = retry or RetryPolicy()
        self._clock = clock or SystemClock()
        self._sleep = sleep
        self._uniform = uniform
        self._new_call_id = new_call_id
        self._refused: dict[str, str | None] = {}

    @property
    def model_name(self) -> str:
        """See `ModelClient.model_name`."""
        return self._config.model

    @property
    def has_thinking_switch(self) -> bool:
        """Whether `ModelRequest.thinking` has an effect (stream-runtime.md 9.10)."""
        config = self._config
        return resolve_style(config.thinking_style, config.host, config.model) != "none"

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient.stream`. Tokens of attempts that broke in silence are added to the next usage told."""
        draft = self._draft(request)
        plan = RetryPlan(self._retry, self._clock, self._uniform)
        while True:
            reader = ResponseReader(draft.names, self._new_call_id)
            exchange = Exchange(self._timeouts, self._first_token_seconds(request, plan))
            broken: AttemptBrokenError | None = None
            try:
                content = await exchange.open(self._session, self._config, draft, self._clock)
                async for data in content.iter_any():
                    exchange.pause()
                    for item in reader.feed(data):
                        yield item
                    if reader.finished:
                        await exchange.drain()
                        break
                    exchange.wait_on(reader)
                for item in reader.end():
                    yield item
            except AttemptBrokenError as error:
                broken = error
            except NETWORK_ERRORS as error:
                broken = exchange.broken_by(error, reader)
            except Exception as error:
                raise ModelFailedError("internal_error", usage=plan.take_usage()) from error
            finally:
                exchange.close()
            # Outside the handlers: an error raised there would carry the connection's error, which names the address.
            if broken is None:
                for item in reader.last_items():
                    yield self._with_all_usage(item, plan)
                return
            wait = self._prepare_next(broken, draft, plan, exchange, reader)
            if reader.sent:
                yield AttemptLost(broken.kind, plan.take_usage())
            await self._sleep(wait)

    def _prepare_next(
        self,
        broken: AttemptBrokenError,
        draft: RequestDraft,
        plan: RetryPlan,
        exchange: Exchange,
        reader: ResponseReader,
    ) -> float:
        """Seconds to wait before the next attempt.

        Raises:
            ModelFailedError: there is none.
        """
        plan.add_usage(reader.usage)
        plan.add_productive(exchange.productive_seconds)
        wait = plan.next_wait(broken)
        if wait is None:
            raise plan.failed(broken)
        if broken.refused is not None:
            parameter, successor = broken.refused
            self._refused[parameter] = successor
            draft.drop(parameter, successor)
        return wait

    def _draft(self, request: ModelRequest) -> RequestDraft:
        draft = RequestDraft(request, self._config)
        for parameter, successor in self._refused.items():
            draft.drop(parameter, successor)
        return draft

    def _first_token_seconds(self, request: ModelRequest, plan: RetryPlan) -> float:
        config = self._config
        style = resolve_style(config.thinking_style, config.host, config.model)
        long = thinks_long(style, config.model, request.thinking)
        seconds = self._timeouts.first_token_thinking if long else self._timeouts.first_token
        return seconds if plan.attempt == 1 else max(0.0, min(seconds, plan.seconds_left))

    def _with_all_usage(self, item: ModelItem, plan: RetryPlan) -> ModelItem:
        if not isinstance(item, ModelDone):
            return item
        plan.add_usage(item.usage)
        return ModelDone(item.finish_reason, item.calls, plan.take_usage())
