"""Sharing agents with people and groups (product.md 3.3)."""

from typing import Any

import pytest

from support.crowd import Answer, Crowd

pytestmark = pytest.mark.anyio


async def agent_of(crowd: Crowd, name: str = "owner", **fields: Any) -> str:
    """An agent of somebody; returns its id."""
    code, slug, data = await crowd.call(name, "POST", "/api/agent/create", {"name": "shared", **fields})
    assert code == 200, slug
    return data["agent_id"]


async def share(crowd: Crowd, agent_id: str, by: str = "owner", **fields: Any) -> Answer:
    """Says who may use an agent."""
    return await crowd.call(by, "POST", f"/api/agent/{agent_id}/auth", {"user_ids": [], **fields})


async def access(crowd: Crowd, name: str, agent_id: str) -> str | None:
    """Why somebody sees an agent; None: it does not exist for them."""
    code, slug, data = await crowd.call(name, "GET", f"/api/agent/{agent_id}")
    assert (code, slug) in ((200, None), (404, "agent_not_found"))
    return data["access"] if data else None


async def test_grants_are_read_and_replaced_as_a_list_in_their_order(crowd: Crowd) -> None:
    owner, *people = await crowd.add("owner", "zoe", "ann", "max")
    group = await crowd.group("Team")
    agent = await agent_of(crowd)
    path = f"/api/agent/{agent}/auth"
    assert await share(crowd, agent, user_ids=[*people[:2], people[0], owner, "unknown"], group_ids=[group, "x"]) == (
        200,
        None,
        {},
    )
    assert await crowd.get("owner", path) == people[:2]
    crowd.house.clock.move(seconds=1)
    await share(crowd, agent, user_ids=[people[1], people[2]])
    detail = await crowd.get("owner", f"{path}?detail=true")
    first, second = "2026-01-02T03:04:05.000000Z", "2026-01-02T03:04:06.000000Z"
    assert detail == {
        "user_ids": people[1:],
        "group_ids": [group],
        "grants": [
            {"kind": "user", "id": people[1], "name": "ann", "granted_by": owner, "granted_at": first},
            {"kind": "group", "id": group, "name": "Team", "granted_by": owner, "granted_at": first},
            {"kind": "user", "id": people[2], "name": "max", "granted_by": owner, "granted_at": second},
        ],
    }
    await share(crowd, agent, group_ids=[])
    assert (await crowd.get("owner", f"{path}?detail=true"))["grants"] == []


async def test_who_was_granted_reads_and_uses_and_does_nothing_more(crowd: Crowd) -> None:
    await crowd.add("owner", "friend", "other")
    agent = await agent_of(crowd)
    await share(crowd, agent, user_ids=[crowd.ids["friend"]])
    crowd.house.clock.move(seconds=1)
    assert [await access(crowd, name, agent) for name in ("owner", "friend", "other", "admin")] == [
        "owner",
        "use",
        None,
        "admin",
    ]
    lists = {
        scope: [each["id"] for each in await crowd.get("friend", f"/api/agent/list?scope={scope}")]
        for scope in ("own", "granted", "all")
    }
    assert lists == {"own": [], "granted": [agent], "all": [agent]}
    told = [
        await crowd.call(name, method, path, body)
        for name in ("friend", "other")
        for method, path, body in (
            ("PUT", f"/api/agent/{agent}", {"name": "mine"}),
            ("DELETE", f"/api/agent/{agent}", None),
            ("GET", f"/api/agent/{agent}/auth", None),
            ("POST", f"/api/agent/{agent}/auth", {"user_ids": []}),
        )
    ]
    assert [(code, slug) for code, slug, _ in told] == [
        *[(403, "agent_forbidden")] * 4,
        *[(404, "agent_not_found")] * 4,
    ]


async def test_each_refusal_has_its_own_words(crowd: Crowd) -> None:
    await crowd.add("owner", "friend")
    agent = await agent_of(crowd)
    await share(crowd, agent, user_ids=[crowd.ids["friend"]])
    client = await crowd.client("friend")
    texts = [
        (await client.request(method, f"/api/agent/{agent}/auth", json=body)).json()["message"]
        for method, body in (("GET", None), ("POST", {"user_ids": []}))
    ]
    assert texts == ["无权查看授权用户", "无权修改授权"]


async def test_a_grant_to_a_group_lives_with_membership_and_group(crowd: Crowd) -> None:
    await crowd.add("owner", "friend")
    group = await crowd.group("Team", "friend")
    agent = await agent_of(crowd)
    await share(crowd, agent, group_ids=[group])
    crowd.house.clock.move(seconds=1)
    assert await access(crowd, "friend", agent) == "use"
    await crowd.call("admin", "DELETE", f"/api/groups/{group}/members/{crowd.ids['friend']}")
    crowd.house.clock.move(seconds=1)
    assert await access(crowd, "friend", agent) is None
    await crowd.call("admin", "POST", f"/api/groups/{group}/members", {"user_ids": [crowd.ids["friend"]]})
    crowd.house.clock.move(seconds=1)
    assert await access(crowd, "friend", agent) == "use"
    await crowd.call("admin", "DELETE", f"/api/groups/{group}")
    crowd.house.clock.move(seconds=1)
    assert await access(crowd, "friend", agent) is None
    assert (await crowd.get("owner", f"/api/agent/{agent}/auth?detail=true"))["group_ids"] == []


async def test_a_grant_that_is_taken_away_ends_at_once(crowd: Crowd) -> None:
    await crowd.add("owner", "friend")
    agent = await agent_of(crowd)
    await share(crowd, agent, user_ids=[crowd.ids["friend"]])
    assert await access(crowd, "friend", agent) == "use"
    await share(crowd, agent)
    assert await access(crowd, "friend", agent) is None


async def test_an_admin_shares_for_the_owner_and_nobody_shares_the_built_in_agent(crowd: Crowd) -> None:
    await crowd.add("owner", "friend")
    agent = await agent_of(crowd)
    assert (await share(crowd, agent, by="admin", user_ids=[crowd.ids["friend"]]))[0] == 200
    assert await access(crowd, "friend", agent) == "use"
    assert (await share(crowd, "default_agent"))[:2] == (403, "agent_forbidden")


async def test_a_granted_agent_may_be_named_as_sub_agent_and_goes_with_its_grant(crowd: Crowd) -> None:
    await crowd.add("owner", "friend")
    group = await crowd.group("Team", "friend")
    by_user, by_group, hidden = [await _named(crowd, each) for each in ("a", "b", "c")]
    await share(crowd, by_user, user_ids=[crowd.ids["friend"]])
    await share(crowd, by_group, group_ids=[group])
    crowd.house.clock.move(seconds=1)
    wanted = {"name": "mine", "availableSubAgentIds": [by_user, by_group, hidden]}
    _, _, made = await crowd.call("friend", "POST", "/api/agent/create", wanted)
    assert [(each["field"], each["value"]) for each in made["warnings"]] == [("availableSubAgentIds", hidden)]
    await share(crowd, by_user)
    shown = await crowd.get("friend", f"/api/agent/{made['id']}")
    assert shown["availableSubAgentIds"] == [by_user, by_group]
    assert [(each["value"], each["reason"]) for each in shown["warnings"]] == [(by_user, "unknown")]


async def _named(crowd: Crowd, name: str) -> str:
    _, _, data = await crowd.call("owner", "POST", "/api/agent/create", {"name": name})
    return data["agent_id"]


async def test_sharing_is_written_down(crowd: Crowd) -> None:
    await crowd.add("owner", "friend")
    agent = await agent_of(crowd)
    await share(crowd, agent, user_ids=[crowd.ids["friend"]])
    await share(crowd, agent, user_ids=[crowd.ids["friend"]])
    await share(crowd, agent)
    entries = (await crowd.get("admin", f"/api/audit?action=agent.&object_id={agent}"))["items"][::-1]
    friend = crowd.ids["friend"]
    assert [(each["action"], each["detail"]) for each in entries] == [
        ("agent.created", {"name": "shared"}),
        ("agent.shared", {"users_added": [friend], "users_removed": []}),
        ("agent.shared", {"users_added": [], "users_removed": [friend]}),
    ]


@pytest.mark.parametrize(
    ("mode", "left"),
    [("delete", {"shared": "admin"}), ("transfer", {"shared": "heir", "private": "heir"}), ("delete_all", {})],
)
async def test_agents_of_a_deleted_user_go_or_are_handed_on(crowd: Crowd, mode: str, left: dict[str, str]) -> None:
    owner, _, heir = await crowd.add("owner", "friend", "heir")
    shared, private = await agent_of(crowd), await _named(crowd, "private")
    await crowd.call("heir", "POST", "/api/agent/create", {"name": "shared"})
    await share(crowd, shared, user_ids=[crowd.ids["friend"]])
    body = {"user_id": owner, "objects": mode, "transfer_to": heir}
    assert (await crowd.call("admin", "POST", "/api/user/delete", body))[0] == 200
    admin = (await crowd.get("admin", "/api/auth/session"))["user"]["userid"]
    who = {admin: "admin", heir: "heir"}
    owners = {each["id"]: who[each["user_id"]] for each in await crowd.get("admin", "/api/agent/list")}
    names = {"shared": shared, "private": private}
    assert {name: owners[agent] for name, agent in names.items() if agent in owners} == left
    assert await access(crowd, "friend", shared) == ("use" if left else None)
    if mode == "transfer":
        assert (await crowd.get("heir", f"/api/agent/{shared}"))["name"] == "shared (2)"
