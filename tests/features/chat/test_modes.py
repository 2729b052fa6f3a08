"""Modes, and what inline and saved sub-agents may be (stream-runtime.md 9.2, 3.2 custom_sub_agents, 9.7)."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from features.chat.delegating import (
    ask,
    block,
    check_tree,
    delegate,
    instructions,
    kinds,
    lead,
    offered,
    people,
    requests_for,
    result_of,
    script,
    task,
    usage_of,
)
from features.chat.world import chat_in, end_of, said, until

pytestmark = pytest.mark.anyio

DELEGATION = {"sys_spawn_agent", "sys_delegate_task"}


async def test_only_fibre_spawns_and_only_fibre_and_team_hand_work_on(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        (member,) = await people(chat, "Sales")
        agent = await lead(chat, member, mode="simple")
        found: dict[str, tuple[set[str], bool]] = {}
        for mode in ("simple", "fibre", "team"):
            listed = ["file_read", "sys_spawn_agent", "sys_finish_task"]
            await chat.alice.say("hello", f"in-{mode}", agent_id=agent, agent_mode=mode, available_tools=listed)
            request = chat.asked()
            roster = f"{member} (Sales): does Sales"
            found[mode] = offered(request) & {*DELEGATION, "sys_finish_task"}, roster in instructions(request)
    assert found == {"simple": (set(), False), "fibre": (DELEGATION, True), "team": ({"sys_delegate_task"}, True)}


async def test_a_team_without_members_is_simple_and_says_so(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        lines = await chat.alice.say("hello", agent_id=await lead(chat, mode="team", availableTools=["file_read"]))
        run = await chat.alice.run(lines[-1]["run_id"])
        assert offered(chat.asked()) == {"file_read", "todo_read", "todo_write"}
    assert run["warnings"] == [{"field": "agent_mode", "value": "team", "reason": "no_members"}]
    assert run["agent_mode"] == "team"


async def test_a_team_hands_on_to_its_members_only(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        member, other = await people(chat, "Sales", "Other")
        agent = await lead(chat, member, mode="team")
        inline = [{"name": "Inline", "agent_id": "agent_inline"}]
        good = await ask(chat, agent, task(member, "part"), task("agent_inline", "part"), custom_sub_agents=inline)
        bad = await ask(chat, agent, task(other, "part"))
    assert result_of(good).count("Result: ran") == 2
    assert result_of(bad)["error"] is True


async def test_words_that_are_no_mode_mean_simple_or_fibre(tmp_path: Path) -> None:
    asked = [(None, None), ("auto", None), ("turbo", False), ("default", True), ("", True), ("team", True)]
    async with chat_in(tmp_path) as chat:
        agent, found = await chat.alice.agent(agentMode="auto"), list[str]()
        for mode, multi in (*asked, ("simple", True)):
            lines = await chat.alice.say("hello", agent_id=agent, agent_mode=mode, multi_agent=multi)
            found.append((await chat.alice.run(lines[-1]["run_id"]))["agent_mode"])
    assert found == ["simple", "simple", "simple", "fibre", "fibre", "team", "simple"]


async def test_an_agent_saved_without_a_mode_is_fibre_when_it_is_saved_with_many(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        agents = [
            await chat.alice.agent(name=f"A{at}", **fields)
            for at, fields in enumerate(({"multiAgent": True}, {}, {"multiAgent": True, "agentMode": "simple"}))
        ]
        found: list[tuple[str, str]] = []
        for agent in agents:
            lines = await chat.alice.say("hello", agent_id=agent)
            mode = (await chat.alice.run(lines[-1]["run_id"]))["agent_mode"]
            found.append((mode, (await chat.alice.data("GET", f"/api/agent/{agent}"))["agentMode"]))
        version = await chat.alice.data("GET", f"/api/agent/{agents[0]}/versions/1")
    assert found == [("fibre", "simple"), ("simple", "simple"), ("simple", "simple")]
    assert version["config"]["agentMode"] == "simple"


@pytest.mark.parametrize(
    ("verdict", "reason"), [("completed", "answered"), ("failed", "answered"), ("need_user_input", "need_user_input")]
)
async def test_multi_plans_executes_observes_judges_and_always_summarises(
    tmp_path: Path, verdict: str, reason: str
) -> None:
    said_each_time = Say(json.dumps({"completion_status": verdict, "finish_percent": 100, "reason": "r"}))
    async with chat_in(tmp_path, {"m": [said_each_time]}) as chat:
        lines = await chat.alice.say("[[play:m]]", agent_mode="multi")
        requests = requests_for(chat, "m")
    assert kinds(lines, "s1") == [
        "planning",
        "do_subtask_result",
        "observation",
        "final_answer",
        "token_usage",
        "stream_end",
    ]
    assert end_of(lines) == ("completed", reason)
    steps = [each["step_name"] for each in usage_of(lines, "s1")["per_step_info"]]
    assert steps == ["planning", "task_execution", "observation", "task_completion_judge", "final_answer"]
    assert [sum(m["role"] == "assistant" for m in each["messages"]) for each in requests] == [0, 1, 2, 0, 3]


async def test_multi_goes_round_as_often_as_it_may(tmp_path: Path) -> None:
    going_on = Say('{"completion_status": "in_progress", "finish_percent": 10, "reason": "r"}')
    async with chat_in(tmp_path, {"m": [going_on]}) as chat:
        lines = await chat.alice.say("[[play:m]]", agent_mode="multi", max_loop_count=2)
    assert kinds(lines, "s1").count("planning") == 2
    assert kinds(lines, "s1").count("final_answer") == 1
    assert end_of(lines) == ("completed", "loop_limit")


async def test_an_inline_agent_never_has_more_than_the_run(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        (other,) = await people(chat, "Other")
        inline: list[dict[str, Any]] = [
            {
                "name": "Inline",
                "agent_id": "agent_inline",
                "system_prompt": "You are INLINE.",
                "available_tools": ["file_read", "execute_shell_command", "sys_delegate_task", "no_such_tool"],
                "available_skills": ["no-such-skill"],
                "system_context": {"city": "Bern", "user_id": "FORGED", "private_workspace": "/FORGED"},
                "agent_mode": "team",
            },
            {"name": "Second"},
        ]
        agent = await lead(chat, other, availableTools=["file_read", "file_write"])
        # Existing clients may put them into the context (3.5).
        context = {"custom_sub_agents": inline, "town": "Thun"}
        lines = await ask(chat, agent, task("agent_inline", "part"), system_context=context)
        (request,) = requests_for(chat, "part")
        roster = instructions(requests_for(chat, chat.provider.requests[0].script or "")[0])
        again = await ask(chat, agent, task("agent_inline", "part"), session="s1")
        warnings = (await chat.alice.runs_of("s1_sub_1"))[0]["warnings"]
    assert result_of(lines) == block("agent_inline", "s1_sub_1", "ran")
    assert "You are INLINE." in instructions(request)
    assert offered(request) == {"file_read", "todo_read", "todo_write", "sys_finish_task", "sys_delegate_task"}
    assert "Bern" in json.dumps(request)
    assert "FORGED" not in json.dumps(request)
    assert "(Second)" in roster
    assert {(each["field"], each["value"]) for each in warnings} == {
        ("available_tools", "execute_shell_command"),
        ("available_tools", "sys_delegate_task"),
        ("available_tools", "no_such_tool"),
        ("available_skills", "no-such-skill"),
    }
    assert result_of(again)["error"] is True


async def test_a_saved_agent_keeps_its_mode_model_prompt_and_cap(tmp_path: Path) -> None:
    rounds = CallTools([Call("todo_read", {})])
    async with chat_in(tmp_path, {"part": [rounds]}) as chat:
        body = {"base_url": chat.provider.url, "api_keys": ["sk-other-000000"], "model": "other-model"}
        provider = await chat.alice.data("POST", "/api/llm-provider/create", {**body, "thinking_style": "none"})
        own = {"availableTools": ["todo_read"], "maxLoopCount": 1, "llm_provider_id": provider["id"]}
        (member,) = await people(chat, "Sales", agentMode="fibre", systemPrefix="You are SALES.", **own)
        lines = await ask(
            chat, await lead(chat, member), task(member, "part"), max_loop_count=9, system_prefix="You are LEAD."
        )
        requests = requests_for(chat, "part")
        run = (await chat.alice.runs_of("s1_sub_1"))[0]
    check_tree(lines)
    assert {each["model"] for each in requests} == {"other-model"}
    assert sum(bool(each.get("tools")) for each in requests) == 1
    assert "You are SALES." in instructions(requests[0])
    assert offered(requests[0]) >= DELEGATION
    assert (run["agent_mode"], run["end_reason"], run["agent_id"]) == ("fibre", "loop_limit", member)


async def test_the_fourth_level_hands_nothing_on_and_nobody_hands_back(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        chat.scripts["last"] = [Say("deep")]
        below = await chat.alice.agent(name="L4", agentMode="fibre")
        chain = [below]
        for level in (3, 2, 1):
            chat.scripts[f"down-{level}"] = [
                delegate(task(below, f"down-{level + 1}" if level < 3 else "last")),
                finish_of(level),
            ]
            below = await chat.alice.agent(name=f"L{level}", agentMode="fibre", availableSubAgentIds=[below])
            chain.append(below)
        lines = await ask(chat, await lead(chat, below), task(below, "down-1"))
        last = requests_for(chat, "last")[0]
        third = requests_for(chat, "down-3")[0]
    check_tree(lines)
    assert "L1 done" in result_of(lines)
    assert "deep" in result_of(lines, session="s1_sub_1_sub_1_sub_1")
    assert (offered(third) >= DELEGATION, offered(last) & DELEGATION) == (True, set())
    totals = usage_of(lines, "s1")["total_info"]
    assert totals["prompt_tokens"] == 10 * (2 + 2 * 3 + 1)


def finish_of(level: int) -> CallTools:
    return CallTools([Call("sys_finish_task", {"status": "success", "result": f"L{level} done"})])


async def test_a_circle_of_agents_is_cut_at_the_first_that_comes_again(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        first = await lead(chat)
        second = await chat.alice.agent(name="Second", agentMode="fibre", availableSubAgentIds=[first])
        body = {"name": "Lead", "agentMode": "fibre", "availableSubAgentIds": [second]}
        await chat.alice.data("PUT", f"/api/agent/{first}", body)
        chat.scripts["back"] = [delegate(task(first, "back")), Say("I could not.")]
        lines = await ask(chat, first, task(second, "back"))
    assert first in result_of(lines, session="s1_sub_1")["message"]
    assert result_of(lines) == block(second, "s1_sub_1", "I could not.")


async def test_only_so_many_children_work_at_a_time_and_in_all(tmp_path: Path) -> None:
    gates = {f"g{n}": [Gate(Say(f"done {n}"))] for n in range(4)}
    async with chat_in(tmp_path, gates, max_parallel_children=2, max_children_per_run=5) as chat:
        (member,) = await people(chat, "Sales")
        words = script(
            chat,
            delegate(*[task(member, name) for name in gates]),
            delegate(task(member, "plain"), task(member, "plain")),
            delegate(task(member, "plain")),
            Say("All done."),
        )
        stream = await chat.alice.open("/api/web-stream", said(words, agent_id=await lead(chat, member)))
        await asyncio.gather(*(gates[name][0].reached.wait() for name in ("g0", "g1")))

        async def two_run() -> bool:
            statuses = [(await chat.alice.runs_of(f"s1_sub_{n}"))[0]["status"] for n in (1, 2, 3, 4)]
            return statuses == ["running", "running", "queued", "queued"]

        await until(two_run)
        waiting = [gates[name][0].reached.is_set() for name in ("g2", "g3")]
        for gate in gates.values():
            gate[0].open()
        lines = await stream.lines()
    check_tree(lines)
    results = [line["content"] for line in lines if line.get("role") == "tool"]
    assert waiting == [False, False]
    assert results[0].count("Task finished: success") == 4
    assert (results[1]["error"], "5" in results[1]["message"]) == (True, True)
    assert results[2] == block(member, "s1_sub_7", "Plainly.")


async def test_children_that_wait_for_their_own_leave_them_their_place(tmp_path: Path) -> None:
    async with chat_in(tmp_path, max_parallel_children=1) as chat:
        (below,) = await people(chat, "Below")
        chat.scripts["down"] = [delegate(task(below, "plain"), task(below, "plain")), finish_of(1)]
        (middle,) = await people(chat, "Middle", agentMode="fibre", availableSubAgentIds=[below])
        lines = await ask(chat, await lead(chat, middle), task(middle, "down"), task(middle, "down"))
    check_tree(lines)
    assert str(result_of(lines)).count("L1 done") == 2
    assert usage_of(lines, "s1")["total_info"]["prompt_tokens"] == 10 * (2 + 2 * (2 + 2))


async def test_the_targets_are_those_of_the_agent_of_the_request_or_all_that_may_be_reached(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        bob = await chat.person("bob")
        foreign = await bob.agent(name="Foreign")
        one, two = await people(chat, "One", "Two")
        agent = await lead(chat, one)
        auto = await chat.alice.agent(name="Auto", agentMode="fibre", subAgentSelectionMode="auto")
        found, warned = list[set[str]](), list[Any]()
        for wanted, asked in ((agent, []), (agent, [two, foreign]), (agent, ["none"]), (auto, [])):
            lines = await chat.alice.say("hello", agent_id=wanted, available_sub_agent_ids=asked)
            prompt = instructions(chat.asked())
            found.append({each for each in (one, two, agent, auto, foreign) if each in prompt})
            if foreign in asked:
                warned = (await chat.alice.run(lines[-1]["run_id"]))["warnings"]
    assert found == [{one}, {two}, set(), {one, two, agent}]
    assert warned == [{"field": "available_sub_agent_ids", "value": foreign, "reason": "not_usable"}]


async def test_a_run_spawns_twenty_agents_and_no_more(tmp_path: Path) -> None:
    spawn = Call("sys_spawn_agent", {"name": "n", "description": "d", "system_prompt": "p"})
    async with chat_in(tmp_path) as chat:
        words = script(chat, CallTools([spawn] * 21), Say("done"))
        lines = await chat.alice.say(words, agent_id=await lead(chat))
    results = [line["content"] for line in lines if line.get("role") == "tool"]
    assert [isinstance(each, str) for each in results] == [True] * 20 + [False]
    assert results[20]["error_type"] == "EXECUTION_ERROR"


async def test_tools_that_a_run_does_not_have_are_warned_of(tmp_path: Path) -> None:
    listed = ["file_read", "execute_shell_command", "search_knowledge_base", "search_web_page", "questionnaire"]
    delegating = ["sys_delegate_task", "sys_finish_task", "sys_none"]
    found: list[list[tuple[str, str]]] = []
    async with chat_in(tmp_path) as chat:
        for session, mode in (("s1", "simple"), ("s2", "fibre")):
            tools = [*listed, *delegating]
            lines = await chat.alice.say("hello", session, agent_mode=mode, available_tools=tools)
            run = await chat.alice.run(lines[-1]["run_id"])
            found.append([(each["value"], each["reason"]) for each in run["warnings"]])
            assert {each["field"] for each in run["warnings"]} == {"available_tools"}
    lost = [(name, "not_usable") for name in listed[1:4]]
    ended = [("sys_finish_task", "not_usable"), ("sys_none", "unknown")]
    assert found == [[*lost, ("sys_delegate_task", "not_usable"), *ended], [*lost, *ended]]
