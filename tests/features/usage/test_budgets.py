"""`/api/budgets` (platform.md 14.2, 14.3)."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from features.usage.till import Till
from support.house import ADMIN_PASSWORD, House, bearer, house_in, login

pytestmark = pytest.mark.anyio

MEMBERS = [f"{unit}_per_{period}" for period in ("run", "session", "day", "month") for unit in ("tokens", "cost")]
MIDNIGHT, NEXT_MONTH = "2026-01-03T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"


def whole(**members: Any) -> dict[str, Any]:
    return {**dict.fromkeys(MEMBERS), "currency": "USD", **members}


def state(scope: str, target: str, label: str, **fields: Any) -> dict[str, Any]:
    return {
        "scope": scope,
        "id": target,
        "label": label,
        "unit": "tokens",
        "period": "day",
        "reserved": 0,
        "resets_at": MIDNIGHT,
        **fields,
    }


async def test_an_admin_sees_every_budget_with_what_is_gone_of_it(till: Till) -> None:
    call = await till.planned("alice")
    group = await till.crowd.group("team", "alice")
    await till.set("server/all", cost_per_day=3, tokens_per_run=500)
    await till.set(f"user/{call.user_id}", tokens_per_day=2500)
    await till.set(f"group/{group}", tokens_per_month=9000)
    await till.book(call)
    await till.gate.reserve(await till.planned("alice", root_run_id=None))
    code, _, data = await till.crowd.call("admin", "GET", "/api/budgets")
    assert (code, data) == (
        200,
        {
            "total": 3,
            "items": [
                {
                    "scope": "server",
                    "id": "all",
                    "label": "服务器",
                    "budget": whole(cost_per_day=3.0, tokens_per_run=500),
                    "states": [
                        state("server", "all", "服务器", limit=500, spent=0, remaining=500)
                        | {"period": "run", "resets_at": None},
                        state("server", "all", "服务器", limit=3.0, spent=1.0, remaining=1.0)
                        | {"unit": "cost", "reserved": 1.0},
                    ],
                },
                {
                    "scope": "user",
                    "id": call.user_id,
                    "label": "alice",
                    "budget": whole(tokens_per_day=2500),
                    "states": [
                        state("user", call.user_id, "alice", limit=2500, spent=1000, reserved=1000, remaining=500)
                    ],
                },
                {
                    "scope": "group",
                    "id": group,
                    "label": "team",
                    "budget": whole(tokens_per_month=9000),
                    "states": [
                        state("group", group, "team", limit=9000, spent=1000, reserved=1000, remaining=7000)
                        | {"period": "month", "resets_at": NEXT_MONTH}
                    ],
                },
            ],
        },
    )
    assert (await till.crowd.get("admin", "/api/budgets?scope=user&page=2&page_size=1")) == {"items": [], "total": 1}
    assert (await till.crowd.call("admin", "GET", "/api/budgets?scope=planet"))[0] == 422
    assert (await till.crowd.call("alice", "GET", "/api/budgets"))[1] == "forbidden"


async def test_everybody_sees_what_binds_them_and_nothing_of_others(till: Till) -> None:
    alice, bob = await till.planned("alice"), await till.planned("bob")
    group = await till.crowd.group("team", "alice", "bob")
    await till.set("server/all", tokens_per_day=10_000)
    await till.set("default_user/all", tokens_per_day=4000)
    await till.set(f"user/{bob.user_id}", tokens_per_day=5)
    await till.set(f"group/{group}", tokens_per_day=9000)
    await till.book(bob, tokens=3000)
    await till.book(alice)
    assert await till.crowd.get("alice", "/api/budgets/me") == [
        state("server", "all", "服务器", limit=10_000, spent=1000, remaining=None),
        state("default_user", "all", "每个用户", limit=4000, spent=1000, remaining=3000),
        state("group", group, "team", limit=9000, spent=1000, remaining=None),
    ]
    told = await till.crowd.get("bob", "/api/budgets/me")
    assert [(each["scope"], each["spent"], each["remaining"]) for each in told] == [
        ("server", 3000, None),
        ("user", 3000, 0),
        ("group", 3000, None),
    ]


async def test_budgets_of_agents_bind_those_who_may_use_them(till: Till) -> None:
    alice, bob = await till.planned("alice"), await till.planned("bob")
    await till.crowd.add("carol")
    _, _, agent = await till.crowd.call("alice", "POST", "/api/agent/create", {"name": "a"})
    agent_id = agent["agent_id"]
    await till.crowd.call("alice", "POST", "/api/agent/create", {"name": "without a budget"})
    await till.set(f"agent/{agent_id}", "alice", tokens_per_run=500, tokens_per_day=9000)
    await till.crowd.call("alice", "POST", f"/api/agent/{agent_id}/auth", {"user_ids": [bob.user_id]})
    till.house.clock.move(days=-1)
    await till.book(replace(bob, agent_id=agent_id), tokens=7)
    till.house.clock.move(days=1)
    await till.book(replace(bob, agent_id=agent_id), tokens=3000)
    await till.book(replace(alice, agent_id=agent_id))
    await till.book(alice, tokens=50)
    # What is left to all would tell what others used.
    for name, spent in (("alice", 1000), ("bob", 3000)):
        assert await till.crowd.get(name, "/api/budgets/me") == [
            state("agent", agent_id, "a", limit=500, spent=0, remaining=500) | {"period": "run", "resets_at": None},
            state("agent", agent_id, "a", limit=9000, spent=spent, remaining=None),
        ]
    # An administrator may see every agent, and is bound by those of his own.
    assert [await till.crowd.get(name, "/api/budgets/me") for name in ("carol", "admin")] == [[], []]


async def test_a_key_sees_its_own_budget_too(till: Till) -> None:
    _, _, key = await till.crowd.call("alice", "POST", "/api/user/keys", {"name": "k"})
    await till.set(f"key/{key['id']}", "alice", tokens_per_day=10)
    async with till.house.browser(Authorization=f"Bearer {key['key']}") as program:
        told = (await program.get("/api/budgets/me")).json()["data"]
        refused = await program.put(f"/api/budgets/key/{key['id']}", json={"tokens_per_day": 10**9})
    assert told == [state("key", key["id"], "k", limit=10, spent=0, remaining=10)]
    assert refused.json()["error_detail"] == "forbidden"
    assert await till.crowd.get("alice", "/api/budgets/me") == []


async def test_the_budget_of_a_key_group_or_agent_is_the_one_kept_with_it(till: Till) -> None:
    await till.planned("alice")
    group = await till.crowd.group("team", tokens_per_day=1)
    _, _, key = await till.crowd.call("alice", "POST", "/api/user/keys", {"name": "k"})
    _, _, agent = await till.crowd.call("alice", "POST", "/api/agent/create", {"name": "a"})
    kept = whole(tokens_per_run=7, cost_per_day=1.5, tokens_per_month=9)
    saved = [
        await till.set(f"group/{group}", **kept),
        await till.set(f"key/{key['id']}", "alice", **kept),
        await till.set(f"agent/{agent['id']}", "alice", **kept),
    ]
    assert saved == [kept, kept, whole(tokens_per_run=7, cost_per_day=1.5)]
    shown = await till.crowd.get("alice", f"/api/agent/{agent['id']}")
    assert (shown["version"], shown["budget"]) == (
        2,
        {"tokens_per_run": 7, "cost_per_run": None, "tokens_per_day": None, "cost_per_day": 1.5, "currency": "USD"},
    )
    assert (await till.crowd.get("admin", f"/api/groups/{group}"))["budget"] == kept
    assert (await till.crowd.get("alice", "/api/user/keys"))[0]["budget"] == kept
    await till.crowd.call("alice", "PUT", f"/api/user/keys/{key['id']}", {"budget": {"tokens_per_day": 0}})
    assert await till.outcome(await till.planned("alice", key_id=key["id"])) == "key"
    for target in (f"group/{group}", f"key/{key['id']}", f"agent/{agent['id']}"):
        name = "admin" if target.startswith("group") else "alice"
        assert await till.crowd.call(name, "DELETE", f"/api/budgets/{target}") == (200, None, {})
    assert await till.crowd.get("admin", "/api/budgets") == {"items": [], "total": 0}
    assert (await till.crowd.get("alice", f"/api/agent/{agent['id']}"))["budget"] is None


async def test_nobody_raises_a_ceiling_that_others_set(till: Till) -> None:
    alice = await till.planned("alice")
    group = await till.crowd.group("team", managers=("alice",))
    _, _, key = await till.crowd.call("bob", "POST", "/api/user/keys", {"name": "k"})
    _, _, agent = await till.crowd.call("bob", "POST", "/api/agent/create", {"name": "a"})
    await till.crowd.call("bob", "POST", f"/api/agent/{agent['id']}/auth", {"user_ids": [alice.user_id]})
    _, _, hidden = await till.crowd.call("bob", "POST", "/api/agent/create", {"name": "b"})
    told = {
        (method, target): (await till.crowd.call(name, method, f"/api/budgets/{target}", {"tokens_per_day": 1}))[1]
        for method in ("PUT", "DELETE")
        for name, target in [
            ("alice", "server/all"),
            ("alice", f"user/{alice.user_id}"),
            ("alice", f"group/{group}"),
            ("alice", f"key/{key['id']}"),
            ("alice", f"agent/{agent['id']}"),
            ("alice", f"agent/{hidden['id']}"),
            ("admin", "user/nobody"),
            ("admin", "group/grp_0000000000000000"),
            ("admin", "server/other"),
            ("admin", "planet/all"),
            ("alice", "agent/default_agent"),
        ]
    }
    one_method = [*["forbidden"] * 3, "budget_not_found", "forbidden", *["budget_not_found"] * 5, "forbidden"]
    assert list(told.values()) == one_method * 2
    code, _, _ = await till.crowd.call("admin", "PUT", f"/api/budgets/agent/{agent['id']}", {"tokens_per_day": 1})
    assert code == 200


@pytest.mark.parametrize(
    "members",
    [{"tokens_per_day": -1}, {"cost_per_run": -0.1}, {"tokens_per_run": 1.5}, {"currency": "XTS"}, {"currency": "x"}],
)
async def test_nonsense_is_refused(till: Till, members: dict[str, Any]) -> None:
    assert (await till.crowd.call("admin", "PUT", "/api/budgets/server/all", members))[0] == 422
    assert await till.crowd.get("admin", "/api/budgets") == {"items": [], "total": 0}


async def test_a_change_is_audited_with_old_and_new(till: Till) -> None:
    await till.set("server/all", tokens_per_day=5)
    await till.set("server/all", tokens_per_day=6)
    assert await till.crowd.call("admin", "DELETE", "/api/budgets/server/all") == (200, None, {})
    entries = (await till.crowd.get("admin", "/api/audit?action=budget.updated"))["items"]
    told = [(each["object"]["id"], each["detail"]["budget"]) for each in entries]
    five, six = whole(tokens_per_day=5), whole(tokens_per_day=6)
    assert told == [
        ("server:all", {"old": six, "new": None}),
        ("server:all", {"old": five, "new": six}),
        ("server:all", {"old": None, "new": five}),
    ]


async def admin_of(house: House) -> dict[str, str]:
    async with house.browser() as fresh:
        return bearer(await login(fresh, "admin", ADMIN_PASSWORD))


async def test_budgets_of_the_environment_count_until_others_are_saved(tmp_path: Path) -> None:
    budgets = '{"server": {"cost_per_day": 10, "currency": "CNY"}, "default_user": {"tokens_per_day": 7}}'
    async with (
        house_in(tmp_path, budgets=budgets, currency_rates={"CNY": Decimal("0.14")}) as house,
        house.browser(**await admin_of(house)) as admin,
    ):
        path = "/api/budgets/server/all"

        async def listed() -> list[tuple[str, Any]]:
            items = (await admin.get("/api/budgets")).json()["data"]["items"]
            return [(each["scope"], each["budget"]) for each in items]

        first, saved = await listed(), await admin.put(path, json={"cost_per_day": 2, "currency": "CNY"})
        second, _ = await listed(), await admin.delete(path)
        third = await listed()
    each_user = ("default_user", whole(tokens_per_day=7))
    assert first == third == [("server", whole(cost_per_day=1.4)), each_user]
    assert second == [("server", saved.json()["data"]), each_user]
    assert saved.json()["data"] == whole(cost_per_day=0.28)
    assert saved.json()["message"] == "预算已更新"
