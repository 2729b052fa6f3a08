"""Brakes on guessing (platform.md 4.4): counters in the database, alike for accounts that do not exist."""

import asyncio
import hashlib
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.errors import LoginThrottledError
from clary.features.accounts.policy import (
    ACCOUNT_FAILURES,
    ACCOUNT_WAIT,
    ACCOUNT_WINDOW,
    ADDRESS_FAILURES,
    ADDRESS_WAIT,
    ADDRESS_WINDOW,
    KNOWN_ADDRESS_LIFE,
    PAIR_WINDOW,
    throttle_address,
    username_key,
    wait_after,
)
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import ThrottleCounterRow
from clary.http.problems import ThrottledError
from clary.kit.clock import Clock


class AttemptQueue:
    """One attempt of an address at a time, so that many at once cannot slip past the counters while one is hashing."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def turn(self, address: str) -> asyncio.Lock:
        """The turn of an address; hold it from the look at the counters to the count."""
        return self._locks.setdefault(throttle_address(address), asyncio.Lock())


class LoginBrake:
    """The three counters of sign-in attempts."""

    def __init__(self, db: Session, now: datetime, *, account: str, address: str) -> None:
        self._accounts = AccountRepository(db)
        self._now = now
        self._account = username_key(account)
        self._address = throttle_address(address)

    async def require_attempt(self, *, user_id: str | None, device_hash: str | None) -> None:
        """Lets an attempt through, or says how long to wait; the password is not looked at then.

        Raises:
            LoginThrottledError
        """
        for kind, text in (("pair", self._pair), ("address", self._address)):
            await self._require_unblocked(kind, text)
        crowd = await self._live("account", self._account)
        if crowd is None or crowd.count < ACCOUNT_FAILURES:
            return
        since = self._now - KNOWN_ADDRESS_LIFE
        if user_id and await self._accounts.is_known_place(user_id, self._address, device_hash, since):
            return
        # All strange addresses share one attempt per ten seconds, so the owner is never locked out.
        if crowd.blocked_until is not None and crowd.blocked_until > self._now:
            raise LoginThrottledError(_seconds(crowd.blocked_until - self._now))
        crowd.blocked_until = self._now + ACCOUNT_WAIT

    async def failed(self) -> None:
        """Counts a failure on all three."""
        pair = await self._count("pair", self._pair, PAIR_WINDOW)
        wait = wait_after(pair.count)
        if wait:
            pair.blocked_until = self._now + wait
            pair.window_ends_at = self._now + PAIR_WINDOW
        address = await self._count("address", self._address, ADDRESS_WINDOW)
        if address.count >= ADDRESS_FAILURES:
            address.blocked_until = self._now + ADDRESS_WAIT
        await self._count("account", self._account, ACCOUNT_WINDOW)

    async def succeeded(self) -> None:
        """Forgets the failures of this pair."""
        await self._accounts.drop_counter("pair", _hash(self._pair))

    @property
    def _pair(self) -> str:
        return f"{self._account}\n{self._address}"

    async def _require_unblocked(self, kind: str, text: str) -> None:
        row = await self._live(kind, text)
        if row is not None and row.blocked_until is not None and row.blocked_until > self._now:
            raise LoginThrottledError(_seconds(row.blocked_until - self._now))

    async def _live(self, kind: str, text: str) -> ThrottleCounterRow | None:
        row = await self._accounts.counter(kind, _hash(text))
        return row if row is not None and row.window_ends_at > self._now else None

    async def _count(self, kind: str, text: str, window: timedelta) -> ThrottleCounterRow:
        row = await self._accounts.counter(kind, _hash(text))
        if row is None:
            row = ThrottleCounterRow(
                kind=kind, key_hash=_hash(text), count=0, window_ends_at=self._now + window, blocked_until=None
            )
            self._accounts.add_counter(row)
        elif row.window_ends_at <= self._now:
            row.count, row.window_ends_at, row.blocked_until = 0, self._now + window, None
        row.count += 1
        return row


class AddressRate:
    """Counts what an address asks of other slices, in transactions of its own."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def count(self, *, kind: str, address: str, limit: int, window: timedelta) -> int | None:
        """Counts a call; for one too many the seconds to wait are returned."""
        async with self._database.write() as db:
            key = throttle_address(address)
            return await count_within(db, self._clock.now(), kind=kind, key=key, limit=limit, window=window)


async def require_rate(
    db: Session, now: datetime, *, kind: str, key: str, limit: int, window: timedelta = timedelta(minutes=1)
) -> None:
    """At most `limit` calls in a window.

    Raises:
        ThrottledError
    """
    wait = await count_within(db, now, kind=kind, key=key, limit=limit, window=window)
    if wait is not None:
        raise ThrottledError(wait)


async def count_within(db: Session, now: datetime, *, kind: str, key: str, limit: int, window: timedelta) -> int | None:
    """Counts a call; one too many is not counted, and the seconds to wait are returned."""
    accounts, key_hash = AccountRepository(db), _hash(key)
    row = await accounts.counter(kind, key_hash)
    if row is None:
        row = ThrottleCounterRow(kind=kind, key_hash=key_hash, count=0, window_ends_at=now + window, blocked_until=None)
        accounts.add_counter(row)
    elif row.window_ends_at <= now:
        row.count, row.window_ends_at = 0, now + window
    if row.count >= limit:
        return _seconds(row.window_ends_at - now)
    row.count += 1
    return None


async def forget_count(db: Session, *, kind: str, key: str) -> None:
    """Forgets what was counted."""
    await AccountRepository(db).drop_counter(kind, _hash(key))


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _seconds(rest: timedelta) -> int:
    return max(1, -int(-rest.total_seconds() // 1))
