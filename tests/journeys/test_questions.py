"""A server killed while its runs wait for a person: the question is asked once, and the answer finds its run."""

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Say, ScriptedProvider
from support.server_process import Person, ServerProcess, parsed, running, signed_in

pytestmark = pytest.mark.anyio

FORM = {"title": "Pick", "questions": [{"id": "note", "type": "text", "title": "Why?"}], "wait_time": 0}
WRITE = {"file_path": "/workspace/a.txt", "content": "x"}
PLAN = "<enable_plan>true</enable_plan>"
TOOLS = ["questionnaire", "file_write"]


def scripts() -> dict[str, Sequence[Any]]:
    return {
        "ask": [CallTools([Call("questionnaire", FORM)]), Say("Thanks.")],
        "write": [CallTools([Call("file_write", WRITE)]), Say("Written.")],
        "plan": [Say("1. Write it"), CallTools([Call("file_write", WRITE)]), Say("Written.")],
    }


@pytest.fixture
async def provider() -> AsyncIterator[ScriptedProvider]:
    async with ScriptedProvider(scripts()) as built:
        yield built


async def agent_of(person: Person, provider_url: str) -> str:
    made = {"base_url": provider_url, "api_keys": ["sk-journey-000000"], "model": "m", "thinking_style": "none"}
    provider = await person.data("POST", "/api/llm-provider/create", made)
    body = {"name": "asker", "llm_provider_id": provider["id"], "availableTools": TOOLS}
    return str((await person.data("POST", "/api/agent/create", body))["agent_id"])


class Asked:
    """A run that shows a question, read until it does."""

    def __init__(self, person: Person, session: str, body: dict[str, Any]) -> None:
        self.person = person
        self.session = session
        self.body = {**body, "session_id": session}
        self.before: list[bytes] = []

    async def until(self, kind: str) -> dict[str, Any]:
        """The line of a type, or the `questionnaire` call."""
        async with self.person.lines("/api/web-stream", self.body) as lines:
            async for line in lines:
                self.before.append(line)
                read = json.loads(line)
                if read["type"] == kind and (kind != "tool_call" or _name(read) == "questionnaire"):
                    return read
        raise AssertionError(parsed(self.before))

    async def rest(self) -> list[dict[str, Any]]:
        """All lines of the run; what was read before is the beginning of what can be read now."""
        async with asyncio.timeout(30):
            lines = await self.person.all_lines(f"/api/stream/resume/{self.session}?last_index=0")
        assert lines[: len(self.before)] == self.before
        return parsed(lines)


def _name(line: dict[str, Any]) -> str:
    return str(line["tool_calls"][0]["function"]["name"])


def question_of(line: dict[str, Any]) -> str:
    return str(json.loads(line["tool_calls"][0]["function"]["arguments"])["questionnaire_id"])


def check(lines: list[dict[str, Any]]) -> None:
    """One end, one result for each call, no line that says a question was asked twice."""
    called = [line["tool_calls"][0]["id"] for line in lines if line["type"] == "tool_call"]
    answered = [line["tool_call_id"] for line in lines if line.get("role") == "tool"]
    assert sorted(called) == sorted(answered)
    assert len(set(called)) == len(called)
    assert (lines[-1]["type"], lines[-1]["status"]) == ("stream_end", "completed")
    assert [line["type"] for line in lines].count("stream_end") == 1
    assert [line.get("is_error") for line in lines if line.get("role") == "tool"] == [None] * len(called)


async def killed(server: ServerProcess) -> None:
    await server.kill()
    await server.start()


@pytest.mark.timeout(180)
async def test_questions_of_every_kind_survive_a_kill_and_their_answers_arrive(
    tmp_path: Path, provider: ScriptedProvider
) -> None:
    async with running(tmp_path / "data") as server:
        person = await signed_in(server)
        agent = await agent_of(person, provider.url)

        def asked(session: str, text: str, **more: Any) -> Asked:
            body = {"messages": [{"role": "user", "content": text}], "agent_id": agent, **more}
            return Asked(person, session, body)

        always = {"sandbox_approval_mode": "always"}
        form, plan = asked("form", "[[play:ask]]"), asked("plan", f"{PLAN}[[play:plan]]")
        hidden = asked("hidden", "[[play:write]]", **always)
        shown = asked("shown", "[[play:write]]", stream_options={"approvals": True}, **always)
        forms = {each: question_of(await each.until("tool_call")) for each in (form, plan, hidden)}
        approval = await shown.until("sandbox_approval_requested")
        await killed(server)
        answers = {form: {"note": "so"}, plan: {"decision": "execute_plan"}, hidden: {"decision": "approve"}}
        for each, questionnaire_id in forms.items():
            path = f"/api/questionnaires/{questionnaire_id}"
            assert (await person.data("GET", f"{path}/results"))["status"] == "pending"
            await person.data("POST", f"{path}/submit", {"answers": answers[each]})
        body = {"session_id": "shown", "approval_id": approval["approval_id"], "decision": "approve"}
        await person.data("POST", "/api/sandbox/approval", body)
        for each in (form, plan, hidden):
            check(await each.rest())
        lines = await shown.rest()
        check(lines)
        assert [line["type"] for line in lines].count("sandbox_approval_resolved") == 1


@pytest.mark.slow
@pytest.mark.timeout(180)
async def test_a_parked_run_survives_a_kill_and_the_answer_that_came_before_it(
    tmp_path: Path, provider: ScriptedProvider
) -> None:
    async with running(tmp_path / "data") as server:
        person = await signed_in(server)
        body = {
            "messages": [{"role": "user", "content": "[[play:ask]]"}],
            "agent_id": await agent_of(person, provider.url),
        }
        asked = Asked(person, "form", body)
        questionnaire_id = question_of(await asked.until("tool_call"))
        # A run is given back five seconds after nothing but an answer can move it.
        await asyncio.sleep(7)
        await killed(server)
        assert (await person.data("POST", "/api/sessions/form/tasks_status"))["session_id"] == "form"
        await person.data("POST", f"/api/questionnaires/{questionnaire_id}/submit", {"answers": {"note": "so"}})
        await killed(server)
        check(await asked.rest())
