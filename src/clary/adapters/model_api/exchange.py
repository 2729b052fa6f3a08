"""One request on the wire: opened, watched for silence, closed at once."""

import asyncio
import math
from contextlib import suppress

import aiohttp

from clary.adapters.model_api.config import ModelApiConfig, Timeouts
from clary.adapters.model_api.failures import AttemptBrokenError, broken_by_network, broken_by_status
from clary.adapters.model_api.request_body import RequestDraft
from clary.adapters.model_api.response_reader import ResponseReader
from clary.adapters.model_api.retry import retry_after_seconds
from clary.kit.clock import Clock

MAX_ERROR_BODY_BYTES = 64 * 1024
ERROR_BODY_SECONDS = 5.0
DRAIN_SECONDS = 0.05


class Exchange:
    """One attempt. A single timer watches it, so that a chunk costs two assignments and no timer of its own."""

    def __init__(self, timeouts: Timeouts, first_token_seconds: float) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self._first_deadline = self._loop.time() + first_token_seconds
        self._deadline = math.inf
        self._fires_at = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._response: aiohttp.ClientResponse | None = None
        self._events = 0
        self._first_at: float | None = None
        self._last_at = 0.0
        self._expired = False

    @property
    def productive_seconds(self) -> float:
        """Time between the first and the last piece of the answer."""
        return 0.0 if self._first_at is None else max(0.0, self._last_at - self._first_at)

    async def open(
        self, session: aiohttp.ClientSession, config: ModelApiConfig, draft: RequestDraft, clock: Clock
    ) -> aiohttp.StreamReader:
        """Sends the request and returns the body of a successful answer.

        Raises:
            AttemptBrokenError: another status, a redirect, or a web page.
            aiohttp.ClientError, OSError, TimeoutError: no answer.
        """
        async with asyncio.timeout_at(self._first_deadline):
            self._response = response = await session.post(
                config.completions_url,
                data=draft.payload(),
                headers=_headers(config),
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(
                    connect=self._timeouts.connect, sock_connect=self._timeouts.connect, ceil_threshold=math.inf
                ),
            )
        if not 200 <= response.status < 300:
            raise await _broken(response, draft, clock)
        if response.content_type in ("text/html", "application/xhtml+xml"):
            raise AttemptBrokenError("provider_bad_response", retry=False)
        self._watch_until(self._first_deadline)
        return response.content

    def pause(self) -> None:
        """Something arrived: the reader of the items may now take its time."""
        self._deadline = math.inf

    def wait_on(self, reader: ResponseReader) -> None:
        """Sets how long the next piece may take, by how far the response has come."""
        now = self._loop.time()
        if reader.has_finish_reason:
            self._watch_until(now + self._timeouts.after_finish)
        elif not reader.sent:
            # A role or a keep-alive is not yet a token.
            self._watch_until(self._first_deadline)
        elif reader.events != self._events:
            self._first_at = self._first_at or now
            self._last_at = now
            self._events = reader.events
            self._watch_until(now + self._timeouts.gap)
        else:
            self._watch_until(self._last_at + self._timeouts.gap)

    def broken_by(self, error: Exception, reader: ResponseReader) -> AttemptBrokenError | None:
        """What a connection error means; one that the watch caused is a timeout.

        None: the response had said that it is done, so it is whole.
        """
        if reader.has_finish_reason:
            return None
        if self._expired:
            return AttemptBrokenError("provider_timeout", retry=True)
        return broken_by_network(error)

    async def drain(self) -> None:
        """Reads the few bytes behind the last event, so that the connection can be used again."""
        content = self._response.content if self._response else None
        if content is None or content.at_eof():
            return
        with suppress(TimeoutError, aiohttp.ClientError, OSError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while await content.readany():
                    pass

    def close(self) -> None:
        """Closes the connection unless the answer was read to its end; never waits."""
        if self._timer is not None:
            self._timer.cancel()
        if self._response is not None:
            self._response.close()

    def _watch_until(self, deadline: float) -> None:
        self._deadline = deadline
        if deadline < self._fires_at:
            self._arm(deadline)

    def _arm(self, moment: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._fires_at = moment
        self._timer = self._loop.call_at(moment, self._check)

    def _check(self) -> None:
        """Closes a silent response, which wakes its reader; otherwise looks again at the present deadline."""
        self._fires_at = math.inf
        if self._deadline <= self._loop.time():
            self._expired = True
            self.close()
        elif self._deadline < math.inf:
            self._arm(self._deadline)


def _headers(config: ModelApiConfig) -> dict[str, str]:
    headers = {
        "Content-Type": "application/json",
        "Accept": "text/event-stream, application/json",
        # Compression would hold deltas back.
        "Accept-Encoding": "identity",
        "User-Agent": "Clary",
    }
    if config.api_key:
        headers["Authorization"] = f"Bearer {config.api_key}"
    return headers


async def _broken(response: aiohttp.ClientResponse, draft: RequestDraft, clock: Clock) -> AttemptBrokenError:
    """The meaning of an unsuccessful status. Redirects are not followed: the key belongs to one origin."""
    if response.status < 400:
        return AttemptBrokenError("provider_bad_response", retry=False)
    broken = broken_by_status(response.status, await _error_body(response), draft.body)
    broken.retry_after = retry_after_seconds(response.headers.get("Retry-After"), clock)
    return broken


async def _error_body(response: aiohttp.ClientResponse) -> bytes:
    """The beginning of an error body; a slow or endless one tells no more."""
    body = bytearray()
    with suppress(TimeoutError, aiohttp.ClientError, OSError):
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            async for piece in response.content.iter_any():
                body += piece
                if len(body) >= MAX_ERROR_BODY_BYTES:
                    break
    return bytes(body[:MAX_ERROR_BODY_BYTES])
