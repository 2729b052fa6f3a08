"""A newer detached start takes the place of what runs (stream-runtime.md 6.6, 12 A13)."""

import asyncio
from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from features.chat.world import Lines, answer_of, chat_in, end_of, said, until

pytestmark = pytest.mark.anyio


async def nobody_at_work() -> bool:
    return not [task for task in asyncio.all_tasks() if task.get_name().startswith("run ")]


def ends(lines: Lines) -> list[str]:
    return [line["type"] for line in lines].count("stream_end") * ["stream_end"]


@pytest.mark.parametrize("first", ["/api/chat", "/api/stream", "/api/web-stream"])
async def test_a_web_stream_ends_the_active_run_and_starts_at_line_0(tmp_path: Path, first: str) -> None:
    gate = Gate(Say("never said"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        old = await chat.alice.open(first, said("[[play:slow]] one", agent_id="default_agent"))
        await asyncio.wait_for(gate.reached.wait(), 5)
        reader = await chat.alice.open("/api/stream/resume/s1?last_index=0")
        new = await chat.alice.say("[[play:plain]] two")
        watched, resumed = await old.lines(), await reader.lines()
        asked = chat.provider.requests[0]
        await asyncio.wait_for(asked.client_left.wait(), 5)
        history = await chat.alice.history()
        replayed = await (
            await chat.alice.open(f"/api/stream/resume/s1?run_id={old.headers['x-clary-run-id']}")
        ).lines()
        run = await chat.alice.run(old.headers["x-clary-run-id"])
    # Every reader of the old log sees its end, partial text, usage and all.
    assert watched == resumed == replayed
    assert [line["type"] for line in watched] == ["do_subtask_result", "token_usage", "stream_end"]
    assert end_of(watched) == ("replaced", "replaced")
    assert (run["status"], run["end_reason"]) == ("replaced", "replaced")
    assert end_of(new) == ("completed", "answered")
    assert new[-1]["total_stream_count"] == len(new) - 1
    assert {line.get("run_id") for line in (watched[-1], new[-1])} == {run["run_id"], new[-1]["run_id"]}
    told = [(each["role"], each["content"], each["metadata"]) for each in history]
    assert told == [
        ("user", "[[play:slow]] one", {}),
        ("assistant", "half ", {"interrupted": True}),
        ("user", "[[play:plain]] two", {}),
        ("assistant", answer_of(new), {}),
    ]


async def test_open_calls_of_a_replaced_run_get_a_result_and_their_work_ends(tmp_path: Path) -> None:
    command = {"command": "sleep 300", "timeout": 300}
    script = [CallTools([Call("execute_shell_command", command, id="c1")])]
    async with chat_in(tmp_path, {"work": script}, sandbox=True) as chat:
        body = said("[[play:work]]", available_tools=["execute_shell_command"])
        old = await chat.alice.open("/api/web-stream", body)
        assert (await old.line())["type"] == "tool_call"
        new = await chat.alice.say("[[play:plain]]")
        lines = await old.lines()
        shown = [each for each in chat.asked()["messages"] if each["role"] == "tool"]
    assert [line["type"] for line in lines] == ["tool_call_result", "token_usage", "stream_end"]
    assert (lines[0]["tool_call_id"], lines[0]["content"]["error_type"]) == ("c1", "INTERRUPTED")
    assert (end_of(lines)[0], end_of(new)[0]) == ("replaced", "completed")
    # The next run's model sees a result for every call.
    assert [each["tool_call_id"] for each in shown] == ["c1"]


async def test_of_many_replacements_at_one_moment_the_last_one_wins_and_each_log_has_one_end(tmp_path: Path) -> None:
    gate = Gate(Say("never said"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        streams = await asyncio.gather(
            *(chat.alice.open("/api/web-stream", said(f"[[play:slow]] {number}")) for number in range(6))
        )
        [active] = [run for run in await chat.alice.runs_of("s1") if run["status"] in ("queued", "running")]
        gate.open()
        all_lines = [await stream.lines() for stream in streams]
        runs = await chat.alice.runs_of("s1")
    statuses = {run["run_id"]: run["status"] for run in runs}
    assert sorted(statuses.values()) == ["completed", *5 * ["replaced"]]
    assert statuses[active["run_id"]] == "completed"
    for stream, lines in zip(streams, all_lines, strict=True):
        assert end_of(lines)[0] == statuses[stream.headers["x-clary-run-id"]]
        assert lines[-1]["total_stream_count"] == len(lines) - 1


async def test_start_interrupt_and_delete_at_one_moment_leave_no_orphan(tmp_path: Path) -> None:
    gate = Gate(Say("never said"), text="half ")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        for _ in range(5):
            first = await chat.alice.open("/api/web-stream", said("[[play:slow]] 1"))
            second, interrupted, deleted = await asyncio.gather(
                chat.alice.open("/api/web-stream", said("[[play:slow]] 2")),
                chat.alice.call("POST", "/api/sessions/s1/interrupt"),
                chat.alice.call("DELETE", "/api/conversations/s1"),
            )
            assert second.status == 200
            assert interrupted.json()["code"] in (200, 404)
            assert deleted.json()["code"] in (200, 404)
            await chat.alice.call("DELETE", "/api/conversations/s1")
            # Deleted or not, every reader comes to an end, and nobody is left at work.
            for stream in (first, second):
                assert ends(await stream.lines()) in ([], ["stream_end"])
            assert (await chat.alice.data("GET", "/api/conversations"))["total"] == 0
            await until(nobody_at_work)
