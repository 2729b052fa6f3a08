"""Who may read metrics, and what is asked at that moment (platform.md 12.2)."""

import hmac
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog

from clary.db.database import Database, UnavailableError
from clary.errors import ProblemError
from clary.features.observability.ports import Exposition, Gauge, JobCounts
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunReports
from clary.http.peers import AddressList
from clary.http.problems import NotSignedInError, RoleMissingError, RouteNotFoundError
from clary.kit.text import Text

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Reader:
    """Whoever asks. `address`: the socket peer; `is_forwarded`: a proxy speaks for somebody else.

    `fault`: what is wrong with a credential that was sent.
    """

    identity: Identity | None
    fault: Text | None
    address: str
    is_forwarded: bool
    bearer: str


@dataclass(frozen=True, slots=True)
class MetricsDoor:
    """Whom the operator lets in. `is_on` False: the page does not exist."""

    is_on: bool
    token: str | None
    addresses: AddressList

    def require(self, reader: Reader) -> None:
        """Lets a reader in.

        Raises:
            RouteNotFoundError, NotSignedInError, RoleMissingError
        """
        if not self.is_on:
            raise RouteNotFoundError
        if reader.address in self.addresses and not reader.is_forwarded:
            return
        if self.token and hmac.compare_digest(reader.bearer.encode(), self.token.encode()):
            return
        if reader.identity is None:
            raise NotSignedInError(reader.fault)
        if not reader.identity.is_admin:
            raise RoleMissingError


class MetricsPage:
    """Use case of `/metrics`."""

    def __init__(
        self,
        *,
        door: MetricsDoor,
        exposition: Exposition,
        database: Database,
        runs: RunReports,
        jobs: JobCounts,
        require_ready: Callable[[], Awaitable[object]],
    ) -> None:
        self._door = door
        self._exposition = exposition
        self._database = database
        self._runs = runs
        self._jobs = jobs
        self._require_ready = require_ready

    async def read(self, *, reader: Reader, accept: str) -> tuple[bytes, str]:
        """(text, content type). What lies in a database that is away is left out.

        Raises:
            RouteNotFoundError, NotSignedInError, RoleMissingError
        """
        self._door.require(reader)
        gauges = [Gauge("clary_ready", await self._is_ready())]
        try:
            gauges += await self._from_database()
        except UnavailableError:
            log.warning("metrics_without_database")
        return await self._exposition.render(accept=accept, gauges=gauges)

    async def _is_ready(self) -> float:
        try:
            await self._require_ready()
        except ProblemError:
            return 0.0
        return 1.0

    async def _from_database(self) -> Sequence[Gauge]:
        async with self._database.read() as db:
            active: Mapping[str, int] = await self._runs.count_active(db)
            jobs = await self._jobs.count_open(db)
        return [
            *(Gauge("clary_runs_active", count, (state,)) for state, count in active.items()),
            *(Gauge("clary_jobs", each.count, (each.kind, each.state)) for each in jobs),
            *(
                Gauge("clary_jobs_oldest_seconds", each.oldest_seconds, (each.kind,))
                for each in jobs
                if each.state == "pending"
            ),
        ]
