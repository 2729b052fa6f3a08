"""What processes tell each other through PostgreSQL: that something changed, never what it is now; and who is there.

A notice can be lost, with a connection or a process. So whoever subscribes is also called without a key, from time to
time and after every new connection: then anything may have changed.
"""

import asyncio
import contextlib
import time
from collections.abc import Callable
from typing import Any

import structlog
from sqlalchemy import text

from clary.db.database import Database
from clary.db.postgresql import DRIVER_ERRORS, NotConnectedError, connect
from clary.db.session import Session
from clary.kit.ids import new_hex

log = structlog.get_logger()

CHANNEL = "clary"
POLL_SECONDS = 1.0
ANSWER_SECONDS = 5.0
FIRST_SECONDS = 5.0
TELL = "SELECT pg_notify($1, part) FROM unnest($2::text[]) AS part"
BE_PRESENT = "SELECT pg_try_advisory_lock(7243, hashtext($1))"
IS_PRESENT = text(
    "SELECT EXISTS (SELECT 1 FROM pg_locks l JOIN pg_database d ON d.oid = l.database"
    " WHERE d.datname = current_database() AND l.locktype = 'advisory' AND l.objsubid = 2 AND l.classid::bigint = 7243"
    " AND l.objid::bigint = (hashtext(:name)::bigint & 4294967295))"
)
TIME = "SELECT extract(epoch FROM clock_timestamp())::float8"

Subscriber = Callable[[str | None], None]
"""Gets the key of what changed; None: anything may have changed."""


class Notices:
    """One connection of this process that listens. On SQLite there is nobody to tell, and nothing happens."""

    def __init__(
        self, database: Database, *, name: str | None = None, on_time: Callable[[float], None] | None = None
    ) -> None:
        self._database = database
        self._sender = name or new_hex(16)
        self._on_time = on_time
        self._connected = asyncio.Event()
        self._subscribers: dict[str, list[Subscriber]] = {}
        self._outbox: list[str] = []
        self._posted = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_on = False
        self.is_listening = False

    def subscribe(self, topic: str, subscriber: Subscriber) -> None:
        """Calls back, in the event loop, for each notice of a topic that another process posted."""
        self._subscribers.setdefault(topic, []).append(subscriber)

    def post(self, topic: str, key: str = "") -> None:
        """Tells the other processes, soon; for what is committed already."""
        if self._is_on:
            self._outbox.append(self.sealed(topic, key))
            self._posted.set()

    def sealed(self, topic: str, key: str) -> str:
        """A notice as it is sent, for somebody who sends it with a commit of their own."""
        return f"{self._sender} {topic} {key}"

    async def start(self) -> None:
        """Begins to listen; a server that does not answer now is tried again and again."""
        self._connected.clear()
        if not self._database.is_sqlite:
            self._is_on = True
            self._task = asyncio.create_task(self._listen_forever(), name="notices")
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(FIRST_SECONDS):
                    await self._connected.wait()

    async def is_gone(self, session: Session, name: str) -> bool:
        """Whether no living process of this name is connected. One that has just lost its connection seems gone too."""
        return not self._database.is_sqlite and not await session.scalar(IS_PRESENT, {"name": name})

    async def stop(self) -> None:
        """Sends what is posted, if that is quick, and ends."""
        task, self._task, self._is_on = self._task, None, False
        if task is not None:
            self._posted.set()
            await asyncio.wait([task], timeout=ANSWER_SECONDS)
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _listen_forever(self) -> None:
        while self._is_on:
            try:
                connection = await connect(self._database.url)
            except NotConnectedError:
                await asyncio.sleep(POLL_SECONDS)
                continue
            try:
                await self._serve(connection)
            except (*DRIVER_ERRORS, TimeoutError) as error:
                log.warning("notices_cut", error=type(error).__name__)
            finally:
                self.is_listening = False
                connection.terminate()

    async def _serve(self, connection: Any) -> None:
        await connection.add_listener(CHANNEL, self._heard)
        await connection.fetchval(BE_PRESENT, self._sender)
        await self._read_time(connection)
        self.is_listening = True
        self._connected.set()
        while self._is_on:
            # Also right after connecting: nobody knows what was missed.
            self._call_all()
            give_up_at = asyncio.get_running_loop().time() + POLL_SECONDS
            while (rest := give_up_at - asyncio.get_running_loop().time()) > 0 and self._is_on:
                try:
                    async with asyncio.timeout(rest):
                        await self._posted.wait()
                except TimeoutError:
                    break
                await self._send(connection)
            # A connection that died without a word shows here.
            await self._read_time(connection)
        await self._send(connection)

    async def _read_time(self, connection: Any) -> None:
        asked = time.time()
        there = await connection.fetchval(TIME, timeout=ANSWER_SECONDS)
        if self._on_time is not None:
            self._on_time(there - (asked + time.time()) / 2)

    async def _send(self, connection: Any) -> None:
        self._posted.clear()
        posts, self._outbox = self._outbox, []
        if posts:
            await connection.execute(TELL, CHANNEL, list(dict.fromkeys(posts)), timeout=ANSWER_SECONDS)

    def _heard(self, _connection: Any, _pid: int, _channel: str, payload: str) -> None:
        sender, _, rest = payload.partition(" ")
        topic, _, key = rest.partition(" ")
        if sender != self._sender:
            for subscriber in self._subscribers.get(topic, ()):
                subscriber(key)

    def _call_all(self) -> None:
        for subscribers in self._subscribers.values():
            for subscriber in subscribers:
                subscriber(None)
