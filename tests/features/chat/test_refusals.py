"""What is refused before the first byte, with a real status and the envelope (stream-runtime.md 2)."""

from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Gate, Say
from features.chat.world import Chat, chat_in, end_of, said

pytestmark = pytest.mark.anyio

POSTS = ("/api/chat", "/api/stream", "/api/web-stream")
NOBODY = "00000000-0000-4000-8000-000000000000"


async def refused(chat: Chat, path: str, body: Any, **headers: str) -> tuple[int, str, str]:
    """(status, slug, message) of a refusal, whose code is its status and which leaves no conversation."""
    answer = await chat.alice.call("POST" if body is not None else "GET", path, body, **headers)
    envelope = answer.json()
    assert envelope["code"] == answer.status_code, answer.text
    assert envelope["data"] is None
    # Schema failures carry a readable sentence; business refusals have no `detail`.
    assert ("detail" in envelope) == (answer.status_code == 422)
    if answer.status_code == 422:
        assert isinstance(envelope["detail"], str)
        assert isinstance(envelope["errors"], list)
    return answer.status_code, envelope["error_detail"], envelope["message"]


@pytest.mark.parametrize("path", POSTS)
async def test_a_post_that_names_nothing_usable_is_a_404_and_stores_nothing(chat: Chat, path: str) -> None:
    default = {"agent_id": "default_agent"}
    told = [
        await refused(chat, path, said("x", agent_id="agent_00000000")),
        await refused(chat, path, said("x", **default, provider_id=NOBODY)),
        await refused(chat, path, said("x", **default, fast_provider_id=NOBODY)),
    ]
    assert told == [
        (404, "agent_not_found", "Agent 'agent_00000000' 不存在"),
        (404, "provider_not_found", "Provider not found"),
        (404, "provider_not_found", "Provider not found"),
    ]
    assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 0


async def test_resuming_an_unknown_session_or_run_is_a_404_that_names_the_session(chat: Chat) -> None:
    await chat.alice.say("x", "s1")
    other = (await chat.alice.say("x", "s2"))[-1]["run_id"]
    told = [
        await refused(chat, "/api/stream/resume/s9", None),
        await refused(chat, f"/api/stream/resume/s1?run_id={NOBODY}", None),
        await refused(chat, f"/api/stream/resume/s1?run_id={other}", None),
    ]
    assert told == [
        (404, "session_not_found", "会话 s9 不存在"),
        (404, "session_not_found", "会话 s1 不存在"),
        (404, "session_not_found", "会话 s1 不存在"),
    ]


async def test_a_run_whose_log_is_gone_is_unknown_by_its_id_and_ended_without(chat: Chat) -> None:
    run_id = (await chat.alice.say("x"))[-1]["run_id"]
    chat.house.clock.move(hours=25)
    assert await chat.house.services.runs.sweep_expired_logs() == 1
    await chat.alice.sign_in()
    by_id = await refused(chat, f"/api/stream/resume/s1?run_id={run_id}", None)
    lines = await (await chat.alice.open("/api/stream/resume/s1")).lines()
    assert by_id == (404, "session_not_found", "会话 s1 不存在")
    assert [(line["type"], line["resume_fallback"]) for line in lines] == [("stream_end", True)]


@pytest.mark.parametrize("path", ["/api/chat", "/api/stream"])
async def test_an_attached_start_in_a_busy_session_is_a_409_and_disturbs_nothing(tmp_path: Path, path: str) -> None:
    gate = Gate(Say("done"), text="begun ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        running = await chat.alice.open("/api/web-stream", said("[[play:slow]]"))
        await running.line()
        told = await refused(chat, path, said("me too", agent_id="default_agent"))
        gate.open()
        lines = await running.lines()
        users = [each["content"] for each in await chat.alice.history() if each["role"] == "user"]
    assert told == (409, "session_busy", "会话正在运行中，请先调用 interrupt 或使用不同的会话ID")
    assert end_of(lines) == ("completed", "answered")
    assert users == ["[[play:slow]]"]


@pytest.mark.parametrize(
    "body",
    [
        said("x", agent_id="agent_00000000"),
        said("x", provider_id=NOBODY),
        {**said(""), "session_id": "s1"},
        {"messages": [], "session_id": "s1"},
        {"messages": [{"role": "assistant", "content": "a", "message_id": "user-1"}, {"role": "user", "content": "x"}]},
    ],
    ids=["agent", "provider", "no text", "no message", "role of a known id"],
)
async def test_a_refused_web_stream_replaces_nothing(tmp_path: Path, body: dict[str, Any]) -> None:
    gate = Gate(Say("done"), text="begun ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        first = {"messages": [{"role": "user", "content": "[[play:slow]]", "message_id": "user-1"}]}
        running = await chat.alice.open("/api/web-stream", {**first, "session_id": "s1"})
        await running.line()
        status, _, _ = await refused(chat, "/api/web-stream", {**body, "session_id": "s1"})
        gate.open()
        lines = await running.lines()
    assert status in (404, 422)
    assert end_of(lines) == ("completed", "answered")


@pytest.mark.parametrize("path", POSTS)
@pytest.mark.parametrize(
    "body",
    [
        {"messages": []},
        {"messages": [{"role": "system", "content": "only rules"}]},
        {"messages": [{"role": "user", "content": ""}]},
        {"messages": [{"role": "user", "content": " \n"}]},
        {"messages": [{"role": "user", "content": None}]},
        {"messages": [{"role": "user"}]},
        {"messages": [{"role": "user", "content": []}]},
        {"messages": [{"role": "user", "content": "x"}] * 1001},
        {"messages": "x"},
        {"messages": {}},
        {},
        {"messages": [{"role": "user", "content": "x"}], "session_id": "../etc"},
        {"messages": [{"role": "user", "content": "x"}], "session_id": ".hidden"},
        {"messages": [{"role": "user", "content": "x"}], "session_id": "s" * 129},
        {"messages": [{"role": "user", "content": "x"}], "system_context": []},
        {"messages": [{"role": "user", "content": "x"}], "stream_options": {"on_disconnect": "explode"}},
    ],
    ids=lambda body: repr(body)[:50],
)
async def test_a_body_that_says_nothing_or_the_wrong_thing_is_a_422(
    chat: Chat, path: str, body: dict[str, Any]
) -> None:
    status, slug, text = await refused(chat, path, {"agent_id": "default_agent", **body})
    assert status == 422
    assert (
        (slug, text) == ("messages_empty", "消息列表不能为空")
        if body.get("messages") == []
        else (
            "validation_error",
            text,
        )
    )
    assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 0


@pytest.mark.parametrize(
    "body", [{"agent_mode": "x" * 65}, {"available_sub_agent_ids": ["a"] * 1001}], ids=["mode", "targets"]
)
async def test_a_rerun_has_the_limits_of_a_start(chat: Chat, body: dict[str, Any]) -> None:
    await chat.alice.say("x")
    status, slug, _ = await refused(chat, "/api/conversations/s1/rerun-stream", body)
    assert (status, slug) == (422, "validation_error")


@pytest.mark.parametrize(
    "address",
    [
        "http://[bad",
        "http://h:99999",
        "http://h:0",
        "ftp://h/v1",
        "h/v1",
        "http://",
        "http://ä..b",
        "http://u:p@h",
        "http://h?x=1",
    ],
)
async def test_an_own_model_at_no_address_is_a_422(chat: Chat, address: str) -> None:
    own = {"base_url": address, "api_key": "sk-own-000000", "model": "m"}
    status, slug, _ = await refused(chat, "/api/web-stream", said("x", llm_model_config=own))
    assert (status, slug) == (422, "validation_error")


async def test_an_own_model_needs_no_stored_provider(tmp_path: Path) -> None:
    async with chat_in(tmp_path, demo_model=False) as chat:
        await chat.alice.call("DELETE", f"/api/llm-provider/delete/{chat.alice.provider_id}")
        own = {"base_url": chat.provider.url, "api_key": "sk-own-000000", "model": "mine"}
        lines = await chat.alice.say("[[play:plain]]", llm_model_config=own)
        model = chat.asked()["model"]
        half = {"base_url": chat.provider.url, "api_key": "sk-own-000000"}
        told = await refused(chat, "/api/web-stream", said("x", "s2", llm_model_config=half))
    assert (end_of(lines), model) == (("completed", "answered"), "mine")
    assert told[:2] == (400, "provider_missing")


async def test_chat_needs_an_agent_and_the_others_do_not(chat: Chat) -> None:
    status, slug, _ = await refused(chat, "/api/chat", said("x"))
    assert (status, slug) == (422, "validation_error")
    assert end_of(await chat.alice.say("x", path="/api/stream")) == ("completed", "answered")


async def test_a_body_over_16_mib_is_a_413(chat: Chat) -> None:
    told = await refused(chat, "/api/web-stream", said("x" * (16 * 1024 * 1024)))
    assert told == (413, "body_too_large", "请求体过大")


async def test_without_a_provider_a_run_is_a_400_only_where_the_demo_model_is_off(tmp_path: Path) -> None:
    async with chat_in(tmp_path / "off", demo_model=False) as chat:
        await chat.alice.call("DELETE", f"/api/llm-provider/delete/{chat.alice.provider_id}")
        told = await refused(chat, "/api/web-stream", said("x"))
    assert told == (400, "provider_missing", "当前用户未配置可用的模型提供商")
    async with chat_in(tmp_path / "on", demo_model=True) as chat:
        await chat.alice.call("DELETE", f"/api/llm-provider/delete/{chat.alice.provider_id}")
        assert end_of(await chat.alice.say("x")) == ("completed", "answered")


async def test_refusals_speak_english_and_problem_json_when_asked(chat: Chat) -> None:
    english = await refused(chat, "/api/stream/resume/s9", None, X_Locale="en-US")
    answer = await chat.alice.call("GET", "/api/stream/resume/s9", Accept="application/problem+json")
    assert english == (404, "session_not_found", "Conversation s9 not found")
    assert (answer.status_code, answer.headers["content-type"]) == (404, "application/problem+json")
    assert answer.json()["code"] == "session_not_found"
