"""Wiring of what operators see: metrics, the gate to Jaeger, statistics."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from typing import Any

from clary import __version__
from clary.adapters.metrics import Known, PrometheusMetrics
from clary.adapters.traces import ExporterMissingError, TraceRules, Tracing, start_tracing
from clary.db.database import Database
from clary.db.session import Session
from clary.features.observability.ports import Count
from clary.features.observability.service import (
    GateRules,
    JaegerGate,
    MetricsDoor,
    MetricsPage,
    RunTimeline,
    Statistics,
)
from clary.features.permissions.service import PermissionExplainer
from clary.features.system.service import SystemService
from clary.http.peers import AddressList
from clary.jobs.queue import JobQueue
from clary.kit import measures, safe_folders, traces
from clary.kit.clock import Clock
from clary.settings import Settings, SettingsError
from clary.settings.values import plain
from clary.wiring.budgets import BudgetServices
from clary.wiring.execution import ExecutionServices

DEMO_MODEL = "clary-demo"


class ObservabilityServices:
    """The services of the slice. `counts`: what statistics count, by name; `stored`: bytes that rows name."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database,
        clock: Clock,
        execution: ExecutionServices,
        usage: BudgetServices,
        counts: Mapping[str, Count],
        stored: Mapping[str, Count],
        jobs: JobQueue,
        system: SystemService,
        rules: PermissionExplainer,
        built_in: Callable[[], Collection[str]],
    ) -> None:
        self.metrics = PrometheusMetrics(version=__version__, known=Known(known_models(settings), built_in))
        self.statistics = Statistics(
            runs=execution.run_reports,
            usage=usage.reports,
            counts=counts,
            sizes=Sizes(settings, database, stored),
            calendar=usage.calendar,
            clock=clock,
        )
        self.timeline = RunTimeline(
            database=database,
            runs=execution.runs,
            reports=execution.run_reports,
            usage=usage.reports,
            interventions=execution.interventions.kept,
            rules=rules,
            clock=clock,
        )
        self._tracing: Tracing | None = None
        self._trace_rules = trace_rules(settings)
        self.gate = JaegerGate(
            GateRules(
                jaeger_url=settings.jaeger_public_url,
                web_base=settings.web_base_path,
                api_prefix=settings.api_prefix,
                is_oauth=settings.auth_mode == "oauth",
                public_origin=settings.public_url,
            )
        )
        self.page = MetricsPage(
            door=MetricsDoor(settings.metrics, plain(settings.metrics_token), AddressList(settings.metrics_allow_ips)),
            exposition=self.metrics,
            database=database,
            runs=execution.run_reports,
            jobs=jobs,
            require_ready=system.readiness,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.statistics = self.statistics
        state.metrics_page = self.page
        state.jaeger_gate = self.gate
        state.run_timeline = self.timeline

    def start(self) -> None:
        """From now on is counted and, with an endpoint, traced what happens in this process.

        Raises:
            SettingsError: the exporter is not installed.
        """
        measures.collect_with(self.metrics)
        if self._trace_rules is not None:
            try:
                self._tracing = start_tracing(self._trace_rules)
            except ExporterMissingError:
                raise SettingsError("CLARY_OTLP_ENDPOINT", "needs the extra otel, which is not installed") from None
            traces.trace_with(self._tracing)

    async def stop(self) -> None:
        """Nobody listens any more; spans that wait are sent."""
        tracing, self._tracing = self._tracing, None
        if tracing is not None:
            traces.trace_with(None)
            await asyncio.to_thread(tracing.stop)
        measures.collect_with(None)


def trace_rules(settings: Settings) -> TraceRules | None:
    """What the operator decided about traces; None: there are none."""
    if settings.otlp_endpoint is None:
        return None
    return TraceRules(
        endpoint=settings.otlp_endpoint,
        headers={name: value.get_secret_value() for name, value in settings.otlp_headers.items()},
        ratio=settings.trace_ratio,
        with_content=settings.trace_content,
        secrets=settings.secrets(),
        version=__version__,
    )


def known_models(settings: Settings) -> frozenset[str]:
    """Names, and patterns with `*`, that the operator gave; people's own providers have names of their own."""
    default = settings.default_llm_model_name
    return frozenset({DEMO_MODEL, *settings.price_list, *([default] if default else [])})


class Sizes:
    """Fills `StorageSizes`: contents as rows say, which may lie in a bucket; the rest from folders of this machine."""

    def __init__(self, settings: Settings, database: Database, stored: Mapping[str, Count]) -> None:
        self._folders = {"workspaces": settings.workspaces, "knowledge": settings.search_indexes}
        self._database = database
        self._stored = stored

    async def measure(self, db: Session) -> dict[str, int]:
        """See the port."""
        sizes = {name: await count(db) for name, count in self._stored.items()}
        for name, folder in self._folders.items():
            sizes[name] = sizes.get(name, 0) + await asyncio.to_thread(_size_of, folder)
        return sizes | {"database": await self._database.size_bytes(db)}


def _size_of(folder: Path) -> int:
    return safe_folders.measure(folder).bytes
