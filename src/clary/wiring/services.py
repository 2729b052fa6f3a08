"""Starts and stops what the composition root has built."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack

import structlog

from clary import __version__
from clary.adapters.passwords import Argon2Passwords
from clary.db.database import UnavailableError
from clary.db.migrate import ensure_schema
from clary.errors import InvalidRequestError
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError
from clary.settings import Settings, SettingsError
from clary.settings.values import plain
from clary.wiring.composition import ServiceParts
from clary.wiring.parts import announce_password, culprit

log = structlog.get_logger()


class Services(ServiceParts):
    """Everything that lives as long as the process, and its life."""

    def __init__(
        self, settings: Settings, *, clock: Clock | None = None, passwords: Argon2Passwords | None = None
    ) -> None:
        super().__init__(settings, clock=clock, passwords=passwords)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._draining: asyncio.Future[None] | None = None

    async def start(self, *, takes_over: bool = True) -> None:
        """Schema, keys, event log, sandbox; then runs that a dead process left go on, if this one takes over.

        Raises:
            SettingsError, SchemaError, UnavailableError: the start is refused; what was opened is closed again.
        """
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._close)
            await self._start_accounts()
            undo.pop_all()
        self.observability.start()
        await self.notices.start()
        await self.execution.start(takes_over=takes_over)
        await self.knowledge.start()
        await self.background.start()
        await self.tools.calls.start()
        self.mcp.start()
        await self.identity.record_start(__version__)
        await self.upkeep.start()
        self.schedules.start()
        if self.admin_password is not None:
            announce_password(self.settings.bootstrap_admin_username, self.admin_password)

    async def _start_accounts(self) -> None:
        self._loop = asyncio.get_running_loop()
        await asyncio.to_thread(ensure_schema, self.settings.database)
        try:
            await self.identity.start()
        except DecryptionError:
            raise SettingsError("CLARY_SECRET_KEY", "does not fit the database") from None
        try:
            self.admin_password = await self.accounts.ensure_admin(
                username=self.settings.bootstrap_admin_username,
                password=plain(self.settings.bootstrap_admin_password),
                email=self.settings.bootstrap_admin_email,
            )
        except InvalidRequestError as problem:
            raise SettingsError(f"CLARY_BOOTSTRAP_ADMIN_{culprit(problem)}", problem.message.en) from None

    def drain_soon(self, then: Callable[[], None]) -> None:
        """Called from a signal: readiness turns, runs are given back and streams end, inside the loop; `then` next."""
        assert self._loop is not None, "signals are heard by what was started"
        self._loop.call_soon_threadsafe(lambda: self._begin_drain().add_done_callback(lambda _: then()))

    def _begin_drain(self) -> asyncio.Future[None]:
        if self._draining is None:
            self._draining = asyncio.ensure_future(self._drain())
        return self._draining

    async def _drain(self) -> None:
        self.system.draining = True
        await _each(
            self.schedules.stop, self.upkeep.stop, self.background.stop, self.knowledge.stop, self.execution.drain
        )

    async def stop(self) -> None:
        """Gives runs back, writes what is queued, closes everything."""
        await self._begin_drain()
        await _each(
            self.notices.stop, self.mcp.stop, self.execution.event_log.stop, self.usage.gate.close, self.identity.stop
        )
        await self._close()

    async def _close(self) -> None:
        await self.gateway.close()
        await self.observability.stop()
        await self.database.close()
        self.passwords.close()


async def _each(*steps: Callable[[], Awaitable[None]]) -> None:
    """Goes every step of stopping. What the database does not take any more is for those who take over after us."""
    for step in steps:
        try:
            await step()
        except UnavailableError:
            log.warning("stopping_without_database", step=step.__qualname__)


def build_services(settings: Settings) -> Services:
    """All services of one process; nothing is started yet."""
    return Services(settings)
