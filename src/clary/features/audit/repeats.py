"""Many equal failures in a minute become one entry, so that somebody who guesses does not fill the log (7.3)."""

from dataclasses import dataclass

from clary.features.audit.policy import JOIN_AFTER, JOIN_SECONDS, Act
from clary.kit.origin import RequestOrigin

MAX_BURSTS = 10_000


@dataclass(slots=True)
class _Burst:
    act: Act
    origin: RequestOrigin
    ends_at: float
    seen: int = 0


class Repeats:
    """Counts failures by action, actor and address; knows no clock."""

    def __init__(self) -> None:
        self._bursts: dict[tuple[str, str, str | None, str], _Burst] = {}

    def is_joined(self, act: Act, origin: RequestOrigin, now: float) -> bool:
        """Counts a failure; True if it is one too many for an entry of its own."""
        key = (act.action, act.actor.kind, act.actor.user_id, origin.address)
        burst = self._bursts.get(key)
        if burst is None or (burst.ends_at <= now and burst.seen <= JOIN_AFTER):
            if burst is None and len(self._bursts) >= MAX_BURSTS:
                # Nobody is forgotten: with this many at once everything is an entry of its own.
                return False
            burst = self._bursts[key] = _Burst(act, origin, now + JOIN_SECONDS)
        burst.seen += 1
        return burst.seen > JOIN_AFTER

    def take_finished(self, now: float) -> list[tuple[Act, RequestOrigin, int]]:
        """What was joined in minutes that are over: an act of each, and how many were left out. Each comes once."""
        finished = {key: burst for key, burst in self._bursts.items() if burst.ends_at <= now}
        for key in finished:
            del self._bursts[key]
        return [
            (burst.act, burst.origin, burst.seen - JOIN_AFTER) for burst in finished.values() if burst.seen > JOIN_AFTER
        ]
