"""Figures of the whole server, and of the tools somebody used (platform.md 9.4)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from clary.db.session import Session
from clary.features.observability.ports import Count, StorageSizes
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunReports
from clary.features.usage.service import Calendar, DayOfUse, UsageReports
from clary.kit.clock import Clock

Json = dict[str, Any]
MAX_DAYS = 365
ZERO = Decimal(0)
COUNTED = ("users", "agents", "conversations", "knowledge_bases", "documents")


@dataclass(slots=True)
class _Day:
    runs: int = 0
    people: set[str] = field(default_factory=set[str])
    tokens: int = 0
    cost: Decimal = ZERO

    def add(self, used: DayOfUse) -> None:
        self.tokens += used.tokens
        self.cost += used.cost


class Statistics:
    """Use cases of `/api/system/stats` and `/api/system/agent/usage-stats`. `counts`: by the names of `COUNTED`."""

    def __init__(
        self,
        *,
        runs: RunReports,
        usage: UsageReports,
        counts: Mapping[str, Count],
        sizes: StorageSizes,
        calendar: Calendar,
        clock: Clock,
    ) -> None:
        self._runs = runs
        self._usage = usage
        self._counts = counts
        self._sizes = sizes
        self._calendar = calendar
        self._clock = clock

    async def count_tools(
        self, db: Session, *, identity: Identity, days: int, user_id: str | None, agent_id: str | None
    ) -> dict[str, int]:
        """Tool → calls in the runs of so many days, clamped to 1..365."""
        return await self._runs.count_tools(
            db, identity=identity, days=min(max(days, 1), MAX_DAYS), user_id=user_id, agent_id=agent_id
        )

    async def describe(self, db: Session, *, days: int) -> Json:
        """Everything at a glance, with the days of the last so many (clamped to 1..365), today the last."""
        since = self._first_moment(min(max(days, 1), MAX_DAYS))
        counted = {name: await self._counts[name](db) for name in COUNTED if name in self._counts}
        daily = await self._daily(db, since)
        people = {user for day in daily.values() for user in day.people}
        by_status = await self._runs.count_by_status(db, since=since)
        active = await self._runs.count_active(db)
        return {
            "users": {"total": counted.pop("users", 0), "active": len(people)},
            **{name: counted.get(name, 0) for name in COUNTED[1:]},
            "runs": {
                "active": active["queued"] + active["running"],
                "waiting": active["waiting"],
                "by_status": by_status,
            },
            "tokens": sum(day.tokens for day in daily.values()),
            "cost": float(sum((day.cost for day in daily.values()), start=ZERO)),
            "currency": self._usage.currency,
            "storage_bytes": dict(await self._sizes.measure(db)),
            "daily": [
                {
                    "date": date,
                    "runs": day.runs,
                    "active_users": len(day.people),
                    "tokens": day.tokens,
                    "cost": float(day.cost),
                }
                for date, day in sorted(daily.items())
            ],
        }

    def _first_moment(self, days: int) -> datetime:
        end = self._calendar.end_of_day(self._clock.now())
        return self._calendar.first_moment((end - timedelta(days=days)).date())

    async def _daily(self, db: Session, since: datetime) -> dict[str, _Day]:
        found: dict[str, _Day] = {}
        moment, end = since, self._calendar.end_of_day(self._clock.now())
        while moment < end:
            found[moment.date().isoformat()] = _Day()
            moment = self._calendar.first_moment(moment.date() + timedelta(days=1))
        for each in await self._runs.list_days(db, since=since):
            day = found.get(self._calendar.day_of(each.quarter).isoformat())
            if day is not None:
                day.runs += each.runs
                day.people.add(each.user_id)
        for used in await self._usage.list_days(db, since=since):
            day = found.get(used.day)
            if day is not None:
                day.add(used)
        return found
