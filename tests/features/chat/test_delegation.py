"""Children of a run: what starts them, what they are given, what their parent reads (stream-runtime.md 9.7)."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Attempts, Call, CallTools, Fault, Gate, Say, Tokens
from features.chat.delegating import (
    DELEGATE,
    ask,
    block,
    check_tree,
    delegate,
    delegated,
    finish,
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
from features.chat.world import answer_of, chat_in, end_of, said

pytestmark = pytest.mark.anyio

LONG = {"max_model_len": 200_000}
SPAWN = {"name": "Helper", "description": "helps", "system_prompt": "You are SPAWNED."}


async def test_children_stream_side_by_side_into_the_parent_and_roll_their_usage_up(tmp_path: Path) -> None:
    gate = Gate(Say("Totals.", usage=Tokens(700, 40)))
    scripts = {"totals": [gate], "prose": [Say("Intro drafted.", usage=Tokens(300, 20))]}
    async with chat_in(tmp_path, scripts) as chat:
        sales, writer = await people(chat, "Sales", "Writer")
        agent = await lead(chat, sales, writer)
        words = script(chat, delegate(task(sales, "totals"), task(writer, "prose")), Say("Ready."))
        stream = await chat.alice.open("/api/web-stream", said(words, agent_id=agent))
        lines = [await stream.line()]
        while lines[-1]["type"] != "token_usage":
            lines.append(await stream.line())
        assert (lines[-1]["session_id"], "Totals." in str(lines)) == ("s1_sub_2", False)
        gate.open()
        lines += await stream.lines()
        history = await chat.alice.history()
        child = await chat.alice.history("s1_sub_1")
    check_tree(lines)
    assert [kinds(lines, name) for name in ("s1", "s1_sub_1", "s1_sub_2")] == [
        ["tool_call", "tool_call_result", "do_subtask_result", "token_usage", "stream_end"],
        ["normal", "do_subtask_result", "token_usage"],
        ["normal", "do_subtask_result", "token_usage"],
    ]
    assert result_of(lines) == "\n\n".join(
        [block(sales, "s1_sub_1", "Totals."), block(writer, "s1_sub_2", "Intro drafted.")]
    )
    assert {line["agent_name"] for line in lines if line.get("session_id") == "s1_sub_1"} == {"Sales"}
    root = usage_of(lines, "s1")
    assert root["total_info"] == {"prompt_tokens": 1020, "completion_tokens": 70, "total_tokens": 1090}
    assert [(each["step_name"], each["usage"]["prompt_tokens"]) for each in root["per_step_info"]] == [
        ("direct_execution", 20),
        ("sub_agent:s1_sub_2", 300),
        ("sub_agent:s1_sub_1", 700),
    ]
    shown = [(each["session_id"], each["type"]) for each in history]
    first, second = [("s1_sub_1", "normal"), ("s1_sub_1", "do_subtask_result")], [("s1_sub_2", "normal")]
    assert shown[1:5] == [("s1", "tool_call"), *first, *second]
    assert [(each["role"], each["type"]) for each in child] == [("user", "normal"), ("assistant", "do_subtask_result")]


async def test_a_child_is_given_its_task_and_the_context_but_not_the_conversation(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [finish("Report.")]}) as chat:
        (member,) = await people(chat, "Sales", systemPrefix="You are SALES.", availableTools=["file_read"])
        agent = await lead(chat, member, systemPrefix="You are LEAD.", availableTools=["file_write"])
        part = task(member, "part", task_name="../Q3 totals/../x")
        context = {"city": "Bern", "response_language": "en"}
        lines = await ask(chat, agent, part, system_context=context)
        (request,) = requests_for(chat, "part")
    assert result_of(lines) == block(member, "s1_sub_1", "Report.")
    opening = next(line for line in lines if line["session_id"] == "s1_sub_1")
    assert (opening["role"], opening["type"]) == ("user", "normal")
    assert "report" in opening["content"]
    assert "/workspace/tasks/Q3_totals_.._x/" in opening["content"]
    assert "You are SALES." in instructions(request)
    assert "Bern" in instructions(request)
    assert "LEAD" not in json.dumps(request)
    assert "new-" not in json.dumps(request)
    assert offered(request) == {"file_read", "todo_read", "todo_write", "sys_finish_task"}


async def test_a_context_that_has_grown_beyond_a_request_reaches_the_children(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        (member,) = await people(chat, "Sales")
        agent = await lead(chat, member, systemContext={"of_agent": "a" * 20_000})
        context = {"of_request": "r" * 60_000}
        lines = await ask(chat, agent, task(member, "part"), system_context=context, llm_model_config=LONG)
        (request,) = requests_for(chat, "part")
    assert result_of(lines) == block(member, "s1_sub_1", "ran")
    assert all(each in instructions(request) for each in ("a" * 20_000, "r" * 60_000))


async def test_a_spawned_agent_lives_for_the_run_with_the_rights_of_its_parent(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("Helped.")]}) as chat:
        agent = await lead(chat, availableTools=["file_read"])
        spawned = CallTools([Call("sys_spawn_agent", SPAWN)])
        lines = await chat.alice.say(script(chat, spawned, Say("ok")), agent_id=agent)
        agent_id = str(result_of(lines, "sys_spawn_agent")).removeprefix("Agent spawned. ID: ").rstrip(".")
        call = next(json.loads(c["function"]["arguments"]) for line in lines for c in line.get("tool_calls", ()))
        later = await ask(chat, agent, task(agent_id, "part"))
        assert requests_for(chat, "part") == []
    assert call == {**SPAWN, "agent_name": "Helper"}
    assert result_of(later)["error_type"] == "EXECUTION_ERROR"
    assert agent_id in result_of(later)["message"]


async def test_every_problem_of_a_delegation_is_named_and_nothing_runs(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        (member,) = await people(chat, "Sales")
        bob = await chat.person("bob")
        foreign = await bob.agent(name="Foreign")
        agent = await lead(chat, member, foreign)
        await chat.alice.say("hello", "other")
        tasks = [
            task(member, "part"),
            task(foreign, "part"),
            task("agent_none", "part"),
            task(agent, "part"),
            task(member, "part", session_id="other"),
            task(member, "part", session_id="s1_sub_7"),
            task(member, "part", session_id="../etc"),
        ]
        lines = await ask(chat, agent, *tasks)
        count = len(requests_for(chat, "part"))
        told = (await chat.alice.call("GET", "/api/conversations/s1_sub_1/messages")).json()["code"]
    result = result_of(lines)
    assert (result["error"], result["error_type"]) == (True, "EXECUTION_ERROR")
    assert all(word in result["message"] for word in (foreign, "agent_none", agent, "other", "s1_sub_7", "../etc"))
    assert (count, told, kinds(lines, "s1_sub_1"), end_of(lines)) == (0, 404, [], ("completed", "answered"))


async def test_a_call_hands_on_one_to_ten_tasks(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        (member,) = await people(chat, "Sales")
        agent = await lead(chat, member)
        found = [await ask(chat, agent, *[task(member, "part") for _ in range(number)]) for number in (0, 11)]
        assert requests_for(chat, "part") == []
    assert [result_of(lines)["error_type"] for lines in found] == ["INVALID_ARGUMENTS"] * 2


@pytest.mark.parametrize("arguments", [{}, {"tasks": "no JSON"}, {"tasks": 1}])
async def test_a_delegation_without_a_list_of_tasks_is_shown_as_written_and_refused(
    tmp_path: Path, arguments: dict[str, Any]
) -> None:
    async with chat_in(tmp_path) as chat:
        (member,) = await people(chat, "Sales")
        words = script(chat, CallTools([Call(DELEGATE, arguments)]), Say("No."))
        lines = await chat.alice.say(words, agent_id=await lead(chat, member))
    shown = next(line for line in lines if line["type"] == "tool_call")["tool_calls"][0]["function"]["arguments"]
    result = result_of(lines)
    assert json.loads(shown) == arguments
    assert (result["error_type"], result["provided_params"]) == ("INVALID_ARGUMENTS", list(arguments))


async def test_tasks_written_as_json_in_a_text_are_completed_and_run(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        (member,) = await people(chat, "Sales")
        call = Call(DELEGATE, {"tasks": json.dumps([task(member, "part")])})
        lines = await chat.alice.say(script(chat, CallTools([call]), Say("Yes.")), agent_id=await lead(chat, member))
    assert [each["session_id"] for each in delegated(lines)] == ["s1_sub_1"]
    assert "ran" in str(result_of(lines))


async def test_a_spawn_without_a_name_says_that_it_is_missing(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        words = script(chat, CallTools([Call("sys_spawn_agent", {})]), Say("No."))
        lines = await chat.alice.say(words, agent_id=await lead(chat))
    result = result_of(lines, "sys_spawn_agent")
    assert (result["required_params"], result["provided_params"]) == (["name", "description", "system_prompt"], [])


async def test_a_later_run_has_new_children_and_may_go_on_with_an_earlier_one(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("First words.")], "more": [Say("Second words.")]}) as chat:
        (member,) = await people(chat, "Sales")
        agent = await lead(chat, member)
        await ask(chat, agent, task(member, "part"))
        lines = await ask(chat, agent, task(member, "part"), task(member, "more", session_id="s1_sub_1"))
        fresh, known = requests_for(chat, "part")[1], requests_for(chat, "more")[0]
        alice = await chat.alice.history("s1_sub_1")
        taken = await chat.alice.open("/api/web-stream", said("hello", "s1_sub_1"))
    assert [each["session_id"] for each in delegated(lines)] == ["s1_sub_2", "s1_sub_1"]
    assert "First words." not in json.dumps(fresh)
    assert "First words." in json.dumps(known)
    assert [each["content"] for each in alice if each["role"] == "assistant"] == ["First words.", "Second words."]
    assert taken.status == 422


async def test_a_name_that_the_person_took_is_left_to_them(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        (member,) = await people(chat, "Sales")
        await chat.alice.say("mine", "s1_sub_1")
        lines = await ask(chat, await lead(chat, member), task(member, "part"))
    assert result_of(lines) == block(member, "s1_sub_2", "ran")


async def test_a_failing_child_tells_its_parent_and_the_run_goes_on(tmp_path: Path) -> None:
    scripts = {
        "broken": [Fault("status", status=401, body={"error": {"message": "bad key sk-123"}})],
        "gives-up": [finish("Nothing found.", "failed")],
        "well": [Say("Fine.")],
    }
    async with chat_in(tmp_path, scripts) as chat:
        (member,) = await people(chat, "Sales")
        tasks = [task(member, name) for name in scripts]
        lines = await ask(chat, await lead(chat, member), *tasks)
        runs = await chat.alice.runs_of("s1_sub_1")
    check_tree(lines)
    text = "模型服务认证失败，请检查模型提供商的 API Key"
    assert result_of(lines) == "\n\n".join(
        [
            block(member, "s1_sub_1", text, "failed"),
            block(member, "s1_sub_2", "Nothing found.", "failed"),
            block(member, "s1_sub_3", "Fine."),
        ]
    )
    assert kinds(lines, "s1_sub_1") == ["normal", "final_answer", "token_usage"]
    assert (runs[0]["status"], runs[0]["end_reason"], end_of(lines)) == (
        "failed",
        "model_error",
        ("completed", "answered"),
    )


async def test_a_silent_child_is_summarised_for_its_parent(tmp_path: Path) -> None:
    rounds = CallTools([Call("todo_read", {})])
    async with chat_in(tmp_path, {"mute": [rounds, rounds, Say("Summed up.")]}) as chat:
        (member,) = await people(chat, "Sales", availableTools=["todo_read"], maxLoopCount=2)
        lines = await ask(chat, await lead(chat, member), task(member, "mute"))
    assert result_of(lines) == block(member, "s1_sub_1", "Summed up.")
    assert sorted(kinds(lines, "s1_sub_1")[-3:-1]) == ["final_answer", "normal"]


async def test_a_child_that_was_deleted_meanwhile_is_unknown_and_the_run_goes_on(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        gone, kept = await people(chat, "Gone", "Kept")
        agent = await lead(chat, gone, kept)
        gate = Gate(delegate(task(gone, "part"), task(kept, "part")))
        words = script(chat, gate, delegate(task(kept, "part")), Say("All done."))
        stream = await chat.alice.open("/api/web-stream", said(words, agent_id=agent))
        await gate.reached.wait()
        await chat.alice.data("DELETE", f"/api/agent/{gone}")
        gate.open()
        lines = await stream.lines()
    check_tree(lines)
    results = [line["content"] for line in lines if line.get("role") == "tool"]
    assert gone in results[0]["message"]
    assert results[1].startswith(f"=== Result from {kept} ===")
    assert (answer_of([x for x in lines if x["session_id"] == "s1"]), end_of(lines)) == (
        "All done.",
        ("completed", "answered"),
    )


async def test_a_grant_that_is_withdrawn_meanwhile_ends_what_it_allowed(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("ran")]}) as chat:
        bob = await chat.person("bob")
        lent = await bob.agent(name="Lent")
        await bob.data("POST", f"/api/agent/{lent}/auth", {"user_ids": [chat.alice.user_id]})
        agent = await lead(chat, lent)
        again = delegate(task(lent, "part"))
        gate = Gate(again)
        stream = await chat.alice.open(
            "/api/web-stream", said(script(chat, again, gate, Say("All done.")), agent_id=agent)
        )
        await gate.reached.wait()
        await bob.data("POST", f"/api/agent/{lent}/auth", {"user_ids": []})
        gate.open()
        lines = await stream.lines()
    results = [line["content"] for line in lines if line.get("role") == "tool"]
    assert results[0] == block(lent, "s1_sub_1", "ran")
    assert lent in results[1]["message"]


async def test_a_shared_agent_hands_on_to_its_owners_agents_in_the_guests_workspace(tmp_path: Path) -> None:
    write = CallTools([Call("file_write", {"file_path": "/workspace/note.txt", "content": "x"})])
    async with chat_in(tmp_path, {"part": [write, finish("ok")]}) as chat:
        bob = await chat.person("bob")
        (member,) = await people(chat, "Sales", availableTools=["file_write"])
        agent = await lead(chat, member)
        await chat.alice.data("POST", f"/api/agent/{agent}/auth", {"user_ids": [bob.user_id]})
        lines = await bob.say(script(chat, delegate(task(member, "part")), Say("Done.")), agent_id=agent)
        path = f"/api/agent/{agent}/file_workspace"
        listed = [
            [each["path"] for each in (await who.data("POST", path, {}))["files"] if "note" in each["path"]]
            for who in (bob, chat.alice)
        ]
        foreign = [
            (await chat.alice.call("GET", f"/api/conversations/{name}/messages")).json()["code"]
            for name in ("s1_sub_1", "s1")
        ]
        stopped = (await chat.alice.call("POST", "/api/sessions/s1_sub_1/interrupt")).json()["code"]
    assert result_of(lines) == block(member, "s1_sub_1", "ok")
    assert [len(each) for each in listed] == [1, 0]
    assert (foreign, stopped) == ([404, 404], 404)


async def test_a_child_is_asked_again_after_a_cut_and_keeps_its_order(tmp_path: Path) -> None:
    cut = Attempts([Fault("reset", text="Half "), Say("Whole.")])
    async with chat_in(tmp_path, {"cut": [cut]}) as chat:
        (member,) = await people(chat, "Sales")
        lines = await ask(chat, await lead(chat, member), task(member, "cut"))
    check_tree(lines)
    assert result_of(lines) == block(member, "s1_sub_1", "Whole.")
    marks = [line for line in lines if (line.get("metadata") or {}).get("superseded")]
    assert [line["session_id"] for line in marks] == ["s1_sub_1"]


async def test_a_child_has_a_task_list_of_its_own(tmp_path: Path) -> None:
    todos = CallTools([Call("todo_write", {"tasks": [{"id": "1", "content": "part", "status": "completed"}]})])
    async with chat_in(tmp_path, {"part": [todos, finish("ok")]}) as chat:
        (member,) = await people(chat, "Sales", availableTools=["file_read"])
        own = CallTools([Call("todo_write", {"tasks": [{"id": "1", "content": "SECRET plan", "completed": True}]})])
        words = script(chat, own, delegate(task(member, "part")), Say("All done."))
        await chat.alice.say(words, agent_id=await lead(chat, member, availableTools=["file_read"]))
        lists = [
            (await chat.alice.data("POST", f"/api/sessions/{name}/tasks_status"))["tasks_status"]["tasks"]
            for name in ("s1", "s1_sub_1")
        ]
        asked = json.dumps([each["messages"] for each in requests_for(chat, "part")])
    assert [[each["content"] for each in tasks] for tasks in lists] == [["SECRET plan"], ["part"]]
    assert "SECRET plan" not in asked


async def test_no_request_starts_or_rewrites_a_child(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        (member,) = await people(chat, "Sales")
        await ask(chat, await lead(chat, member), task(member, "plain"))
        before = await chat.alice.history("s1_sub_1")
        opened = [
            (await chat.alice.open(path, said("hello", "s1_sub_1", agent_id=member))).status
            for path in ("/api/chat", "/api/stream", "/api/web-stream")
        ]
        path = "/api/conversations/s1_sub_1"
        rerun = await chat.alice.call("POST", f"{path}/rerun-stream", {})
        edit = (await chat.alice.call("POST", f"{path}/edit-last-user-message", {"content": "x"})).json()["code"]
        after = await chat.alice.history("s1_sub_1")
    assert opened == [422] * 3
    assert (rerun.status_code, edit, before) == (422, 422, after)


async def test_the_longest_session_id_has_children_that_can_be_read(tmp_path: Path) -> None:
    session = "s" * 128
    async with chat_in(tmp_path) as chat:
        (member,) = await people(chat, "Sales")
        lines = await ask(chat, await lead(chat, member), task(member, "plain"), session=session)
        child = await chat.alice.history(f"{session}_sub_1")
        again = await chat.alice.call("POST", f"/api/conversations/{session}_sub_1/rerun-stream", {})
    assert (again.status_code, again.json()["error_detail"]) == (422, "validation_error")
    assert result_of(lines, session=session) == block(member, f"{session}_sub_1", "Plainly.")
    assert [each["type"] for each in child] == ["normal", "do_subtask_result"]


async def test_calls_that_the_server_completes_are_never_sent_in_pieces(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        (member,) = await people(chat, "Sales")
        call = delegate(task(member, "plain"), call_id="call_1")
        words = script(chat, CallTools(call.calls, argument_piece=5), Say("All done."))
        options = {"tool_call_deltas": True}
        lines = await chat.alice.say(words, agent_id=await lead(chat, member), stream_options=options)
    assert kinds(lines, "s1").count("tool_call") == 1
    assert delegated(lines)[0]["session_id"] == "s1_sub_1"


async def test_a_hundred_children_of_one_run_are_fifty_and_a_refusal(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        (member,) = await people(chat, "Sales")
        ten = [task(member, "plain") for _ in range(10)]
        words = script(chat, *[delegate(*ten) for _ in range(6)], Say("All done."))
        lines = await chat.alice.say(words, agent_id=await lead(chat, member))
        other = await chat.alice.say("hello", "s2")
    check_tree(lines)
    results = [line["content"] for line in lines if line.get("role") == "tool"]
    assert [isinstance(each, str) for each in results] == [True] * 5 + [False]
    assert "50" in results[5]["message"]
    assert (end_of(lines), end_of(other)) == (("completed", "answered"),) * 2
    assert usage_of(lines, "s1")["total_info"]["prompt_tokens"] == 10 * (7 + 50)


async def test_exports_hold_the_children_where_they_were_handed_work(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"part": [Say("Sold ten.\nOr more.")], "other": [Say("Wrote it.")]}) as chat:
        sales, writer = await people(chat, "Sales", "Writer")
        await ask(chat, await lead(chat, sales, writer), task(sales, "part"), task(writer, "other"))
        markdown = (await chat.alice.call("GET", "/api/conversations/s1/export")).text
        packed = (await chat.alice.call("GET", "/api/sessions/s1/download")).content
        child = (await chat.alice.data("GET", "/api/conversations/s1_sub_1/messages"))["messages"]
    with zipfile.ZipFile(io.BytesIO(packed)) as archive:
        files = {name: archive.read(name) for name in archive.namelist() if name.startswith("children/")}
    assert set(files) == {"children/s1_sub_1.json", "children/s1_sub_2.json"}
    assert json.loads(files["children/s1_sub_1.json"])["messages"] == child
    assert "\n> ## Assistant\n> \n> Sold ten.\n> Or more.\n" in markdown
    assert "\n> ## Assistant\n> \n> Wrote it.\n" in markdown
    assert markdown.endswith("\n## Assistant\n\nAll done.\n")
