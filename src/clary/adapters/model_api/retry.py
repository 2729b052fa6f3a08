"""When a call is tried again, and after how long (stream-runtime.md 9.15). Pure but for the clock."""

import re
from collections.abc import Callable
from datetime import UTC
from email.utils import parsedate_to_datetime

from clary.adapters.model_api.config import RetryPolicy
from clary.adapters.model_api.failures import AttemptBrokenError, sum_usage
from clary.kit.clock import Clock
from clary.runtime.model import ModelFailedError, Usage


class RetryPlan:
    """The attempts of one call: counted, timed, and their reported tokens kept until somebody is told."""

    def __init__(self, policy: RetryPolicy, clock: Clock, random: Callable[[], float]) -> None:
        self._policy = policy
        self._clock = clock
        self._random = random
        self._started = clock.monotonic()
        self._productive = 0.0
        self._untold: Usage | None = None
        self.attempt = 1

    @property
    def seconds_left(self) -> float:
        """What is left of the time for all attempts and waits."""
        spent = self._clock.monotonic() - self._started - self._productive
        return self._policy.total_seconds - spent

    def add_productive(self, seconds: float) -> None:
        """Leaves time out of account in which the response was arriving."""
        self._productive += seconds

    def add_usage(self, usage: Usage | None) -> None:
        """Keeps the tokens of an attempt that nobody has been told of."""
        self._untold = sum_usage(self._untold, usage)

    def take_usage(self) -> Usage | None:
        """All tokens not told yet."""
        usage, self._untold = self._untold, None
        return usage

    def next_wait(self, broken: AttemptBrokenError) -> float | None:
        """Seconds to wait before the next attempt, which thereby begins; None when there is none."""
        if self.attempt >= self._policy.attempts or not (broken.retry or broken.refused):
            return None
        wait = 0.0
        if broken.retry:
            # Jitter on both sides, so that calls that failed together do not come back together.
            doubled: float = self._policy.first_wait_seconds * 2.0 ** (self.attempt - 1)
            wait = doubled * (0.75 + 0.5 * self._random())
        if broken.retry_after is not None and broken.retry_after <= self._policy.max_retry_after_seconds:
            wait = max(wait, broken.retry_after)
        if wait >= self.seconds_left:
            return None
        self.attempt += 1
        return wait

    def failed(self, broken: AttemptBrokenError) -> ModelFailedError:
        """The error that ends the call."""
        return ModelFailedError(broken.kind, retryable=broken.retry, usage=self.take_usage())


def retry_after_seconds(header: str | None, clock: Clock) -> float | None:
    """Seconds of a `Retry-After` header, a number or an HTTP date; None for anything else and for the past."""
    if header is None or len(header) > 100:
        return None
    text = header.strip()
    if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", text):
        return float(text)
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    seconds = moment.timestamp() - clock.epoch()
    return seconds if seconds > 0 else None
