"""Who sees which agents, the built-in one, fixed words, and the default prompt (product.md 3.2–3.4)."""

import pytest

from clary.features.agents.errors import AgentNotFoundError
from clary.features.agents.service import AgentSnapshot
from features.agents.test_saving import CREATE, FULL, LISTED, not_found, whole
from features.llm_providers.stage import ENGLISH, Stage, identity_of

pytestmark = pytest.mark.anyio

TEMPLATE = "/api/agent/template/default_system_prompt"
WORDS = ("list", "create", "template", "tasks", "abilities", "auto-generate", "system-prompt", "workspace")


async def test_a_strangers_agent_answers_like_an_unknown_one(stage: Stage) -> None:
    agent, bob = await stage.agent("alice"), stage.person("bob")
    for each in (agent, "agent_99999999", "a" * 65, "%2e%2e", "x y", "agent_%"):
        shown = each.replace("%2e", ".")
        assert (await bob.get(f"/api/agent/{each}")).refusal == not_found(shown)
        assert (await bob.put(f"/api/agent/{each}", {"name": "x"})).refusal == not_found(shown)
        assert (await bob.delete(f"/api/agent/{each}")).refusal == not_found(shown)
    assert (await bob.get(LISTED)).data == []
    assert (await stage.person("alice").get(f"/api/agent/{agent}")).data == whole()


async def test_lists_hold_own_agents_by_name_and_for_admins_all(stage: Stage) -> None:
    ids = {name: await stage.agent("alice", name=name) for name in ("b", "Z", "ä", "a")}
    ids["r"] = await stage.agent("root", name="a")

    async def names(who: str, query: str = "") -> list[str]:
        return [row["id"] for row in (await stage.person(who).get(LISTED + query)).data]

    alices = [ids["Z"], ids["a"], ids["b"], ids["ä"]]
    assert await names("alice") == await names("alice", "?scope=own") == await names("alice", "?scope=null") == alices
    assert await names("alice", "?scope=granted") == await names("bob") == []
    assert await names("root") == [ids["Z"], ids["a"], ids["r"], ids["b"], ids["ä"]]
    assert await names("root", "?scope=own") == [ids["r"]]
    assert (await stage.person("alice").get(LISTED + "?scope=mine")).status == 422


async def test_the_built_in_agent_is_read_by_everybody_and_changed_by_nobody(stage: Stage) -> None:
    built_in = whole(
        id="default_agent", user_id="", name="Clary Assistant", access="builtin", created_at=None, updated_at=None
    )
    for name in ("alice", "root"):
        person = stage.person(name)
        assert (await person.get("/api/agent/default_agent")).data == built_in
        assert (await person.get(LISTED)).data == []
        change = await person.put("/api/agent/default_agent", {"name": "x"})
        assert change.refusal == (200, 403, "agent_forbidden", "无权更新该Agent")
        removal = await person.delete("/api/agent/default_agent", headers=ENGLISH)
        assert removal.refusal == (200, 403, "agent_forbidden", "You may not delete this agent")


@pytest.mark.parametrize("word", WORDS)
async def test_fixed_words_are_never_agent_ids(stage: Stage, word: str) -> None:
    for name in ("alice", None):
        for method in ("GET", "PUT", "DELETE"):
            if (method, word) == ("GET", "list"):
                continue
            answer = await stage.person(name).call(method, f"/api/agent/{word}", {} if method == "PUT" else None)
            assert answer.refusal == (405, 405, "method_not_allowed", "请求方法不支持")
            assert "Allow" in answer.headers


async def test_who_has_no_login_or_not_the_scope_gets_nowhere(stage: Stage) -> None:
    agent = await stage.agent("alice")
    writing = [("POST", CREATE), ("PUT", f"/api/agent/{agent}"), ("DELETE", f"/api/agent/{agent}")]
    for method, path in [*writing, ("GET", LISTED), ("GET", f"/api/agent/{agent}"), ("GET", TEMPLATE)]:
        body = {"name": "x"} if method in ("POST", "PUT") else None
        answer = await stage.person(None).call(method, path, body)
        assert answer.refusal == (401, 401, "unauthenticated", "未登录")
    for method, path in writing:
        body = {"name": "x"} if method in ("POST", "PUT") else None
        answer = await stage.person("alice/read").call(method, path, body)
        assert answer.refusal == (200, 403, "forbidden", "权限不足")
    assert (await stage.person("alice/read").get(f"/api/agent/{agent}")).data == whole()


async def test_the_default_prompt_speaks_chinese_english_and_portuguese(stage: Stage) -> None:
    async def first_line(query: str) -> str:
        data = (await stage.person("alice").get(TEMPLATE + query)).data
        assert set(data) == {"content"}
        return data["content"].splitlines()[0]

    chinese = ("", "?language=zh", "?language=zh-TW", "?language=fr", "?params=%5Bobject+Object%5D", "?language=")
    assert [await first_line(query) for query in chinese] == ["# 角色"] * 6
    assert [await first_line(f"?language={tag}") for tag in ("en", "EN-gb")] == ["# Role"] * 2
    assert [await first_line(f"?language={tag}") for tag in ("pt", "pt-BR")] == ["# Papel"] * 2


async def resolved(stage: Stage, name: str, agent_id: str | None) -> AgentSnapshot:
    async with stage.database.read() as session:
        return await stage.agents.resolve_for_run(session, identity=identity_of(name), agent_id=agent_id)


async def test_a_run_gets_the_named_agent_else_the_default_one_else_the_built_in_one(stage: Stage) -> None:
    plain = await stage.agent("alice", name="plain")
    assert (await resolved(stage, "alice", plain)).agent_id == plain
    assert (await resolved(stage, "alice", None)).agent_id == "default_agent"
    marked = await stage.agent("alice", name="marked", is_default=True)
    assert (await resolved(stage, "alice", "")).agent_id == marked
    assert (await resolved(stage, "alice", "default_agent")).name == "Clary Assistant"
    assert (await resolved(stage, "bob", None)).agent_id == "default_agent"
    for foreign in (plain, "agent_99999999", "list"):
        with pytest.raises(AgentNotFoundError):
            await resolved(stage, "bob", foreign)


async def test_a_snapshot_holds_the_whole_configuration_and_survives_storage(stage: Stage) -> None:
    agent = await stage.agent("alice", **FULL)
    snapshot = await resolved(stage, "alice", agent)
    assert snapshot == AgentSnapshot(
        agent_id=agent,
        owner_id="alice",
        access="owner",
        version=1,
        name="Full",
        description="d",
        system_prefix="P",
        system_context={"city": "Köln", "deep": {"a": [1, None]}},
        workflows={"w": ["one", "two"]},
        tools=("todo_write", "file_read"),
        sub_agent_ids=(),
        sub_agent_selection="auto",
        skills=(),
        knowledge_base_ids=(),
        memory_type="user",
        max_loop_count=7,
        deep_thinking=False,
        thinking_level="high",
        provider_id=None,
        fast_provider_id=None,
        enable_multimodal=True,
        more_suggest=True,
        multi_agent=True,
        agent_mode="fibre",
        context_budget=FULL["contextBudgetConfig"],
        tool_approval_mode="risky",
        denied_commands=("rm",),
        egress_allow_list=("api.example.com", "*.example.com:8443"),
        budget=FULL["budget"],
    )


async def test_an_owned_agent_counts_as_having_one(stage: Stage) -> None:
    await stage.agent("alice")
    async with stage.database.read() as session:
        has = [await stage.agents.has_agent(session, user_id=name) for name in ("alice", "bob", "")]
    assert has == [True, False, False]
