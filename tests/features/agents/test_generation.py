"""Drafts, better instructions and abilities over HTTP, with a model behind a real protocol (product.md 3.6, A13)."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from clary.adapters.scripted_provider import Fault, Say
from clary.features.usage.tables import UsageRow
from features.chat.world import Chat, Speaker, chat_in
from support.house import bearer, login
from support.open_stream import OpenStream

pytestmark = pytest.mark.anyio

DRAFT, OPTIMIZE, ABILITIES = "/api/agent/auto-generate", "/api/agent/system-prompt/optimize", "/api/agent/abilities"
DRAFTED = {
    "name": "Reporter",
    "description": "Writes reports.",
    "systemPrefix": "# Role\nYou write reports.",
    "availableTools": ["file_write", "no_such_tool", "file_read"],
    "availableWorkflows": {"report": ["collect", "write"]},
}
BETTER = {
    "optimized_prompt": "# Role\nBetter.",
    "analysis": {"clarity": "vague before"},
    "sections": {"role": "Better."},
}
ITEM = {"title": "Report", "description": "A report.", "promptText": "Write a report."}
SCRIPTS = {
    "draft": [Say(f"```json\n{json.dumps(DRAFTED)}\n```")],
    "better": [Say(json.dumps(BETTER))],
    "weather": [Say("Nice weather today.")],
    "hold": [Fault("stall", text="{")],
    "refused": [Fault("status", status=401, body={"error": {"message": "SECRET-UPSTREAM"}})],
    "down": [Fault("status", status=500)],
    "able": [Say(json.dumps({"items": [ITEM]}))],
}


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """Alice with a model that drafts, and to whom the demo model is of no use."""
    async with chat_in(tmp_path, SCRIPTS) as built:
        yield built


def wish(script: str, **more: Any) -> dict[str, Any]:
    """What a draft is asked for with."""
    return {"agent_description": f"[[play:{script}]] An agent for reports.", **more}


async def refusal(person: Speaker, path: str, body: Any, **headers: str) -> tuple[int, int, str, str]:
    """(HTTP status, code, slug, message)."""
    answer = await person.call("POST", path, body, **headers)
    whole = answer.json()
    return answer.status_code, whole["code"], whole["error_detail"], whole["message"]


async def booked(chat: Chat) -> list[tuple[Any, ...]]:
    """Step, outcome and note of every call that was booked."""
    async with chat.house.services.database.read() as db:
        rows = (await db.scalars(select(UsageRow).order_by(UsageRow.id))).all()
    return [(row.step_name, row.user_id, row.outcome, row.note) for row in rows]


async def test_a_draft_is_shaped_for_create_and_saves_nothing(chat: Chat) -> None:
    draft = await chat.alice.data("POST", DRAFT, wish("draft", language="en"))
    assert draft == {
        "id": "",
        "name": "Reporter",
        "description": "Writes reports.",
        "systemPrefix": "# Role\nYou write reports.",
        "deepThinking": False,
        "multiAgent": False,
        "moreSupport": False,
        "maxLoopCount": 50,
        "llmConfig": {"model": "", "maxTokens": "", "temperature": ""},
        "availableTools": ["file_write", "file_read"],
        "systemContext": {},
        "availableWorkflows": {"report": ["collect", "write"]},
        "llm_provider_id": None,
        "exportTime": "2026-01-02T03:04:05.000000Z",
        "version": "1.0",
    }
    system, user = (message["content"] for message in chat.asked()["messages"])
    assert system.startswith("You design agents")
    assert "An agent for reports." in user
    assert "- file_read: " in user
    assert await chat.alice.data("GET", "/api/agent/list") == []
    assert (await chat.alice.data("POST", "/api/agent/create", draft))["warnings"] == []
    again = await chat.alice.data("POST", DRAFT, wish("draft", llm_provider_id=chat.alice.provider_id))
    assert (again["name"], again["llm_provider_id"]) == ("Reporter 2", chat.alice.provider_id)
    assert await booked(chat) == [("agent_generate", chat.alice.user_id, "ok", None)] * 2


async def test_of_given_tools_exactly_those_that_exist_are_in_the_draft(chat: Chat) -> None:
    given = ["todo_write", "no_such_tool", "web_search", "todo_write"]
    draft = await chat.alice.data("POST", DRAFT, wish("draft", available_tools=given))
    assert draft["availableTools"] == ["todo_write", "web_search"]
    assert "- todo_write: " in chat.asked()["messages"][1]["content"]
    assert "file_read" not in chat.asked()["messages"][1]["content"]
    assert (await chat.alice.data("POST", DRAFT, wish("draft", available_tools=[])))["availableTools"] == []


async def test_better_instructions_come_with_every_section_and_lengths_in_characters(chat: Chat) -> None:
    prompt = "[[play:better]] 你写报告。"
    body = {"original_prompt": prompt, "optimization_goal": "clearer", "language": "pt-BR"}
    assert await chat.alice.data("POST", OPTIMIZE, body) == {
        "success": True,
        "optimized_prompt": "# Role\nBetter.",
        "analysis": {"clarity": "vague before"},
        "sections": {
            "role": "Better.",
            **dict.fromkeys(("skills", "tool_guidance", "content_preference", "format_preference"), ""),
            **dict.fromkeys(("terminology", "constraints"), ""),
        },
        "timestamp": "2026-01-02T03:04:05.000000Z",
        "optimization_details": {
            "original_length": len(prompt),
            "optimized_length": 14,
            "optimization_goal": "clearer",
        },
    }
    system, user = (message["content"] for message in chat.asked()["messages"])
    assert system.startswith("Você revisa")
    assert "<goal>\nclearer\n</goal>" in user
    assert await booked(chat) == [("prompt_optimize", chat.alice.user_id, "ok", None)]


async def test_abilities_are_kept_for_a_day_for_a_version_and_a_language(chat: Chat) -> None:
    agent = await chat.alice.agent(systemPrefix="[[play:able]] You write reports.", availableTools=["file_read"])
    body = {"agent_id": agent, "language": "en"}
    wanted = {"items": [{"id": "ability_1", **ITEM}]}
    for _ in range(2):
        assert await chat.alice.data("POST", ABILITIES, body) == wanted
    assert "You write reports." in chat.asked()["messages"][1]["content"]
    assert len(chat.provider.requests) == 1
    await chat.alice.data("POST", ABILITIES, {**body, "language": "zh"})
    chat.house.clock.move(hours=23)
    await chat.alice.sign_in()
    await chat.alice.data("POST", ABILITIES, body)
    assert len(chat.provider.requests) == 2
    chat.house.clock.move(hours=2)
    await chat.alice.sign_in()
    await chat.alice.data("POST", ABILITIES, body)
    await chat.alice.data("PUT", f"/api/agent/{agent}", {"name": "T", "systemPrefix": "[[play:able]] New."})
    await chat.alice.data("POST", ABILITIES, body)
    assert len(chat.provider.requests) == 4
    assert set(await booked(chat)) == {("agent_abilities", chat.alice.user_id, "ok", None)}


async def test_what_a_persons_context_went_into_is_kept_for_nobody(chat: Chat) -> None:
    agent = await chat.alice.agent(systemPrefix="[[play:able]] You write reports.")
    bob = await chat.person("bob")
    await chat.alice.data("POST", f"/api/agent/{agent}/auth", {"user_ids": [bob.user_id]})
    await chat.alice.say("My secret is blue. [[play:able]]", "s1")

    async def shown(person: Speaker, **more: Any) -> bool:
        await person.data("POST", ABILITIES, {"agent_id": agent, **more})
        return "My secret is blue." in chat.asked()["messages"][1]["content"]

    assert await shown(chat.alice, context="My secret is blue.")
    assert await shown(chat.alice, session_id="s1")
    assert not await shown(bob, session_id="s1")
    assert len(chat.provider.requests) == 4


async def test_an_agent_one_may_not_use_has_no_abilities(chat: Chat) -> None:
    agent, bob = await chat.alice.agent(), await chat.person("bob")
    for each in (agent, "agent_99999999", "..", "x" * 300, ""):
        assert await refusal(bob, ABILITIES, {"agent_id": each}) == (
            200,
            404,
            "agent_not_found",
            f"Agent '{each}' 不存在",
        )


@pytest.mark.parametrize(
    ("path", "body"),
    [(DRAFT, wish("weather")), (OPTIMIZE, {"original_prompt": "[[play:weather]]"}), (ABILITIES, {})],
)
async def test_what_cannot_be_read_is_an_error_and_never_canned_content(chat: Chat, path: str, body: Any) -> None:
    if path == ABILITIES:
        body = {"agent_id": await chat.alice.agent(systemPrefix="[[play:weather]]")}
    assert await refusal(chat.alice, path, body) == (
        200,
        502,
        "provider_bad_response",
        "模型调用失败: 模型服务返回了无法识别的内容",
    )
    assert len(chat.provider.requests) == 2


async def test_a_refused_key_tells_the_kind_and_nothing_of_the_provider(chat: Chat) -> None:
    assert await refusal(chat.alice, DRAFT, wish("refused"), X_Locale="en-US") == (
        200,
        502,
        "provider_auth",
        "The model call failed: The model service refused the credentials; check the provider's API key",
    )
    problem = await chat.alice.call("POST", DRAFT, wish("refused"), Accept="application/problem+json")
    assert problem.status_code == 502
    assert "SECRET-UPSTREAM" not in problem.text
    assert [entry[2:] for entry in await booked(chat)] == [("error", "provider_auth")] * 2


async def test_a_provider_that_is_down_is_called_no_more_than_four_times(chat: Chat) -> None:
    assert (await refusal(chat.alice, DRAFT, wish("down")))[:3] == (200, 502, "provider_error")
    assert 1 <= len(chat.provider.requests) <= 4


async def test_without_a_provider_that_may_be_used_nothing_is_asked(chat: Chat) -> None:
    bob = await chat.person("bob")
    for path in (DRAFT, f"{DRAFT}/submit"):
        foreign = await refusal(chat.alice, path, wish("draft", llm_provider_id=bob.provider_id))
        assert foreign == (200, 404, "provider_not_found", "Provider not found")
        # The demo model follows a script, which is no draft.
        demo = await refusal(chat.alice, path, wish("draft", llm_provider_id="demo"))
        assert demo == (200, 400, "provider_missing", "当前用户未配置可用的模型提供商")
    assert chat.provider.requests == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        (DRAFT, {}),
        (DRAFT, {"agent_description": ""}),
        (DRAFT, {"agent_description": "x" * 4001}),
        (DRAFT, {"agent_description": "x", "available_tools": "file_read"}),
        (OPTIMIZE, {"original_prompt": ""}),
        (OPTIMIZE, {"original_prompt": "x" * 65_537}),
        (OPTIMIZE, {"original_prompt": "x", "optimization_goal": "x" * 2001}),
        (ABILITIES, {}),
        (ABILITIES, {"agent_id": "default_agent", "context": "x" * 8001}),
    ],
)
async def test_a_request_outside_the_limits_is_refused(chat: Chat, path: str, body: Any) -> None:
    assert (await refusal(chat.alice, path, body))[:3] == (422, 422, "validation_error")
    assert chat.provider.requests == []


@pytest.mark.parametrize(
    ("path", "body"), [(DRAFT, wish("hold")), (OPTIMIZE, {"original_prompt": "[[play:hold]]"}), (ABILITIES, {})]
)
async def test_hanging_up_ends_the_model_call_within_a_second(chat: Chat, path: str, body: Any) -> None:
    if path == ABILITIES:
        body = {"agent_id": await chat.alice.agent(systemPrefix="[[play:hold]]")}
    async with chat.house.browser() as client:
        token = bearer(await login(client, "alice"))
    request = OpenStream(chat.house.app, "POST", path, body, token)
    async with asyncio.timeout(20):
        while not chat.provider.requests:
            await asyncio.sleep(0.01)
    await request.leave()
    async with asyncio.timeout(1):
        await chat.provider.requests[0].client_left.wait()
    assert [entry[2:] for entry in await booked(chat)] == [("cut", "estimated")]
