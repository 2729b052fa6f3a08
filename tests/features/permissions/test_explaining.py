"""Asking why somebody may do something (platform.md 7.4)."""

import json
from typing import Any

import pytest

from clary.features.permissions.service import Identity, Target, examine, is_allowed
from support.crowd import Crowd

pytestmark = pytest.mark.anyio

REFUSING = ("user_disabled", "scope", "key_limits")
RULES = [
    *REFUSING,
    *("owner", "grant_user", "grant_group"),
    *("admin", "system", "builtin", "share"),
]


async def ask(crowd: Crowd, user: str, verb: str, target: str, **more: str) -> tuple[bool, list[str]]:
    """(allowed, the rules that speak for it or refuse it) as an admin is told."""
    extra = "".join(f"&{name}={value}" for name, value in more.items())
    data = await crowd.get("admin", f"/api/permissions/explain?user_id={user}&verb={verb}&object={target}{extra}")
    assert [reason["rule"] for reason in data["reasons"]][: len(RULES)] == RULES
    # A rule that refuses speaks up by not allowing, every other one by allowing; `none` stands only where it decides.
    deciding = [
        each["rule"]
        for each in data["reasons"]
        if each["rule"] == "none" or each["allows"] == (each["rule"] not in REFUSING)
    ]
    return data["allowed"], deciding


@pytest.fixture
async def agent(crowd: Crowd) -> str:
    """An agent that is granted to a friend and a team."""
    await crowd.add("owner", "friend", "other")
    group = await crowd.group("Team", "member")
    agent_id = (await crowd.call("owner", "POST", "/api/agent/create", {"name": "a"}))[2]["agent_id"]
    body = {"user_ids": [crowd.ids["friend"]], "group_ids": [group]}
    await crowd.call("owner", "POST", f"/api/agent/{agent_id}/auth", body)
    return agent_id


async def test_the_rule_that_decides_is_named(crowd: Crowd, agent: str) -> None:
    target = f"agent:{agent}"
    assert [
        await ask(crowd, name, verb, target)
        for name, verb in (
            ("owner", "delete"),
            ("friend", "use"),
            ("friend", "write"),
            ("member", "read"),
            ("other", "read"),
            ("admin", "write"),
            (crowd.ids["owner"], "share"),
        )
    ] == [
        (True, ["owner"]),
        (True, ["grant_user"]),
        (False, ["none"]),
        (True, ["grant_group"]),
        (False, ["none"]),
        (True, ["admin"]),
        (True, ["owner"]),
    ]


async def test_a_lock_a_scope_and_the_limits_of_a_key_refuse(crowd: Crowd, agent: str) -> None:
    body = {"name": "k", "scopes": ["read"], "agent_ids": ["agent_00000000"]}
    key = (await crowd.call("owner", "POST", "/api/user/keys", body))[2]["id"]
    assert await ask(crowd, "owner", "write", f"agent:{agent}", key_id=key) == (
        False,
        ["scope", "key_limits", "owner", "none"],
    )
    await crowd.call("admin", "POST", "/api/user/update", {"user_id": crowd.ids["owner"], "disabled": True})
    assert await ask(crowd, "owner", "read", f"agent:{agent}") == (False, ["user_disabled", "owner", "none"])


async def test_other_kinds_of_objects_are_known_too(crowd: Crowd) -> None:
    pia, _ = await crowd.add("pia", "eve")
    row = {"base_url": "https://api.example.com/v1", "api_keys": ["sk-123456789"], "model": "m"}
    provider = (await crowd.call("pia", "POST", "/api/llm-provider/create", row))[2]["id"]
    key = (await crowd.call("pia", "POST", "/api/user/keys", {"name": "k"}))[2]["id"]
    group = await crowd.group("Team", "pia")
    answers = [
        await ask(crowd, name, verb, target)
        for name, verb, target in (
            ("pia", "use", f"provider:{provider}"),
            ("admin", "use", f"provider:{provider}"),
            ("admin", "delete", f"key:{key}"),
            ("pia", "read", f"group:{group}"),
            ("eve", "read", f"group:{group}"),
            ("pia", "write", f"user:{pia}"),
            ("eve", "use", "agent:default_agent"),
            ("eve", "use", "provider:demo"),
        )
    ]
    assert answers == [
        (True, ["owner"]),
        (False, ["none"]),
        (True, ["admin"]),
        (True, ["grant_group"]),
        (False, ["none"]),
        (True, ["owner"]),
        (True, ["builtin"]),
        (True, ["system"]),
    ]


async def test_what_is_unknown_is_told_and_a_question_is_written_down(crowd: Crowd, agent: str) -> None:
    paths = [
        f"user_id={user}&verb=read&object={target}"
        for user, target in (("nobody", f"agent:{agent}"), ("owner", "agent:agent_00000000"), ("owner", "kdb:x"))
    ] + [f"user_id=owner&verb=read&object=agent:{agent}&key_id=none", "user_id=owner&verb=read&object=planet:x"]
    for path in paths:
        assert (await crowd.call("admin", "GET", f"/api/permissions/explain?{path}"))[:2] == (404, "object_not_found")
    assert (await crowd.call("admin", "GET", "/api/permissions/explain?user_id=owner&verb=eat&object=a:b"))[0] == 422
    await ask(crowd, "owner", "read", f"agent:{agent}")
    (entry,) = (await crowd.get("admin", "/api/audit?action=permission.explained"))["items"]
    assert (entry["object"]["id"], entry["detail"]) == (
        crowd.ids["owner"],
        {"verb": "read", "object": f"agent:{agent}"},
    )


def test_an_empty_user_id_matches_no_object_and_no_grant() -> None:
    nobody = Identity("", "", "user", "access_token")
    target: Any = Target("agent", "a", "", granted_users=frozenset({""}))
    assert is_allowed(examine(nobody, "read", target, is_active=True)) is False
    assert json.dumps([each.rule for each in examine(nobody, "read", target, is_active=True)][-1]) == '"none"'
