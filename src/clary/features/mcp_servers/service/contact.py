"""Going to a server, and keeping what was learned there (product.md 8.3, 8.4). No transaction is open meanwhile."""

import asyncio
from collections.abc import Coroutine
from datetime import datetime
from typing import Any

import structlog

from clary.db.database import Database, UnavailableError
from clary.features.mcp_servers.policy import (
    definitions_hash,
    definitions_of,
    extras_of,
    is_frozen,
    retry_after,
)
from clary.features.mcp_servers.ports import (
    Endpoint,
    FailureKind,
    Listing,
    McpClient,
    McpFailedError,
    StdioPrograms,
)
from clary.features.mcp_servers.repository import McpServerRepository
from clary.features.mcp_servers.service.token_keeping import TokenKeeper
from clary.features.mcp_servers.service.vault import McpVault
from clary.features.mcp_servers.tables import McpServerRow
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError

log = structlog.get_logger()

AT_ONCE = 4
NOTICE_SECONDS = 5.0


class Contacts:
    """Every contact with a saved server goes through here."""

    def __init__(
        self,
        *,
        database: Database,
        client: McpClient,
        vault: McpVault,
        tokens: TokenKeeper,
        programs: StdioPrograms,
        clock: Clock,
    ) -> None:
        self._database = database
        self.client = client
        self._vault = vault
        self._tokens = tokens
        self._programs = programs
        self._clock = clock
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._is_closed = False
        client.on_change(self._heard)

    async def endpoint(self, row: McpServerRow, *, user_id: str) -> Endpoint:
        """Where to connect for a person.

        Raises:
            McpFailedError: `unauthorized` where the person has no token, or a secret cannot be opened any more.
        """
        try:
            secrets = self._vault.open(row)
        except DecryptionError:
            raise McpFailedError("unauthorized") from None
        if row.protocol == "stdio":
            program = await self._programs.find(row.url)
            if program is None:
                raise McpFailedError("denied")
            return Endpoint(row.id, "stdio", "", user=user_id, program=program)
        headers, user = dict(secrets.headers), ""
        if row.auth == "oauth":
            token, user = await self._tokens.access_token(row, user_id=user_id), user_id
            headers["Authorization"] = f"Bearer {token}"
        elif secrets.api_key:
            headers["Authorization"] = f"Bearer {secrets.api_key}"
        protocol = "sse" if row.protocol == "sse" else "streamable_http"
        return Endpoint(row.id, protocol, row.url, user=user, headers=tuple(sorted(headers.items())))

    async def look(self, row: McpServerRow) -> Listing:
        """What a server offers its owner now.

        Raises:
            McpFailedError
        """
        return await self.client.list_offer(await self.endpoint(row, user_id=row.owner_id))

    async def visit(self, row: McpServerRow) -> McpServerRow | None:
        """Looks, and keeps what was found; None when the row is gone meanwhile."""
        try:
            seen: Listing | McpFailedError = await self.look(row)
        except McpFailedError as failure:
            seen = failure
        return await self.record(row, seen)

    async def record(self, row: McpServerRow, seen: Listing | McpFailedError) -> McpServerRow | None:
        """Keeps what was found at a server, unless its address or secrets changed meanwhile."""
        async with self._database.write() as db:
            fresh = await McpServerRepository(db).find(row.id)
            if fresh is None or fresh.revision != row.revision:
                return fresh
            if isinstance(seen, McpFailedError):
                note_failure(fresh, seen.kind, self._clock.now())
            else:
                note_listing(fresh, seen, self._clock.now())
            return fresh

    async def tend(self) -> int:
        """Tries unreachable servers whose time has come; returns how many were tried."""
        now = self._clock.now()
        async with self._database.read() as db:
            due = await McpServerRepository(db).list_due(now, AT_ONCE)
        taken: list[McpServerRow] = []
        for row in due:
            async with self._database.write() as db:
                if await McpServerRepository(db).take_due(row, until=now + retry_after(row.failures + 1)):
                    taken.append(row)
        await asyncio.gather(*(self.visit(row) for row in taken))
        return len(taken)

    async def close(self) -> None:
        """Ends what is under way."""
        self._is_closed = True
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()

    def _heard(self, server: str) -> None:
        """A server says that its tools changed; one that says so all the time is looked at every few seconds."""
        if server not in self._tasks and not self._is_closed:
            self._start(server, self._look_again(server))

    def _start(self, server: str, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks[server] = task
        task.add_done_callback(lambda _: self._tasks.pop(server, None))

    async def _look_again(self, server: str) -> None:
        try:
            async with self._database.read() as db:
                row = await McpServerRepository(db).find(server)
            if row is not None and not row.disabled:
                await self.visit(row)
        except UnavailableError:
            log.warning("mcp_notice_put_off")
        await asyncio.sleep(NOTICE_SECONDS)


def note_listing(row: McpServerRow, listing: Listing, now: datetime) -> None:
    """A server answered: what it offers becomes the pin, equals it, or waits for approval."""
    seen = definitions_of(listing)
    seen_hash = definitions_hash(seen)
    if row.pin is None:
        row.pin, row.pinned_hash = seen, seen_hash
    is_same = seen_hash == row.pinned_hash
    row.waiting, row.pending_hash = (None, None) if is_same else (seen, seen_hash)
    row.state = "ready" if is_same or not is_frozen(row.pin, seen) else "frozen"
    if listing.has_extras:
        row.extras = extras_of(listing)
    row.error_kind, row.failures, row.next_try_at, row.last_checked_at = None, 0, None, now


def note_failure(row: McpServerRow, kind: FailureKind, now: datetime) -> None:
    """A server could not be used. What waits for approval goes on waiting, even if nobody is there."""
    row.error_kind, row.last_checked_at = kind, now
    if kind == "unauthorized" and row.auth == "oauth":
        row.state, row.next_try_at = "needs_authorization", None
        return
    row.failures += 1
    row.next_try_at = now + retry_after(row.failures)
    is_waiting = row.pin is not None and row.waiting is not None and is_frozen(row.pin, row.waiting)
    row.state = "frozen" if is_waiting else "unreachable"
