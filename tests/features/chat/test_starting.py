"""What starts a run, and what a request changes of it (stream-runtime.md 3.1, 3.2, 3.6, 11 C1, 12 A3)."""

import json
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from features.chat.world import Chat, answer_of, chat_in, end_of, said, until
from support.house import ADMIN_PASSWORD, login

pytestmark = pytest.mark.anyio


def instructions(chat: Chat, number: int = -1) -> str:
    return str(chat.asked(number)["messages"][0]["content"])


def offered(chat: Chat, number: int = -1) -> list[str]:
    """Names of the tools that the model was given."""
    return [each["function"]["name"] for each in chat.asked(number).get("tools") or []]


@pytest.mark.parametrize("path", ["/api/chat", "/api/stream", "/api/web-stream"])
async def test_the_small_body_of_existing_clients_works_on_every_endpoint(chat: Chat, path: str) -> None:
    agent_id = await chat.alice.agent(name="Tutor")
    body = {
        "messages": [{"role": "user", "content": "<enable_plan>false</enable_plan>hi"}],
        "session_id": "session_1800000000000",
        "agent_id": agent_id,
        "agent_mode": "simple",
        "more_suggest": False,
        "max_loop_count": "50",
        "user_id": "somebody",
    }
    stream = await chat.alice.open(path, body)
    lines = await stream.lines()
    assert end_of(lines) == ("completed", "answered")
    assert {line["session_id"] for line in lines} == {"session_1800000000000"}
    assert stream.headers["x-clary-session-id"] == "session_1800000000000"
    assert stream.headers["x-clary-run-id"] == lines[-1]["run_id"]
    assert (await chat.alice.history("session_1800000000000"))[0]["content"] == "hi"


async def test_without_a_session_id_a_new_uuid_is_given(chat: Chat) -> None:
    found = set()
    for _ in range(2):
        stream = await chat.alice.open("/api/web-stream", said("x", None))
        lines = await stream.lines()
        assert {line["session_id"] for line in lines} == {stream.headers["x-clary-session-id"]}
        found.add(UUID(stream.headers["x-clary-session-id"]).version)
    assert found == {4}
    assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 2


async def test_the_agent_is_the_named_one_else_the_sessions_else_the_default_else_the_built_in(chat: Chat) -> None:
    async def agent_of(session: str, **more: Any) -> str:
        await chat.alice.say("x", session, **more)
        listed = (await chat.alice.data("GET", "/api/conversations"))["list"]
        return next(each["agent_id"] for each in listed if each["session_id"] == session)

    built_in = await agent_of("s1")
    first, second = await chat.alice.agent(name="First"), await chat.alice.agent(name="Second", is_default=True)
    assert built_in == "default_agent"
    assert await agent_of("s1") == "default_agent"
    assert await agent_of("s2") == second
    assert await agent_of("s2", agent_id=first) == first
    # Changing the agent changed the conversation, so it stays.
    assert await agent_of("s2") == first
    assert await agent_of("s2", agent_id=None) == first


async def test_the_named_providers_serve_the_run(chat: Chat) -> None:
    made = {"base_url": chat.provider.url, "api_keys": ["sk-other-000000"], "model": "other", "thinking_style": "none"}
    other = (await chat.alice.data("POST", "/api/llm-provider/create", made))["id"]
    await chat.alice.say("x", provider_id=chat.alice.provider_id)
    await chat.alice.say("x", provider_id=other)
    named = {"agent_id": "default_agent", "provider_id": other, "fast_provider_id": chat.alice.provider_id}
    await chat.alice.say("x", path="/api/chat", **named)
    assert [each.body["model"] for each in chat.provider.requests] == ["m", "other", "other"]
    assert chat.provider.requests[-1].headers["authorization"] == "Bearer sk-other-000000"


async def test_another_model_of_a_provider_is_for_whoever_may_edit_it(chat: Chat) -> None:
    shared: dict[str, Any] = {
        "base_url": chat.provider.url,
        "api_keys": ["sk-system-00000"],
        "model": "shared",
        "is_system": True,
    }
    async with chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        made = (await admin.post("/api/llm-provider/create", json={**shared, "thinking_style": "none"})).json()
    other: dict[str, Any] = {"llm_model_config": {"model": "dearer"}}
    body = said("x", "s2", provider_id=made["data"]["id"], **other)
    refused = await chat.alice.call("POST", "/api/web-stream", body)
    await chat.alice.say("x", **other)
    told = refused.json()
    assert (refused.status_code, told["error_detail"], told["message"]) == (403, "model_override_forbidden", "权限不足")
    assert [each.body["model"] for each in chat.provider.requests] == ["dearer"]


OVERRIDES = {
    "agent_name": "Other name",
    "system_prefix": "Other persona.",
    "available_tools": ["file_read"],
    "max_loop_count": 1,
    "deep_thinking": True,
}
SAVED = {
    "name": "Tutor",
    "systemPrefix": "Saved persona.",
    "availableTools": ["todo_write"],
    "maxLoopCount": 3,
    "deepThinking": False,
}


async def test_a_present_value_comes_before_the_agents_and_the_agent_is_not_changed(chat: Chat) -> None:
    agent_id = await chat.alice.agent(**SAVED)
    before = await chat.alice.data("GET", f"/api/agent/{agent_id}")
    lines = await chat.alice.say("x", agent_id=agent_id, **OVERRIDES)
    assert {line["agent_name"] for line in lines[:-1]} == {"Other name"}
    # The first of the two calls is the analysis of deep thinking, for a provider without a switch.
    assert lines[0]["type"] == "task_analysis"
    assert "Other persona." in instructions(chat)
    assert "Saved persona." not in instructions(chat)
    assert offered(chat) == ["file_read", "todo_write", "todo_read"]
    assert (await chat.alice.data("GET", "/api/conversations"))["list"][0]["agent_name"] == "Other name"
    assert await chat.alice.data("GET", f"/api/agent/{agent_id}") == before


@pytest.mark.parametrize(
    "absent",
    [
        {},
        dict.fromkeys(OVERRIDES),
        {"agent_name": "", "system_prefix": "", "available_tools": [], "max_loop_count": 0},
        {"max_loop_count": -5},
    ],
    ids=["left out", "null", "empty", "negative"],
)
async def test_an_absent_value_leaves_the_agents(chat: Chat, absent: dict[str, Any]) -> None:
    agent_id = await chat.alice.agent(**SAVED)
    lines = await chat.alice.say("x", agent_id=agent_id, **absent)
    assert {line["agent_name"] for line in lines[:-1]} == {"Tutor"}
    assert [line["type"] for line in lines] == [*["do_subtask_result"] * (len(lines) - 2), "token_usage", "stream_end"]
    assert "Saved persona." in instructions(chat)
    assert offered(chat) == ["todo_write", "todo_read"]


async def test_api_chat_ignores_the_overrides(chat: Chat) -> None:
    agent_id = await chat.alice.agent(**SAVED)
    lines = await chat.alice.say("x", path="/api/chat", agent_id=agent_id, **OVERRIDES)
    assert {line["agent_name"] for line in lines[:-1]} == {"Tutor"}
    assert "Saved persona." in instructions(chat)
    assert offered(chat) == ["todo_write", "todo_read"]


async def test_the_servers_defaults_come_last(chat: Chat) -> None:
    await chat.alice.say("x", system_context={"response_language": "en"})
    assert offered(chat) == []
    assert len(instructions(chat)) > 500


async def test_none_alone_means_explicitly_nothing(chat: Chat) -> None:
    agent_id = await chat.alice.agent(**SAVED)
    await chat.alice.say("x", agent_id=agent_id, available_tools=["none"])
    assert offered(chat) == []


async def test_false_is_present_and_the_field_comes_before_the_tag_and_the_tag_before_the_agent(chat: Chat) -> None:
    agent_id = await chat.alice.agent(**{**SAVED, "deepThinking": True})
    tag = "<enable_deep_thinking>{}</enable_deep_thinking>x"

    async def analysed(text: str, **more: Any) -> bool:
        return any(line["type"] == "task_analysis" for line in await chat.alice.say(text, agent_id=agent_id, **more))

    assert await analysed("x")
    assert not await analysed("x", deep_thinking=False)
    assert not await analysed(tag.format("false"))
    assert await analysed(tag.format("false"), deep_thinking=True)
    assert not await analysed(tag.format("true"), deep_thinking=False)


async def test_unknown_tools_are_dropped_with_a_warning_and_never_fail_the_run(chat: Chat) -> None:
    wanted = ["file_read", "no_such_tool", "sys_spawn_agent", "file_read"]
    lines = await chat.alice.say("x", available_tools=wanted)
    run = await chat.alice.run(lines[-1]["run_id"])
    assert end_of(lines) == ("completed", "answered")
    assert offered(chat) == ["file_read", "todo_write", "todo_read"]
    assert run["warnings"] == [
        {"field": "available_tools", "value": "no_such_tool", "reason": "unknown"},
        {"field": "available_tools", "value": "sys_spawn_agent", "reason": "not_usable"},
    ]


@pytest.mark.parametrize(
    ("asked", "rounds", "reason"), [(2, 2, "loop_limit"), ("2", 2, "loop_limit"), (999, 4, "loop_limit")]
)
async def test_rounds_are_capped_by_the_request_and_by_the_server(
    tmp_path: Path, asked: Any, rounds: int, reason: str
) -> None:
    steps = [CallTools([Call("todo_read", {"n": number})]) for number in range(9)]
    async with chat_in(tmp_path, {"loop": steps}, max_loop_count=4, default_max_loop_count=3) as chat:
        lines = await chat.alice.say("[[play:loop]]", available_tools=["todo_read"], max_loop_count=asked)
    assert [line["type"] for line in lines].count("tool_call") == rounds
    assert end_of(lines) == ("completed", reason)


@pytest.mark.parametrize(
    ("more", "status"),
    [
        ({"system_prefix": "红" * 21_845}, 200),
        ({"system_prefix": "红" * 21_846}, 422),
        ({"system_context": {"k": "x" * 65_000}}, 200),
        ({"system_context": {"k": "红" * 22_000}}, 422),
        ({"max_loop_count": "many"}, 422),
        ({"available_tools": "file_read"}, 422),
        ({"available_tools": [7]}, 422),
        ({"deep_thinking": "perhaps"}, 422),
        ({"agent_name": {}}, 422),
    ],
    ids=lambda value: repr(value)[:40],
)
async def test_sizes_and_types_of_overrides_are_judged(chat: Chat, more: dict[str, Any], status: int) -> None:
    stream = await chat.alice.open("/api/web-stream", said("x", **more))
    await stream.lines()
    assert stream.status == status


async def test_fields_that_belong_to_the_server_have_no_effect(chat: Chat) -> None:
    bob = await chat.person("bob")
    forged = {
        "user_id": bob.user_id,
        "session_id": "forged-session",
        "private_workspace": "/etc",
        "file_permission": "everything",
        "current_time": "never",
        "parent_session_id": "forged-parent",
        "external_paths": ["/etc/forged"],
        "use_claw_mode": True,
    }
    more = {"user_id": bob.user_id, "parent_session_id": "p", "external_paths": ["/x"], "run_id": "r", "role": "admin"}
    lines = await chat.alice.say("x", system_context={**forged, "project": "Apollo"}, **more)
    run = await chat.alice.run(lines[-1]["run_id"])
    shown = instructions(chat)
    assert (run["user_id"], run["session_id"], run["run_id"]) == (chat.alice.user_id, "s1", lines[-1]["run_id"])
    assert f"- user_id: {chat.alice.user_id}\n" in shown
    assert "- session_id: s1\n" in shown
    assert "- private_workspace: /workspace\n" in shown
    assert "- project: Apollo" in shown
    for value in (bob.user_id, "forged", "/etc", "everything", "never", "use_claw_mode"):
        assert value not in json.dumps(chat.asked())
    assert sorted(each["value"] for each in run["warnings"]) == sorted(forged)
    assert (await bob.data("GET", "/api/conversations"))["total"] == 0
    # What a session keeps for its later runs holds none of it either.
    await chat.alice.say("again")
    assert "- project: Apollo" in instructions(chat)
    assert "forged" not in json.dumps(chat.asked())


@pytest.mark.parametrize("option", [True, False])
async def test_progress_and_call_deltas_are_sent_only_when_asked_for_and_to_every_view(
    tmp_path: Path, option: bool
) -> None:
    call = Call("execute_shell_command", {"command": "echo one; echo two"})
    script = [CallTools([call], argument_piece=8), Say("ok")]
    options = {"tool_progress": option, "tool_call_deltas": option, "approvals": None, "unknown": 1}
    async with chat_in(tmp_path, {"work": script}, sandbox=True) as chat:
        more = {"available_tools": ["execute_shell_command"], "stream_options": options}
        lines = await chat.alice.say("[[play:work]]", **more)
        again = await (await chat.alice.open("/api/stream/resume/s1")).lines()
    calls = [line for line in lines if line["type"] == "tool_call"]
    progress = [line for line in lines if line["type"] == "tool_progress"]
    assert again == lines
    assert (len(calls) > 1, bool(progress)) == (option, option)
    *fragments, complete = [line["tool_calls"][0]["function"]["arguments"] for line in calls]
    assert "".join(fragments) == (complete if option else "")
    assert len({line["message_id"] for line in calls}) == 1


@pytest.mark.parametrize(
    ("path", "wish", "end"),
    [
        ("/api/chat", None, "interrupted"),
        ("/api/stream", None, "interrupted"),
        ("/api/web-stream", None, "completed"),
        ("/api/stream", "continue", "completed"),
        ("/api/web-stream", "interrupt", "interrupted"),
    ],
)
async def test_what_happens_when_nobody_reads_is_the_endpoints_rule_or_the_wish(
    tmp_path: Path, path: str, wish: str | None, end: str
) -> None:
    gate = Gate(Say("to the end"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        body = said("[[play:slow]]", agent_id="default_agent", stream_options={"on_disconnect": wish})
        stream = await chat.alice.open(path, body)
        await stream.line()
        await stream.leave()
        if end == "completed":
            assert (await chat.alice.run(stream.headers["x-clary-run-id"]))["status"] == "running"
            gate.open()

        async def ended() -> Any:
            run = await chat.alice.run(stream.headers["x-clary-run-id"])
            return run if "ended_at" in run else None

        run = await until(ended)
        lines = await (await chat.alice.open("/api/stream/resume/s1")).lines()
    assert (run["status"], run["end_reason"]) == (end, "answered" if end == "completed" else "client_disconnect")
    # All that was said is there, for whoever comes back.
    assert answer_of(lines) == ("half to the end" if end == "completed" else "half ")
