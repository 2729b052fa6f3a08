"""Reading the ledger: rows, sums, exports (platform.md 14.2). People see their own rows, admins all."""

import csv
import io
from collections.abc import AsyncIterator, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.service import AccountService
from clary.features.permissions.service import Identity
from clary.features.usage.payloads import COLUMNS, TokenUsageRequest, row_object
from clary.features.usage.policy import UNITS, Calendar, CallFilters, Grouping, quarter_of
from clary.features.usage.ports import GroupNames, Json, ProviderNames, Scope
from clary.features.usage.repository import Figures, ReportRepository
from clary.features.usage.service.targets import BudgetPlaces
from clary.features.usage.tables import UsageRow
from clary.http.paging import Page
from clary.http.problems import RoleMissingError, ValidationFailedError
from clary.http.span import Span
from clary.kit.clock import Clock, wire_time
from clary.kit.text import Text

MAX_ITEMS = 1000
MAX_DAYS = 366
_TOO_MANY_DAYS = Text("from: 最多 {days} 天", "from: at most {days} days")
USUAL_DAYS = 30
BATCH = 1000
FORMULA = ("=", "+", "-", "@")
HOLDERS: dict[Grouping, Scope] = {"agent": "agent", "key": "key"}


@dataclass(frozen=True, slots=True)
class DayOfUse:
    """What everybody used on a day of the server's zone."""

    day: str
    tokens: int
    cost: Decimal


class UsageReports:
    """Use cases of `/api/usage` and `/api/token-usage/stats`."""

    def __init__(
        self,
        *,
        database: Database,
        places: BudgetPlaces,
        accounts: AccountService,
        groups: GroupNames,
        calendar: Calendar,
        clock: Clock,
        currency: str,
    ) -> None:
        self._database = database
        self._places = places
        self._accounts = accounts
        self._groups = groups
        self._calendar = calendar
        self._clock = clock
        self.currency = currency
        self._providers: ProviderNames | None = None

    def name_providers(self, providers: ProviderNames) -> None:
        """Makes names of providers known; these stand beside usage."""
        self._providers = providers

    def between(self, span: Span, filters: CallFilters) -> CallFilters:
        """The same filters between two ends."""
        since, until = self._calendar.ends(span.since, span.until)
        return replace(filters, since=since, until=until)

    async def list_page(self, db: Session, *, identity: Identity, filters: CallFilters, page: Page) -> Json:
        """Rows, newest first."""
        rows, total = await ReportRepository(db).list_page(identity, filters, offset=page.offset, limit=page.size)
        return {"items": [row_object(row) for row in rows], "total": total}

    async def export(self, *, identity: Identity, filters: CallFilters) -> AsyncIterator[bytes]:
        """CSV, oldest first, with a header row. No transaction outlives a portion."""
        last, head = 0, _csv([COLUMNS])
        while True:
            async with self._database.read() as db:
                rows = await ReportRepository(db).list_after(identity, filters, row_id=last, limit=BATCH)
            if head or rows:
                yield head + _csv([_cell(value) for value in row_object(row).values()] for row in rows)
            if len(rows) < BATCH:
                return
            head, last = b"", rows[-1].id

    async def summarize(self, db: Session, *, identity: Identity, filters: CallFilters, grouping: Grouping) -> Json:
        """Sums by a key; without ends those of the last 30 days.

        Raises:
            RoleMissingError: groups are for admins.
            ValidationFailedError: more than 366 days.
        """
        if grouping == "group" and not identity.is_admin:
            raise RoleMissingError
        filters, reports = self._bounded(filters), ReportRepository(db)
        found = await reports.sum_by(identity, filters, grouping)
        sums = await self._keyed(db, found, grouping)
        labels = await self._labels(db, grouping, [each for each in sums if each is not None])
        ordered = sorted(sums.items(), key=_day if grouping == "day" else _tokens)
        items = [{"key": key, "label": labels.get(key or "", key or ""), **_shown(each)} for key, each in ordered]
        totals = _Sum.of([await reports.sum_all(identity, filters)])
        return {"items": items, "totals": _shown(totals), "currency": self.currency}

    async def sum_tokens(self, db: Session, *, identity: Identity, wanted: TokenUsageRequest) -> Json:
        """Sums by agent, user or session, with most tokens first."""
        filters = self.between(
            Span(wanted.start_date, wanted.end_date),
            CallFilters(
                user_id=wanted.user_id,
                agent_id=wanted.agent_id,
                session_id=wanted.session_id,
                request_source=wanted.request_source,
            ),
        )
        reports = ReportRepository(db)
        if wanted.dimension == "session":
            found = await reports.sum_by_session(identity, filters, limit=MAX_ITEMS)
        else:
            found = [each for each in await reports.sum_by(identity, filters, wanted.dimension) if each.key is not None]
            found.sort(key=lambda each: (-each.total_tokens, each.key))
        whole = await reports.sum_all(identity, filters)
        items = [_token_item(wanted.dimension, each) for each in found[:MAX_ITEMS]]
        return {"summary": self._token_summary(whole), "items": items}

    async def list_days(self, db: Session, *, since: datetime) -> list[DayOfUse]:
        """What everybody used since the beginning of a day, from the sums, which outlive the rows of the ledger."""
        found: dict[str, DayOfUse] = {}
        for quarter, tokens, cost in await ReportRepository(db).list_sums(since=quarter_of(since)):
            day = self._calendar.day_of(quarter).isoformat()
            known = found.get(day, DayOfUse(day, 0, Decimal(0)))
            found[day] = DayOfUse(day, known.tokens + tokens, known.cost + cost / UNITS)
        return list(found.values())

    async def list_calls_of(self, db: Session, *, run_ids: Sequence[str]) -> Sequence[UsageRow]:
        """The calls of runs that the caller was allowed to see, in the order in which they were booked."""
        return await ReportRepository(db).list_of_run(run_ids)

    def _token_summary(self, whole: Figures) -> Json:
        average = round(whole.total_tokens / whole.sessions, 2) if whole.sessions else 0
        return {
            "session_count": whole.sessions,
            "input_tokens": whole.input_tokens,
            "output_tokens": whole.output_tokens,
            "total_tokens": whole.total_tokens,
            "average_tokens_per_session": average,
            "model_call_count": whole.calls,
            "cost": float(whole.cost / UNITS),
            "currency": self.currency,
        }

    def _bounded(self, filters: CallFilters) -> CallFilters:
        until = filters.until or self._calendar.end_of_day(self._clock.now())
        since = filters.since or until - timedelta(days=USUAL_DAYS)
        if until - since > timedelta(days=MAX_DAYS, hours=1):
            raise ValidationFailedError(_TOO_MANY_DAYS.fill(days=MAX_DAYS).render())
        return replace(filters, since=since, until=until)

    async def _keyed(self, db: Session, found: Sequence[Figures], grouping: Grouping) -> "dict[str | None, _Sum]":
        sums: dict[str | None, _Sum] = {}
        members: Mapping[str, Sequence[Mapping[str, Any]]] = {}
        if grouping == "group":
            members = await self._groups.groups_by_user(db, user_ids=[each.key for each in found])
        for each in found:
            for key in self._keys(each, grouping, members):
                sums.setdefault(key, _Sum()).add(each)
        return sums

    def _keys(
        self, figures: Figures, grouping: Grouping, members: Mapping[str, Sequence[Mapping[str, Any]]]
    ) -> Iterable[str | None]:
        if grouping == "day":
            return [self._calendar.day_of(int(figures.key)).isoformat()]
        if grouping == "group":
            return [str(group["id"]) for group in members.get(figures.key, ())]
        return [figures.key]

    async def _labels(self, db: Session, grouping: Grouping, keys: Sequence[str]) -> Mapping[str, str]:
        if grouping == "user":
            people = await self._accounts.list_people(db, user_ids=keys)
            return {each: person.username for each, person in people.items()}
        if grouping == "group":
            return await self._groups.names_of(db, group_ids=keys)
        if grouping == "provider" and self._providers is not None:
            return await self._providers.names_of(db, provider_ids=keys)
        scope = HOLDERS.get(grouping)
        if scope is not None and scope in self._places.objects:
            holders = await self._places.objects[scope].find_holders(db, ids=keys)
            return {each: holder.label for each, holder in holders.items()}
        return {}


@dataclass(slots=True)
class _Sum:
    """Figures of several keys together."""

    calls: int = 0
    unpriced_calls: int = 0
    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    cost: int = 0

    @staticmethod
    def of(figures: Iterable[Figures]) -> "_Sum":
        """All of them."""
        whole = _Sum()
        for each in figures:
            whole.add(each)
        return whole

    def add(self, figures: Figures) -> None:
        """Adds one key's."""
        self.calls += figures.calls
        self.unpriced_calls += figures.calls_without_cost
        self.input_tokens += figures.input_tokens
        self.output_tokens += figures.output_tokens
        self.cached_tokens += figures.cached_tokens
        self.cost += figures.cost


def _day(item: "tuple[str | None, _Sum]") -> tuple[int, str]:
    return 0, item[0] or ""


def _tokens(item: "tuple[str | None, _Sum]") -> tuple[int, str]:
    """Those with most tokens first."""
    return -(item[1].input_tokens + item[1].output_tokens), item[0] or ""


def _shown(figures: _Sum) -> Json:
    rate = round(figures.cached_tokens / figures.input_tokens, 4) if figures.input_tokens else 0.0
    return {
        "calls": figures.calls,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
        "cached_tokens": figures.cached_tokens,
        "cache_hit_rate": rate,
        "cost": float(figures.cost / UNITS),
        "unpriced_calls": figures.unpriced_calls,
    }


def _token_item(dimension: str, figures: Figures) -> Json:
    keys = {name: figures.key if name == dimension else None for name in ("agent", "user", "session")}
    return {
        **{f"{name}_id": key for name, key in keys.items()},
        "session_count": figures.sessions,
        "input_tokens": figures.input_tokens,
        "output_tokens": figures.output_tokens,
        "total_tokens": figures.total_tokens,
        "cached_tokens": figures.cached_tokens,
        "reasoning_tokens": figures.reasoning_tokens,
        "model_call_count": figures.calls,
        "cost": float(figures.cost / UNITS),
        "started_at": wire_time(figures.first_at),
        "finished_at": wire_time(figures.last_at),
    }


def _csv(rows: Iterable[Sequence[Any]]) -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue().encode()


def _cell(value: Any) -> Any:
    """What a spreadsheet shows as it is, and never calculates."""
    if isinstance(value, float):
        return f"{value:.8f}".rstrip("0").rstrip(".")
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
