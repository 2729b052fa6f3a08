"""The worked examples of stream-runtime.md 5, line by line; ids and times are theirs, everything else is compared."""

import json
from pathlib import Path
from typing import Any

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Fault, Gate, Say, Tokens
from features.chat.delegating import block
from features.chat.world import Chat, Lines, chat_in, said

pytestmark = pytest.mark.anyio

Json = dict[str, Any]


def message(kind: str, message_id: str, session: str, agent: str, *, role: str = "assistant", **rest: Any) -> Json:
    """A line of the contract's examples, without its time."""
    line = {"role": role, "type": kind, "message_id": message_id, "session_id": session, "agent_name": agent}
    return {"metadata": {}, **line, **rest}


def usage_line(message_id: str, session: str, agent: str, total: Json, note: str | None = None) -> Json:
    """The `token_usage` line of a run whose calls were all `direct_execution` with one model."""
    step: Json = {"step_name": "direct_execution", "usage": total or None, "model": "m"}
    usage = {
        "total_info": total,
        "per_step_info": [{**step, "note": note} if note else step],
        "model": "m",
        "models": ["m"],
    }
    return message(
        "token_usage",
        message_id,
        session,
        agent,
        content="",
        metadata={"token_usage": usage, "session_id": session},
    )


def end_line(session: str, before: int, status: str, reason: str) -> Json:
    """The `stream_end` line."""
    end = {"type": "stream_end", "session_id": session, "total_stream_count": before}
    return {**end, "status": status, "run_id": "run", "end_reason": reason}


def figures(prompt: int, completion: int) -> Json:
    """Tokens as the wire shows them."""
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def shortened(lines: Lines, names: dict[str, str] | None = None) -> Lines:
    """Lines without times, and with short ids in the order in which they first came."""
    names = {} if names is None else names
    found: Lines = []
    for line in lines:
        kept = {key: value for key, value in line.items() if key != "timestamp"}
        if "message_id" in kept:
            kept["message_id"] = names.setdefault(kept["message_id"], f"m{len(names)}")
        if "run_id" in kept:
            kept["run_id"] = "run"
        found.append(kept)
    return found


async def agent_named(chat: Chat, name: str, *tools: str) -> Json:
    return {"agent_id": await chat.alice.agent(name=name, availableTools=list(tools))}


async def test_example_a_a_plain_answer(tmp_path: Path) -> None:
    answer = Say("Leaves turn red because of anthocyanins.", reasoning="One sentence is wanted.", usage=Tokens(612, 31))
    async with chat_in(tmp_path, {"a": [answer]}) as chat:
        lines = await chat.alice.say("[[play:a]] why?", "session_1801", **await agent_named(chat, "Tutor"))
    s, t = "session_1801", "Tutor"
    assert shortened(lines) == [
        message("reasoning_content", "m0", s, t, content="One sentence is wanted."),
        message("do_subtask_result", "m1", s, t, content="Leaves turn red because of anthocyanins."),
        usage_line("m2", s, t, figures(612, 31)),
        end_line(s, 3, "completed", "answered"),
    ]


async def test_example_a_pieces_of_a_text_share_its_id(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"a": [Say("one two three", pieces=3, delay_seconds=0.02)]}) as chat:
        lines = await chat.alice.say("[[play:a]]", **await agent_named(chat, "Tutor"))
    texts = [line for line in lines if line["type"] == "do_subtask_result"]
    assert "".join(line["content"] for line in texts) == "one two three"
    assert len({line["message_id"] for line in texts}) == 1
    assert all(line["content"] for line in texts)


async def test_example_b_text_two_parallel_calls_and_an_answer(tmp_path: Path) -> None:
    grep = {"command": "sleep 0.3; grep -c ERROR app.log"}
    write = {"command": "seq 17 | sed s/^/ERROR/ > app.log"}
    calls = [
        Call("execute_shell_command", grep, id="call_b1"),
        Call("file_read", {"file_path": "/workspace/runbook.md"}, id="call_b2"),
    ]
    scripts = {
        "write": [CallTools([Call("execute_shell_command", write)]), Say("ok")],
        "b": [CallTools(calls, text="Checking the log."), Say("17 errors, no runbook.")],
    }
    async with chat_in(tmp_path, scripts, sandbox=True) as chat:
        agent = await agent_named(chat, "Ops", "execute_shell_command", "file_read")
        await chat.alice.say("[[play:write]]", "session_0", **agent)
        lines = shortened(await chat.alice.say("[[play:b]]", "session_1802", **agent))
    s, o = "session_1802", "Ops"
    time_taken = lines[4]["content"].pop("execution_time")
    assert isinstance(time_taken, float)
    announced = [
        message(
            "tool_call",
            f"m{number}",
            s,
            o,
            tool_calls=[
                {
                    "id": call.id,
                    "type": "function",
                    "function": {"name": call.name, "arguments": json.dumps(call.arguments, separators=(",", ":"))},
                }
            ],
        )
        for number, call in enumerate(calls, 1)
    ]
    for line in lines[1:3]:
        function = line["tool_calls"][0]["function"]
        function["arguments"] = json.dumps(json.loads(function["arguments"]), separators=(",", ":"))
    failed = {
        "error": True,
        "error_type": "EXECUTION_ERROR",
        "message": "文件不存在: /workspace/runbook.md",
        "tool_name": "file_read",
    }
    counted = {"success": True, "stdout": "17\n", "stderr": "", "return_code": 0}
    result = {"role": "tool"}
    assert lines == [
        message("do_subtask_result", "m0", s, o, content="Checking the log."),
        *announced,
        message("tool_call_result", "m3", s, o, **result, tool_call_id="call_b2", content=failed, is_error=True),
        message("tool_call_result", "m4", s, o, **result, tool_call_id="call_b1", content=counted),
        message("do_subtask_result", "m5", s, o, content="17 errors, no runbook."),
        usage_line("m6", s, o, figures(20, 10)),
        end_line(s, 7, "completed", "answered"),
    ]


async def test_example_c_two_children_side_by_side(tmp_path: Path) -> None:
    tasks = [
        {"agent_id": "agent_sales", "task_name": "totals", "content": "[[play:c1]] sum the sales per month"},
        {"agent_id": "agent_7f3a90c2", "task_name": "prose", "content": "[[play:c2]] draft the introduction"},
    ]
    call = Call(
        "sys_delegate_task", {"tasks": [{**each, "original_task": "monthly report"} for each in tasks]}, "call_c1"
    )
    report = {"status": "success", "result": "Introduction in tasks/prose/intro.md"}
    gate = Gate(Say("January 120, February 95.", usage=Tokens(700, 40)))
    drafted = CallTools([Call("sys_finish_task", report, "call_c2f")], text="Intro drafted.", usage=Tokens(800, 60))
    scripts = {
        "c": [CallTools([call], usage=Tokens(1200, 80)), Say("The report is ready.", usage=Tokens(1200, 80))],
        "c1": [gate],
        "c2": [drafted],
    }
    members = [{"name": "Sales", "agent_id": "agent_sales"}, {"name": "Writer", "agent_id": "agent_7f3a90c2"}]
    async with chat_in(tmp_path, scripts) as chat:
        body = said("[[play:c]]", "session_1803", agent_mode="fibre", agent_name="Lead", custom_sub_agents=members)
        stream = await chat.alice.open("/api/web-stream", body)
        lines = [await stream.line()]
        while lines[-1]["type"] != "token_usage":
            lines.append(await stream.line())
        gate.open()
        lines += await stream.lines()
    s, one, two = "session_1803", "session_1803_sub_1", "session_1803_sub_2"
    announced = json.loads(lines[0]["tool_calls"][0]["function"]["arguments"])
    assert [each["session_id"] for each in announced["tasks"]] == [one, two]
    # Side by side: one child may begin to answer before the other is opened.
    opening = [line for line in lines if line.get("role") == "user"]
    openings = [(line["session_id"], line["role"], line["agent_name"]) for line in opening]
    assert sorted(openings) == [(one, "user", "Sales"), (two, "user", "Writer")]
    call_line = {"id": "call_c2f", "type": "function", "function": {"name": "sys_finish_task"}}
    call_line["function"]["arguments"] = json.dumps(report)
    told = [block("agent_sales", one, "January 120, February 95."), block("agent_7f3a90c2", two, report["result"])]
    whole = usage_line("m9", s, "Lead", figures(3900, 260))
    whole["metadata"]["token_usage"]["per_step_info"] = [
        {"step_name": "direct_execution", "usage": figures(2400, 160), "model": "m"},
        {"step_name": f"sub_agent:{two}", "usage": figures(800, 60)},
        {"step_name": f"sub_agent:{one}", "usage": figures(700, 40)},
    ]
    found = shortened([line for line in lines[1:] if line not in opening])
    found[1]["tool_calls"][0]["function"]["arguments"] = json.dumps(
        json.loads(found[1]["tool_calls"][0]["function"]["arguments"])
    )
    assert found == [
        message("do_subtask_result", "m0", two, "Writer", content="Intro drafted."),
        message("tool_call", "m1", two, "Writer", tool_calls=[call_line]),
        message("tool_call_result", "m2", two, "Writer", role="tool", tool_call_id="call_c2f", content="reported"),
        usage_line("m3", two, "Writer", figures(800, 60)),
        message("do_subtask_result", "m4", one, "Sales", content="January 120, February 95."),
        usage_line("m5", one, "Sales", figures(700, 40)),
        message("tool_call_result", "m6", s, "Lead", role="tool", tool_call_id="call_c1", content="\n\n".join(told)),
        message("do_subtask_result", "m7", s, "Lead", content="The report is ready."),
        {**whole, "message_id": "m8"},
        end_line(s, 12, "completed", "answered"),
    ]


@pytest.mark.parametrize(
    ("language", "title", "reason"),
    [
        ("zh-CN", "工作流执行失败: ", "模型服务认证失败，请检查模型提供商的 API Key"),
        ("en-US", "Run failed: ", "The model service refused the credentials; check the provider's API key"),
    ],
)
async def test_example_d_the_provider_refuses_the_key(tmp_path: Path, language: str, title: str, reason: str) -> None:
    refusal = Fault("status", status=401, body={"error": {"message": "bad key sk-chat-000000 at 10.0.0.1"}})
    async with chat_in(tmp_path, {"d": [refusal]}) as chat:
        body = said("[[play:d]]", "session_1804", **await agent_named(chat, "Tutor"))
        lines = await (await chat.alice.open("/api/web-stream", body, X_Locale=language)).lines()
        history = await chat.alice.history("session_1804")
        await chat.alice.say("and now?", "session_1804")
        seen = json.dumps(chat.asked()["messages"], ensure_ascii=False)
    s, t = "session_1804", "Tutor"
    info = {"kind": "provider_auth", "message": reason, "retryable": False}
    assert shortened(lines) == [
        message("final_answer", "m0", s, t, content=title + reason, error_info=info),
        usage_line("m1", s, t, {}, "provider_auth"),
        end_line(s, 2, "failed", "model_error"),
    ]
    # The notice is stored and shown, and never given to a model again.
    assert [(each["type"], each["content"]) for each in history[1:]] == [("final_answer", title + reason)]
    assert reason not in seen


async def test_example_e_an_interrupt_while_a_command_runs(tmp_path: Path) -> None:
    command = {"command": "echo started > /workspace/started; sleep 300", "timeout": 300}
    script = [CallTools([Call("execute_shell_command", command, id="call_e1")], text="Running the import.")]
    async with chat_in(tmp_path, {"e": script}, sandbox=True) as chat:
        body = said(
            "[[play:e]]",
            "session_1805",
            **await agent_named(chat, "Ops", "execute_shell_command"),
        )
        stream = await chat.alice.open("/api/web-stream", body)
        first = [await stream.line(), await stream.line()]
        answer = await chat.alice.data("POST", "/api/sessions/session_1805/interrupt")
        lines = shortened([*first, *await stream.lines()])
    s, o = "session_1805", "Ops"
    arguments = json.loads(lines[1]["tool_calls"][0]["function"].pop("arguments"))
    assert (answer["interrupted"], answer["status"], arguments) == (True, "interrupted", command)
    stopped = {
        "error": True,
        "error_type": "INTERRUPTED",
        "message": "工具执行已被用户中断",
        "tool_name": "execute_shell_command",
    }
    call = {"id": "call_e1", "type": "function", "function": {"name": "execute_shell_command"}}
    assert lines == [
        message("do_subtask_result", "m0", s, o, content="Running the import."),
        message("tool_call", "m1", s, o, tool_calls=[call]),
        message("tool_call_result", "m2", s, o, role="tool", tool_call_id="call_e1", content=stopped, is_error=True),
        usage_line("m3", s, o, figures(10, 5)),
        end_line(s, 4, "interrupted", "interrupt_request"),
    ]
