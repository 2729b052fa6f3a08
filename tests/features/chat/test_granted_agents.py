"""Chatting with an agent that somebody else shared (product.md 3.3, stream-runtime.md 3.1, 9.1)."""

from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Gate, Say
from features.chat.world import Chat, Speaker, chat_in, end_of, said
from support.house import ADMIN_PASSWORD, bearer, login

pytestmark = pytest.mark.anyio


async def shared_agent(chat: Chat, **grantees: list[str]) -> str:
    """An agent of Alice's with her provider, shared."""
    row = {"base_url": chat.provider.url, "api_keys": ["sk-of-alice-000"], "model": "model-of-alice"}
    provider = (await chat.alice.data("POST", "/api/llm-provider/create", row))["id"]
    agent = await chat.alice.agent(llm_provider_id=provider, systemPrefix="You are shared.")
    await chat.alice.data("POST", f"/api/agent/{agent}/auth", {"user_ids": [], **grantees})
    chat.house.clock.move(seconds=2)
    return agent


async def refusal(person: Speaker, agent_id: str, session: str = "s1") -> str | None:
    """The slug of a start that is refused."""
    answer = await person.call("POST", "/api/web-stream", said("[[play:plain]]", session, agent_id=agent_id))
    return answer.json().get("error_detail") if answer.headers["content-type"] == "application/json" else None


async def as_admin(chat: Chat, method: str, path: str, body: Any = None) -> Any:
    """The data of an administrator's call."""
    async with chat.house.browser() as client:
        headers = bearer(await login(client, "admin", ADMIN_PASSWORD))
        answer = (await client.request(method, path, json=body, headers=headers)).json()
    assert answer["code"] == 200, answer
    return answer["data"]


async def test_a_granted_person_chats_with_the_owners_persona_and_provider(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        bob, eve = await chat.person("bob"), await chat.person("eve")
        agent = await shared_agent(chat, user_ids=[bob.user_id])
        lines = await bob.say("[[play:plain]]", agent_id=agent)
        asked = chat.asked()
        stolen = await refusal(eve, agent)
        history = await chat.alice.call("GET", "/api/conversations/s1/messages")
        provider = (await chat.alice.data("GET", f"/api/agent/{agent}"))["llm_provider_id"]
        direct = await bob.call("POST", "/api/web-stream", said("[[play:plain]]", "s2", provider_id=provider))
    assert end_of(lines)[0] == "completed"
    assert asked["model"] == "model-of-alice"
    assert "You are shared." in str(asked["messages"])
    assert stolen == "agent_not_found"
    assert history.json()["error_detail"] == "session_not_found"
    assert direct.json()["error_detail"] == "provider_not_found"


async def test_a_grant_that_is_taken_away_ends_new_runs_of_open_conversations(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        bob = await chat.person("bob")
        agent = await shared_agent(chat, user_ids=[bob.user_id])
        await bob.say("[[play:plain]]", agent_id=agent)
        await chat.alice.data("POST", f"/api/agent/{agent}/auth", {"user_ids": []})
        named = await refusal(bob, agent)
        unnamed = await bob.call("POST", "/api/web-stream", said("[[play:plain]]"))
        history = await bob.history()
    assert (named, unnamed.json()["error_detail"]) == ("agent_not_found", "agent_not_found")
    assert [message["role"] for message in history] == ["user", "assistant"]


async def test_a_conversation_goes_on_with_the_default_agent_once_its_own_is_deleted(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agent = await chat.alice.agent(systemPrefix="You are gone soon.")
        await chat.alice.say("[[play:plain]]", agent_id=agent)
        await chat.alice.data("DELETE", f"/api/agent/{agent}")
        named = await refusal(chat.alice, agent)
        lines = await chat.alice.say("[[play:plain]] again")
        again = await chat.alice.open("/api/conversations/s1/rerun-stream", {"agent_mode": "simple"})
        rerun = await again.lines()
        asked = chat.asked()
        written = {"file_path": "/workspace/a.txt", "content": "a"}
        call = {"tool_name": "file_write", "tool_params": written, "session_id": "s1"}
        direct = await chat.alice.call("POST", "/api/tools/exec", call)
        listed = (await chat.alice.data("GET", "/api/conversations"))["list"]
    assert named == "agent_not_found"
    assert (end_of(lines)[0], end_of(rerun)[0]) == ("completed", "completed")
    assert "You are gone soon." not in str(asked["messages"])
    assert direct.json()["code"] == 200
    assert [each["agent_id"] for each in listed] == ["default_agent"]


async def test_a_group_deleted_during_a_run_lets_it_end_and_refuses_the_next_use(tmp_path: Path) -> None:
    gate = Gate(Say("done"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        bob = await chat.person("bob")
        group = (await as_admin(chat, "POST", "/api/groups", {"name": "Team"}))["id"]
        await as_admin(chat, "POST", f"/api/groups/{group}/members", {"user_ids": [bob.user_id]})
        agent = await shared_agent(chat, group_ids=[group])
        stream = await bob.open("/api/web-stream", said("[[play:slow]]", agent_id=agent))
        await stream.line()
        await as_admin(chat, "DELETE", f"/api/groups/{group}")
        chat.house.clock.move(seconds=2)
        gate.open()
        lines = await stream.lines()
        again = await refusal(bob, agent, "s2")
    assert end_of(lines)[0] == "completed"
    assert again == "agent_not_found"
