"""Moments at the edges of the calendar (platform.md 7.3, 12.4, 14.2, 15.1)."""

from urllib.parse import quote

import pytest

from permissions.objects import caller
from support.house import House

pytestmark = pytest.mark.anyio

EDGES = ("0001-01-01T00:00:00+08:00", "9999-12-31T23:59:59-08:00", "1969-12-31T00:00:00Z", "9001-01-01T00:00:00")


async def test_what_lies_at_the_edge_of_the_calendar_is_refused_everywhere(house: House) -> None:
    paths = [
        f"{path}{name}={quote(edge)}"
        for path in ("/api/usage?", "/api/usage/summary?group_by=day&", "/api/usage/export?", "/api/runs?")
        for name in ("from", "to")
        for edge in (*EDGES, "0001-01-05", "9999-12-31")
    ]
    paths += [
        f"{path}?{name}={quote(edge)}"
        for path in ("/api/audit", "/api/audit/export")
        for name in ("from", "to")
        for edge in EDGES
    ]
    paths += [f"/tasks?scheduled_{name}={quote(edge)}" for name in ("after", "before") for edge in EDGES]
    days = {"dimension": "agent", "start_date": "2026-01-01", "end_date": "2026-01-02"}
    async with caller(house, "admin") as admin:
        answers = {path: (await admin.get(path)).status_code for path in paths}
        for day in ("0001-01-01", "9999-12-31"):
            body = {**days, "start_date": "1970-01-01", "end_date": day} if day > "2" else {**days, "start_date": day}
            answers[day] = (await admin.post("/api/token-usage/stats", json=body)).status_code
        kept = await admin.get("/api/usage/summary?group_by=day&from=2026-01-01T00:00:00%2B08:00&to=2026-01-05")
    assert {path: status for path, status in answers.items() if status != 422} == {}
    assert kept.json()["code"] == 200
