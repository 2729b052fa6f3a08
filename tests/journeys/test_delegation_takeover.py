"""A server killed while three children work: the run ends once, no child runs twice, no side effect repeats."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say, ScriptedProvider, Step
from features.chat.delegating import block, check_tree, delegate, finish, kinds, result_of, task, usage_of
from journeys.test_takeover import answer_of, first_lines, merged, told
from support.schema import stored_rows
from support.server_process import Person, ServerProcess, parsed, running, signed_in

pytestmark = pytest.mark.anyio

Json = dict[str, Any]
CHILDREN = ("a", "b", "c")
LINES = 24
"""Lines of the undisturbed run: text, call, three times six of a child, result, answer, usage, end."""
QUESTION = {"title": "T", "questions": [{"id": "q", "type": "text", "title": "Which?"}], "wait_time": 0}
ASK = CallTools([Call("questionnaire", QUESTION, id="call_q")])
CALLS = 2 + 2 * len(CHILDREN)
"""Model calls of the undisturbed run."""


def child_script(session: str, name: str) -> list[Step]:
    """Adds a line to a file of its own, then reports."""
    command = f"echo x >> /workspace/count_{session}_{name}.txt; sleep 0.25"
    return [CallTools([Call("execute_shell_command", {"command": command})]), finish(f"part {name}")]


class Stage:
    """A server, a person, and the scripts of a model outside of it."""

    def __init__(self, server: ServerProcess, person: Person, scripts: dict[str, Sequence[Step]], url: str) -> None:
        self.server = server
        self.person = person
        self.scripts = scripts
        self._url = url

    async def body(self, session: str, **plays: Sequence[Step]) -> tuple[Json, str]:
        """(A request whose run hands its work to children that follow these scripts, the agent of the children)."""
        made = {"base_url": self._url, "api_keys": ["sk-journey-000000"], "model": "m", "thinking_style": "none"}
        provider = (await self.person.data("POST", "/api/llm-provider/create", made))["id"]
        common = {"llm_provider_id": provider, "availableTools": ["execute_shell_command", "questionnaire"]}
        part = {"name": f"part {session}", **common}
        member = (await self.person.data("POST", "/api/agent/create", part))["agent_id"]
        lead = {"name": f"lead {session}", "agentMode": "fibre", "availableSubAgentIds": [member], **common}
        agent = (await self.person.data("POST", "/api/agent/create", lead))["agent_id"]
        self.scripts |= {f"{session}-{name}": steps for name, steps in plays.items()}
        tasks = [task(member, f"{session}-{name}") for name in plays]
        self.scripts[session] = [delegate(*tasks, text="Handing it on."), Say("All parts are done.")]
        message = {"role": "user", "content": f"[[play:{session}]] go"}
        return {"messages": [message], "session_id": session, "agent_id": agent}, member

    async def rest(self, session: str, count: int) -> list[bytes]:
        """Lines from an index on to the end."""
        async with asyncio.timeout(40):
            return await self.person.all_lines(f"/api/stream/resume/{session}?last_index={count}")

    def rows(self, query: str, *values: Any) -> list[Any]:
        """Of the database, while no server runs or beside it."""
        return stored_rows(self.server.data_dir, query, *values)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    scripts: dict[str, Sequence[Step]] = {"plain": [Say("Plainly.")]}
    async with ScriptedProvider(scripts) as provider, running(tmp_path / "data") as server:
        yield Stage(server, await signed_in(server), scripts, provider.url)


async def killed_after(stage: Stage, count: int, delay_seconds: float = 0.0) -> None:
    """Kills after `count` lines, restarts, reads on, and checks everything."""
    session = f"s_{count}_{round(delay_seconds * 1000)}"
    body, member = await stage.body(session, **{name: child_script(session, name) for name in CHILDREN})
    before = await first_lines(stage.person, body, count)
    await asyncio.sleep(delay_seconds)
    await stage.server.kill()
    await stage.server.start()
    after = await stage.rest(session, count)
    lines = parsed(before + after)
    check_tree(lines)
    assert lines[-1]["status"] == "completed", (session, lines[-1])
    assert await stage.rest(session, 0) == before + after
    assert answer_of([line for line in lines if line["session_id"] == session]).endswith("All parts are done.")
    children = [f"{session}_sub_{number}" for number in (1, 2, 3)]
    parts = [block(member, child, f"part {name}") for child, name in zip(children, CHILDREN, strict=True)]
    assert result_of(lines, session=session) == "\n\n".join(parts)
    for child in children:
        assert (kinds(lines, child).count("normal"), kinds(lines, child)[-1]) == (1, "token_usage")
        assert kinds(lines, child).count("tool_call") == 2
    check_usage(stage, lines, session, children)
    check_side_effects(stage, lines, session, children)
    await check_history(stage, lines, session, children)


def check_usage(stage: Stage, lines: list[Json], session: str, children: Sequence[str]) -> None:
    """Each recorded call once: on the run, on its parent, in the ledger."""
    whole = usage_of(lines, session)
    assert whole["total_info"]["prompt_tokens"] == 10 * CALLS
    found = {each["step_name"]: each["usage"]["prompt_tokens"] for each in whole["per_step_info"]}
    assert found == {"direct_execution": 20, **{f"sub_agent:{child}": 20 for child in children}}
    assert [usage_of(lines, child)["total_info"]["prompt_tokens"] for child in children] == [20, 20, 20]
    runs = stage.rows("select status from runs where root_run_id = ?", lines[-1]["run_id"])
    assert runs == [("completed",)] * 4
    secrets = stage.rows("select count(*) from runs where input_sealed is not null")
    assert secrets == [(0,)]


def check_side_effects(stage: Stage, lines: list[Json], session: str, children: Sequence[str]) -> None:
    """Each file has one line, or the call was reported as unknown and the file has at most one."""
    for child, name in zip(children, CHILDREN, strict=True):
        result = result_of(lines, "execute_shell_command", child)
        unknown = result.get("error_type") == "OUTCOME_UNKNOWN"
        assert unknown or result["success"], result
        written = "".join(each.read_text() for each in stage.server.data_dir.rglob(f"count_{session}_{name}.txt"))
        assert written in (("", "x\n") if unknown else ("x\n",)), (child, written, result)


async def check_history(stage: Stage, lines: list[Json], session: str, children: Sequence[str]) -> None:
    """History says of each session what the stream said."""
    data = await stage.person.data("GET", f"/api/conversations/{session}/messages")
    assert data["next_stream_index"] == len(lines)
    for name in (session, *children):
        kept = [each for each in data["messages"] if each["session_id"] == name]
        assert told(kept) == told(merged([line for line in lines if line["session_id"] == name]))


@pytest.mark.timeout(180)
async def test_a_kill_at_chosen_points_of_a_delegation_repeats_nothing(stage: Stage) -> None:
    for count in (2, 14):
        await killed_after(stage, count)


@pytest.mark.slow
@pytest.mark.timeout(1200)
async def test_a_kill_at_every_step_of_a_delegation_repeats_nothing(stage: Stage) -> None:
    for count in range(LINES - 1):
        for delay_seconds in (0.0, 0.06):
            await killed_after(stage, count, delay_seconds)


@pytest.mark.timeout(120)
async def test_children_in_every_state_go_on_from_where_each_of_them_stood(stage: Stage) -> None:
    asks = [ASK, finish("blue")]
    gate = Gate(Say("rest"), text="Half ")
    scripts: dict[str, Sequence[Step]] = {"ended": [Say("Ended.")], "held": [gate], "asks": asks}
    body, member = await stage.body("s1", **scripts)
    before = await until_all_stand(stage, body)
    await stage.server.kill()
    gate.open()
    await stage.server.start()
    path = "/api/questionnaires/s1_sub_3__questionnaire__call_q/submit"
    await stage.person.data("POST", path, {"answers": {"q": "blue"}})
    lines = parsed(before + await stage.rest("s1", len(before)))
    check_tree(lines)
    assert lines[-1]["status"] == "completed"
    parts = [block(member, f"s1_sub_{n}", told) for n, told in ((1, "Ended."), (2, "Half rest"), (3, "blue"))]
    assert result_of(lines, session="s1") == "\n\n".join(parts)
    assert [kinds(lines, f"s1_sub_{n}").count("normal") for n in (1, 2, 3)] == [1, 1, 1]
    assert kinds(lines, "s1_sub_1") == ["normal", "do_subtask_result", "token_usage"]
    assert usage_of(lines, "s1")["total_info"]["prompt_tokens"] == 10 * (2 + 1 + 1 + 2)


@pytest.mark.timeout(120)
async def test_a_stop_from_before_the_crash_ends_the_whole_tree(stage: Stage) -> None:
    gate = Gate(Say("never"), text="Half ")
    body, _ = await stage.body("s1", ended=[Say("Ended.")], held=[gate], asks=[ASK])
    before = await until_all_stand(stage, body)
    await stage.server.kill()
    stage.rows("update runs set stop_reason = 'interrupt_request' where parent_run_id is null")
    await stage.server.start()
    lines = parsed(before + await stage.rest("s1", len(before)))
    check_tree(lines)
    assert lines[-1]["status"] == "interrupted"
    states = stage.rows("select status from runs where root_run_id = ? order by session_id", lines[-1]["run_id"])
    assert [status for (status,) in states] == ["interrupted", "completed", "interrupted", "interrupted"]
    assert [kinds(lines, f"s1_sub_{n}")[-1] for n in (1, 2, 3)] == ["token_usage"] * 3
    named = [each["step_name"] for each in usage_of(lines, "s1")["per_step_info"]]
    assert {"sub_agent:s1_sub_1", "sub_agent:s1_sub_3"} <= set(named)


async def until_all_stand(stage: Stage, body: Json) -> list[bytes]:
    """Lines until the first child has ended, the second is in its text, and the third has called."""
    found: list[bytes] = []
    async with stage.person.lines("/api/web-stream", body) as lines:
        async for line in lines:
            found.append(line)
            seen = [(each["session_id"], each["type"]) for each in parsed(found)]
            wanted = [("s1_sub_1", "token_usage"), ("s1_sub_2", "do_subtask_result"), ("s1_sub_3", "tool_call")]
            if all(each in seen for each in wanted):
                break
    return found


@pytest.mark.slow
@pytest.mark.timeout(120)
async def test_spawned_and_inline_agents_and_children_of_children_survive_a_crash(stage: Stage) -> None:
    spawn = Call("sys_spawn_agent", {"name": "S", "description": "d", "system_prompt": "You are SPAWNED."})
    held, late = Gate(Say("rest"), text="Deep "), Gate(Say("unused"))
    body, member = await stage.body("s1", below=[held])
    nested = [delegate(task(member, "s1-below")), finish("nested")]
    stage.scripts |= {"nested": nested, "spawned": [Say("Spawned.")]}
    stage.scripts["s1"] = [CallTools([spawn]), late, Say("All parts are done.")]
    inline = {"custom_sub_agents": [{"name": "Mid", "agent_id": "agent_mid", "agent_mode": "fibre"}]}
    before, spawned = list[bytes](), ""
    async with stage.person.lines("/api/web-stream", {**body, **inline}) as lines:
        async for line in lines:
            before.append(line)
            (seen,) = parsed([line])
            if str(seen.get("content")).startswith("Agent spawned. ID: "):
                spawned = seen["content"].removeprefix("Agent spawned. ID: ").rstrip(".")
                late.then = delegate(task("agent_mid", "nested"), task(spawned, "spawned"))
                await stage.server.kill()
                break
    await stage.server.start()
    late.open()
    async with stage.person.lines(f"/api/stream/resume/s1?last_index={len(before)}") as lines:
        async for line in lines:
            before.append(line)
            if parsed([line])[0].get("content") == "Deep ":
                break
    await stage.server.kill()
    held.open()
    await stage.server.start()
    found = parsed(before + await stage.rest("s1", len(before)))
    check_tree(found)
    assert found[-1]["status"] == "completed"
    parts = [block("agent_mid", "s1_sub_1", "nested"), block(spawned, "s1_sub_2", "Spawned.")]
    assert result_of(found, session="s1") == "\n\n".join(parts)
    assert result_of(found, session="s1_sub_1") == block(member, "s1_sub_1_sub_1", "Deep rest")
    assert usage_of(found, "s1")["total_info"]["prompt_tokens"] == 10 * (3 + 2 + 1 + 1)
