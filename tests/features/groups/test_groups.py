"""Groups as objects: shape, names, lists, selector, changes (platform.md 7.2)."""

import asyncio
import re
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from support.crowd import Crowd
from support.house import house_in

pytestmark = pytest.mark.anyio

NO_BUDGET = dict.fromkeys(
    (
        "tokens_per_run", "cost_per_run", "tokens_per_session", "cost_per_session", "tokens_per_day", "cost_per_day",
        "tokens_per_month", "cost_per_month", "currency",
    )
)  # fmt: skip


async def test_a_new_group_is_empty_and_answers_whole(crowd: Crowd) -> None:
    body = {
        "name": " Team ",
        "description": "d",
        "budget": {"cost_per_day": 1.5, "tokens_per_run": 0},
        "id": "grp_mine",
        "source": "trusted_proxy",
        "created_at": "2001-01-01T00:00:00Z",
    }
    admin = await crowd.client("admin")
    answer = (await admin.post("/api/groups", json=body)).json()
    made = answer["data"]
    assert answer["message"] == "用户组创建成功"
    assert re.fullmatch("grp_[0-9a-f]{16}", made["id"])
    assert made == {
        "id": made["id"],
        "name": "Team",
        "description": "d",
        "source": "manual",
        "member_count": 0,
        "my_role": None,
        "budget": {**NO_BUDGET, "cost_per_day": 1.5, "tokens_per_run": 0},
        "created_at": "2026-01-02T03:04:05.000000Z",
    }
    assert await crowd.get("admin", f"/api/groups/{made['id']}") == {**made, "members": []}
    english = await admin.post("/api/groups", json={"name": "Two"}, headers={"X-Locale": "en-US"})
    assert english.json()["message"] == "Group created"


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": None},
        {"name": ""},
        {"name": "  "},
        {"name": "x" * 65},
        {"name": "a\u0007b"},
        {"name": 7},
        {"name": "a", "description": "x" * 501},
        {"name": "a", "budget": {"cost_per_day": -1}},
        {"name": "a", "budget": {"tokens_per_run": 1.5}},
        {"name": "a", "budget": {"currency": "usd"}},
        {"name": "a", "budget": {"currency": "XXX"}},
    ],
)
async def test_a_group_that_breaks_a_rule_is_refused(crowd: Crowd, body: dict[str, Any]) -> None:
    assert (await crowd.call("admin", "POST", "/api/groups", body))[:2] == (422, "validation_error")
    assert (await crowd.get("admin", "/api/groups"))["total"] == 0


async def test_a_name_belongs_to_one_group_ignoring_case_and_width(crowd: Crowd) -> None:
    first, second = await crowd.group("Straße"), await crowd.group("x" * 64)
    for name in ("STRASSE", "ｓtraße", " straße "):
        assert (await crowd.call("admin", "POST", "/api/groups", {"name": name}))[:2] == (409, "group_exists")
        path = f"/api/groups/{second}"
        assert (await crowd.call("admin", "PUT", path, {"name": name}))[:2] == (409, "group_exists")
    code, _, data = await crowd.call("admin", "PUT", f"/api/groups/{first}", {"name": "STRASSE"})
    assert (code, data["name"]) == (200, "STRASSE")
    answer = await (await crowd.client("admin")).post("/api/groups", json={"name": "strasse"})
    assert (answer.status_code, answer.json()["message"]) == (200, "用户组已存在")


async def test_of_many_equal_groups_at_once_one_is_made(crowd: Crowd) -> None:
    admin = await crowd.client("admin")
    answers = await asyncio.gather(*(admin.post("/api/groups", json={"name": "twin"}) for _ in range(8)))
    assert sorted(answer.json()["code"] for answer in answers) == [200, *[409] * 7]


async def test_absent_fields_stay_and_a_null_budget_goes(crowd: Crowd) -> None:
    group = await crowd.group("Team", description="d", budget={"tokens_per_day": 9})
    path = f"/api/groups/{group}"
    before = await crowd.get("admin", path)
    _, _, renamed = await crowd.call("admin", "PUT", path, {"name": "New", "description": None, "source": "x"})
    del before["members"]
    assert renamed == {**before, "name": "New"}
    _, _, changed = await crowd.call("admin", "PUT", path, {"description": "", "budget": None})
    assert changed == {**renamed, "description": "", "budget": None}


async def test_lists_hold_own_groups_and_all_for_admins_by_name(crowd: Crowd) -> None:
    b, a = await crowd.group("beta", managers=("ann",)), await crowd.group("Alpha", "ann", "ben")
    c = await crowd.group("gam_ma")

    async def seen(name: str, query: str = "") -> tuple[list[tuple[str, int, str | None]], int]:
        data = await crowd.get(name, f"/api/groups?{query}")
        return [(item["id"], item["member_count"], item["my_role"]) for item in data["items"]], data["total"]

    assert await seen("ann") == ([(a, 2, "member"), (b, 1, "manager")], 2)
    assert await seen("ben") == ([(a, 2, "member")], 1)
    assert await seen("nobody") == ([], 0)
    assert await seen("admin") == ([(a, 2, None), (b, 1, None), (c, 0, None)], 3)
    assert await seen("admin", "page=2&page_size=2") == ([(c, 0, None)], 3)
    assert await seen("admin", "page=9") == ([], 3)
    assert await seen("admin", "q=ALPH") == ([(a, 2, None)], 1)
    assert await seen("admin", "q=_") == ([(c, 0, None)], 1)
    assert await seen("admin", "q=%25") == ([], 0)
    assert await seen("ben", "q=beta") == ([], 0)


@pytest.mark.parametrize(("directory", "seen"), [("all", ["Alpha", "beta"]), ("groups", ["beta"]), ("self", ["beta"])])
async def test_the_selector_shows_as_much_as_the_directory_allows(
    tmp_path: Path, directory: str, seen: list[str]
) -> None:
    async with house_in(tmp_path, user_directory=directory) as house, AsyncExitStack() as stack:
        crowd = Crowd(house, stack)
        group, _ = await crowd.group("beta", "ann"), await crowd.group("Alpha")
        own = await crowd.get("ann", "/api/groups/options")
        assert [option["label"] for option in own] == seen
        assert {"label": "beta", "value": group} in own
        found = await crowd.get("admin", "/api/groups/options?q=ALPHA")
        assert [option["label"] for option in found] == ["Alpha"]


async def test_a_deleted_group_is_gone_with_its_memberships_and_grants(crowd: Crowd) -> None:
    forgotten: list[str] = []

    class Grants:
        async def forget_group(self, session: object, *, group_id: str) -> None:
            forgotten.append(group_id)

    crowd.house.services.groups.add_references(Grants())
    group = await crowd.group("Team", "ann")
    path = f"/api/groups/{group}"
    assert await crowd.call("admin", "DELETE", path) == (200, None, {})
    assert forgotten == [group]
    for name in ("ann", "admin"):
        assert (await crowd.call(name, "GET", path))[:2] == (404, "group_not_found")
    assert (await crowd.call("admin", "DELETE", path))[:2] == (404, "group_not_found")
    assert (await crowd.get("ann", "/api/auth/session"))["user"]["groups"] == []


async def test_a_group_stays_when_a_grant_cannot_go(crowd: Crowd) -> None:
    class StuckError(Exception):
        pass

    class Grants:
        async def forget_group(self, session: object, *, group_id: str) -> None:
            raise StuckError

    crowd.house.services.groups.add_references(Grants())
    group = await crowd.group("Team", "ann")
    answer = await (await crowd.client("admin")).delete(f"/api/groups/{group}")
    assert answer.status_code == 500
    assert (await crowd.get("ann", f"/api/groups/{group}"))["member_count"] == 1
