"""Create, read, change and delete agents (product.md 3.1, 3.2, 3.5)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from clary.features.agents.service import AgentLimits
from features.llm_providers.stage import ENGLISH, Stage, staged

pytestmark = pytest.mark.anyio

LISTED, CREATE = "/api/agent/list", "/api/agent/create"
FIRST = "agent_00000001"


def whole(**fields: Any) -> dict[str, Any]:
    """AgentConfigDTO of an agent that was created with a name alone."""
    return {
        "id": FIRST,
        "user_id": "alice",
        "name": "A",
        "systemPrefix": None,
        "systemContext": {},
        "availableWorkflows": {},
        "availableTools": [],
        "availableSubAgentIds": [],
        "availableSkills": [],
        "availableKnowledgeBases": [],
        "memoryType": "session",
        "maxLoopCount": 50,
        "deepThinking": None,
        "thinkingLevel": None,
        "llm_provider_id": None,
        "fast_llm_provider_id": None,
        "enableMultimodal": False,
        "moreSuggest": False,
        "multiAgent": False,
        "agentMode": "simple",
        "description": "",
        "subAgentSelectionMode": "manual",
        "is_default": False,
        "contextBudgetConfig": None,
        "toolApprovalMode": "auto",
        "commandPolicy": {},
        "egressAllowList": [],
        "budget": None,
        "access": "owner",
        "version": 1,
        "created_at": "2026-01-02T03:04:06.000000Z",
        "updated_at": "2026-01-02T03:04:06.000000Z",
        "warnings": [],
        **fields,
    }


def not_found(agent_id: str) -> tuple[int, int, str, str]:
    return 200, 404, "agent_not_found", f"Agent '{agent_id}' 不存在"


async def read(stage: Stage, name: str = "alice", agent_id: str = FIRST) -> dict[str, Any]:
    return (await stage.person(name).get(f"/api/agent/{agent_id}")).data


FULL: dict[str, Any] = {
    "name": "Full",
    "systemPrefix": "P",
    "systemContext": {"city": "Köln", "deep": {"a": [1, None]}},
    "availableWorkflows": {"w": ["one", "two"]},
    "availableTools": ["todo_write", "file_read"],
    "memoryType": "user",
    "maxLoopCount": 7,
    "deepThinking": False,
    "enableMultimodal": True,
    "multiAgent": True,
    "agentMode": "fibre",
    "description": "d",
    "thinkingLevel": "high",
    "moreSuggest": True,
    "subAgentSelectionMode": "auto",
    "is_default": True,
    "contextBudgetConfig": {"history_ratio": 0.2, "active_ratio": 0.3, "max_new_message_ratio": 0.5},
    "toolApprovalMode": "risky",
    "commandPolicy": {"deny": ["rm"]},
    "egressAllowList": ["api.example.com", "*.example.com:8443"],
    "budget": {
        "tokens_per_run": 0,
        "cost_per_run": 1.5,
        "tokens_per_day": None,
        "cost_per_day": 2.0,
        "currency": "USD",
    },
}


async def test_an_agent_with_a_name_alone_has_every_key_at_its_default(stage: Stage) -> None:
    alice = stage.person("alice")
    made = await alice.post(CREATE, {"name": "  A "})
    assert made.data == {"agent_id": FIRST, "id": FIRST, "version": 1, "warnings": []}
    assert made.body["message"] == f"Agent '{FIRST}' 创建成功"
    got = await alice.get(f"/api/agent/{FIRST}")
    assert (got.data, got.body["message"]) == (whole(), f"获取Agent '{FIRST}' 成功")
    english = await alice.get(LISTED, headers=ENGLISH)
    assert (english.data, english.body["message"]) == ([whole()], "success")
    assert (await alice.get(LISTED)).body["message"] == "成功获取 1 个Agent"


async def test_an_agent_comes_back_as_it_was_saved(stage: Stage) -> None:
    provider = await stage.provider("alice")
    fields = {**FULL, "llm_provider_id": provider, "fast_llm_provider_id": "demo"}
    await stage.person("alice").post(CREATE, fields)
    created = (await read(stage))["created_at"]
    assert await read(stage) == whole(**fields, created_at=created, updated_at=created)


async def test_what_existing_clients_send_along_disturbs_nothing(stage: Stage) -> None:
    extra = {
        "id": "agent_ffffffff",
        "user_id": "bob",
        "access": {"odd": 1},
        "version": "1.0",
        "created_at": 5,
        "warnings": "none",
        "is_system": True,
        "llmConfig": {"model": ""},
        "moreSupport": False,
        "exportTime": "2026",
        "im_channels": {},
        "system_prefix": "not the wire name",
        "llm_provider_id": "",
        "agentMode": None,
        "memoryType": "forever",
        "maxLoopCount": "0",
    }
    await stage.person("alice").post(CREATE, {"name": "A", **extra})
    assert await read(stage) == whole()


@pytest.mark.parametrize(
    "fields",
    [
        {"name": None},
        {"name": 5},
        {"name": "n" * 101},
        {"name": "a\nb"},
        {"systemPrefix": "p" * 65537},
        {"systemContext": {"k": "v" * 65536}},
        {"systemContext": []},
        {"availableWorkflows": {str(n): [] for n in range(51)}},
        {"availableWorkflows": {"n" * 101: []}},
        {"availableWorkflows": {"w": ["s"] * 101}},
        {"availableWorkflows": {"w": ["s" * 2001]}},
        {"availableTools": ["t"] * 1001},
        {"availableTools": [1]},
        {"availableSubAgentIds": ["a"] * 101},
        {"availableSkills": ["s"] * 201},
        {"availableKnowledgeBases": ["k"] * 1001},
        {"maxLoopCount": "many"},
        {"maxLoopCount": 1.5},
        {"deepThinking": "perhaps"},
        {"thinkingLevel": "enormous"},
        {"agentMode": "m" * 33},
        {"description": "d" * 2001},
        {"subAgentSelectionMode": "all"},
        {"contextBudgetConfig": {"history_ratio": 0.6, "active_ratio": 0.5}},
        {"contextBudgetConfig": {"recent_turns": -1}},
        {"toolApprovalMode": "never"},
        {"commandPolicy": {"deny": ["c"] * 101}},
        {"commandPolicy": ["rm"]},
        {"egressAllowList": ["h.com"] * 51},
        {"egressAllowList": ["https://h.com"]},
        {"egressAllowList": ["*"]},
        {"budget": {"tokens_per_run": -1}},
        {"budget": {"currency": "XTS"}},
    ],
    ids=lambda fields: str(fields)[:40],
)
async def test_nonsense_is_refused_and_nothing_is_stored(stage: Stage, fields: dict[str, Any]) -> None:
    alice = stage.person("alice")
    answer = await alice.post(CREATE, {"name": "A", **fields})
    assert (answer.status, answer.body["code"], answer.slug) == (422, 422, "validation_error")
    assert (await alice.get(LISTED)).data == []


async def test_a_name_must_not_be_empty_nor_taken_by_an_agent_of_the_same_owner(stage: Stage) -> None:
    alice, bob = stage.person("alice"), stage.person("bob")
    assert (await alice.post(CREATE, {"name": " "})).refusal == (200, 400, "agent_name_empty", "Agent 名称不能为空")
    await stage.agent("alice", name="Cafe\u0301")
    taken = (200, 409, "agent_exists", "Agent 'Café' 已存在")
    assert (await alice.post(CREATE, {"name": "Caf\u00e9"})).refusal == taken
    other = await stage.agent("alice", name="café")
    assert (await alice.put(f"/api/agent/{other}", {"name": " Café"})).refusal == taken
    assert (await read(stage, agent_id=other))["name"] == "café"
    assert (await bob.post(CREATE, {"name": "Café"})).body["code"] == 200


async def test_of_two_creates_of_one_name_at_once_one_succeeds(stage: Stage) -> None:
    alice = stage.person("alice")
    answers = await asyncio.gather(*(alice.post(CREATE, {"name": "A"}) for _ in range(2)))
    assert sorted(answer.body["code"] for answer in answers) == [200, 409]


async def test_more_agents_than_allowed_are_refused(tmp_path: Path) -> None:
    async with staged(tmp_path, limits=AgentLimits(max_agents_per_user=2)) as stage:
        for name in ("1", "2"):
            await stage.agent("alice", name=name)
        answer = await stage.person("alice").post(CREATE, {"name": "3"})
        assert answer.refusal == (200, 409, "object_limit", "数量已达上限: 2")


async def test_a_put_replaces_the_fields_of_the_reference_and_leaves_absent_additions(stage: Stage) -> None:
    alice = stage.person("alice")
    await alice.post(CREATE, FULL)
    saved = await alice.put(f"/api/agent/{FIRST}", {"id": "other", "name": "New", "moreSuggest": None})
    assert saved.data == {"agent_id": FIRST, "id": FIRST, "version": 2, "warnings": []}
    assert saved.body["message"] == f"Agent '{FIRST}' 更新成功"
    additions = ("thinkingLevel", "subAgentSelectionMode", "is_default", "contextBudgetConfig", "toolApprovalMode")
    kept = {name: FULL[name] for name in (*additions, "commandPolicy", "egressAllowList", "budget")}
    now = "2026-01-02T03:04:07.000000Z"
    assert await read(stage) == whole(name="New", version=2, updated_at=now, **kept)
    cleared = {**dict.fromkeys(kept), "name": "A"}
    await alice.put(f"/api/agent/{FIRST}", cleared)
    assert await read(stage) == whole(version=3, updated_at="2026-01-02T03:04:08.000000Z")


async def test_values_over_a_limit_are_clamped_and_protected_context_is_dropped_with_a_warning(stage: Stage) -> None:
    answer = await stage.person("alice").post(
        CREATE, {"name": "A", "maxLoopCount": 10**9, "systemContext": {"user_id": "bob", "ok": 1}}
    )
    assert answer.data["warnings"] == [
        {"field": "systemContext", "value": "user_id", "reason": "protected"},
        {"field": "maxLoopCount", "value": 10**9, "reason": "clamped"},
    ]
    assert await read(stage) == whole(maxLoopCount=200, systemContext={"ok": 1})


async def test_unknown_tools_and_skills_are_kept_and_named_at_each_read(stage: Stage) -> None:
    lists = {"availableTools": ["nope", "file_read", "nope"], "availableSkills": ["s"]}
    warnings = [
        {"field": "availableTools", "value": "nope", "reason": "unknown"},
        {"field": "availableSkills", "value": "s", "reason": "unknown"},
    ]
    answer = await stage.person("alice").post(CREATE, {"name": "A", **lists})
    assert answer.data["warnings"] == warnings
    kept = {"availableTools": ["nope", "file_read"], "availableSkills": ["s"]}
    assert await read(stage) == whole(**kept, warnings=warnings)


async def test_foreign_and_unknown_references_are_removed_alike(stage: Stage) -> None:
    helper, foreign = await stage.agent("alice", name="helper"), await stage.agent("bob")
    wanted = {
        "availableSubAgentIds": [foreign, helper, "agent_99999999", "default_agent"],
        "availableKnowledgeBases": ["k1"],
    }
    answer = await stage.person("alice").post(CREATE, {"name": "lead", **wanted})
    lead = answer.data["id"]
    assert answer.data["warnings"] == [
        {"field": "availableSubAgentIds", "value": foreign, "reason": "unknown"},
        {"field": "availableSubAgentIds", "value": "agent_99999999", "reason": "unknown"},
        {"field": "availableKnowledgeBases", "value": "k1", "reason": "unknown"},
    ]
    saved = await read(stage, agent_id=lead)
    assert saved["availableSubAgentIds"] == [helper, "default_agent"]
    assert (saved["availableKnowledgeBases"], saved["warnings"]) == ([], [])
    itself = await stage.person("alice").put(f"/api/agent/{lead}", {"name": "lead", "availableSubAgentIds": [lead]})
    assert itself.data["warnings"] == [{"field": "availableSubAgentIds", "value": lead, "reason": "not_usable"}]


async def test_an_admins_save_is_checked_against_the_rights_of_the_owner(stage: Stage) -> None:
    agent, roots = await stage.agent("alice"), await stage.agent("root", name="R")
    provider, own = await stage.provider("root"), await stage.provider("alice")
    root = stage.person("root")
    refused = await root.put(f"/api/agent/{agent}", {"name": "A", "llm_provider_id": provider})
    assert refused.refusal == (200, 404, "provider_not_found", "Provider not found")
    body = {"name": "A", "llm_provider_id": own, "availableSubAgentIds": [roots]}
    assert [each["value"] for each in (await root.put(f"/api/agent/{agent}", body)).data["warnings"]] == [roots]
    seen = await read(stage, "root", agent)
    assert (seen["user_id"], seen["access"], seen["llm_provider_id"]) == ("alice", "admin", own)


@pytest.mark.parametrize("field", ["llm_provider_id", "fast_llm_provider_id"])
async def test_a_foreign_provider_is_refused_like_an_unknown_one(stage: Stage, field: str) -> None:
    bobs, agent, alice = await stage.provider("bob"), await stage.agent("alice"), stage.person("alice")
    for wanted in (bobs, "no-such-provider"):
        for answer in (
            await alice.post(CREATE, {"name": "B", field: wanted}),
            await alice.put(f"/api/agent/{agent}", {"name": "A", field: wanted}),
        ):
            assert answer.refusal == (200, 404, "provider_not_found", "Provider not found")


async def test_the_version_counts_saves_that_change_something(stage: Stage) -> None:
    await stage.person("alice").post(CREATE, FULL)
    alice, path = stage.person("alice"), f"/api/agent/{FIRST}"
    before = await read(stage)
    assert (await alice.put(path, before)).data["version"] == 1
    assert await read(stage) == before
    assert (await alice.put(path, {**before, "description": "e"})).data["version"] == 2
    async with stage.database.read() as session:
        query = text("SELECT version, author_id, changed, configuration FROM agent_versions ORDER BY version")
        rows = (await session.execute(query)).all()
    assert [(row.version, row.author_id, row.changed) for row in rows] == [
        (1, "alice", "[]"),
        (2, "alice", '["description"]'),
    ]
    assert '"name":"Full"' in rows[0].configuration


async def test_no_mode_and_the_simple_mode_it_is_shown_as_are_one_to_a_save(stage: Stage) -> None:
    alice, path = stage.person("alice"), f"/api/agent/{FIRST}"
    await alice.post(CREATE, {"name": "A"})
    shown = await read(stage)
    assert (shown["agentMode"], (await alice.put(path, shown)).data["version"]) == ("simple", 1)
    await alice.put(path, {**shown, "description": "d"})
    assert (await alice.put(path, {"name": "A", "description": "d"})).data["version"] == 2


async def test_with_many_agents_the_simple_mode_in_place_of_none_is_a_change(stage: Stage) -> None:
    alice, path = stage.person("alice"), f"/api/agent/{FIRST}"
    await alice.post(CREATE, {"name": "A", "multiAgent": True})
    assert (await alice.put(path, {"name": "A", "multiAgent": True})).data["version"] == 1
    assert (await alice.put(path, {"name": "A", "multiAgent": True, "agentMode": "simple"})).data["version"] == 2


async def test_fifty_versions_are_kept(stage: Stage) -> None:
    await stage.agent("alice")
    for number in range(52):
        await stage.person("alice").put(f"/api/agent/{FIRST}", {"name": "A", "description": str(number)})
    async with stage.database.read() as session:
        kept = (await session.scalars(text("SELECT version FROM agent_versions ORDER BY version"))).all()
    assert kept == list(range(4, 54))


async def test_a_save_meant_for_an_older_version_is_refused(stage: Stage) -> None:
    await stage.agent("alice")
    alice, path = stage.person("alice"), f"/api/agent/{FIRST}"
    stale = (200, 409, "version_conflict", "Agent 已被修改，请刷新后重试")
    for wrong in ('"2"', "0", "x", '""'):
        assert (await alice.put(path, {"name": "B"}, headers={"If-Match": wrong})).refusal == stale
    assert (await read(stage))["version"] == 1
    for version, right in enumerate(('"1"', 'W/"2"', "3", '"9", "4"', "*"), start=2):
        saved = await alice.put(path, {"name": f"B{version}"}, headers={"If-Match": right})
        assert saved.data["version"] == version


async def test_of_many_saves_at_once_for_one_version_one_succeeds(stage: Stage) -> None:
    await stage.agent("alice")
    alice, headers = stage.person("alice"), {"If-Match": '"1"'}
    answers = await asyncio.gather(
        *(alice.put(f"/api/agent/{FIRST}", {"name": f"B{n}"}, headers=headers) for n in range(50))
    )
    assert sorted(answer.body["code"] for answer in answers) == [200] + [409] * 49
    assert (await read(stage))["version"] == 2


async def test_one_agent_of_an_owner_is_the_default(stage: Stage) -> None:
    bobs = await stage.agent("bob", is_default=True)
    first = await stage.agent("alice", name="1", is_default=True)
    second = await stage.agent("alice", name="2")
    await stage.person("alice").put(f"/api/agent/{second}", {"name": "2", "is_default": True})
    marks = {row["id"]: row["is_default"] for row in (await stage.person("root").get(LISTED)).data}
    assert marks == {bobs: True, first: False, second: True}
    foreign = await stage.person("bob").put(f"/api/agent/{first}", {"name": "1", "is_default": True})
    assert foreign.refusal == not_found(first)


async def test_a_deleted_agent_is_gone_also_from_the_sub_agents_of_others(stage: Stage) -> None:
    alice, helper = stage.person("alice"), await stage.agent("alice", name="helper")
    lead = await stage.agent("alice", name="lead", availableSubAgentIds=["default_agent", helper])
    deleted = await alice.delete(f"/api/agent/{helper}")
    assert (deleted.data, deleted.body["message"]) == ({"agent_id": helper}, f"Agent '{helper}' 删除成功")
    for answer in (await alice.get(f"/api/agent/{helper}"), await alice.delete(f"/api/agent/{helper}")):
        assert answer.refusal == not_found(helper)
    left = await read(stage, agent_id=lead)
    assert (left["availableSubAgentIds"], left["warnings"]) == (["default_agent"], [])
    async with stage.database.read() as session:
        assert (await session.scalars(text("SELECT agent_id FROM agent_versions"))).all() == [lead]
