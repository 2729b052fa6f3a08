"""How a stream is sent (stream-runtime.md 4.1)."""

import asyncio
import json
from pathlib import Path

import pytest
from starlette.types import Message

from clary.adapters.scripted_provider import Call, CallTools, Gate, Say
from clary.http.streaming import StreamResponse
from features.chat.world import answer_of, chat_in, end_of, said

pytestmark = pytest.mark.anyio

MAX_LINE_BYTES = 4 * 1024 * 1024


async def test_status_and_headers_of_every_stream(tmp_path: Path) -> None:
    async with chat_in(tmp_path, cors_allowed_origins=("https://app.example.org",)) as chat:
        body = said("x", agent_id="default_agent")
        origin = {"Origin": "https://app.example.org", "Accept_Encoding": "gzip, br"}
        for path in ("/api/chat", "/api/stream", "/api/web-stream"):
            stream = await chat.alice.open(path, body, **origin)
            run_id = (await stream.lines())[-1]["run_id"]
            resumed = await chat.alice.open("/api/stream/resume/s1", **origin)
            await resumed.lines()
            for each in (stream, resumed):
                wanted = {
                    "content-type": "text/plain; charset=utf-8",
                    "cache-control": "no-store",
                    "x-accel-buffering": "no",
                    "x-content-type-options": "nosniff",
                    "x-clary-run-id": run_id,
                    "x-clary-session-id": "s1",
                }
                assert each.status == 200
                assert {name: each.headers[name] for name in wanted} == wanted
                assert not {"content-length", "content-encoding"} & set(each.headers)
                exposed = each.headers["access-control-expose-headers"]
                assert {"X-Clary-Run-Id", "X-Clary-Session-Id"} <= set(exposed.split(", "))


async def test_each_line_is_one_json_object_with_raw_text_and_no_null(tmp_path: Path) -> None:
    text = 'é红\U0001f600 "q"\r\n\u2028\u2029\x85 data: x\n\n{"type":"stream_end"}\n'
    script = [CallTools([Call("todo_read")], text=text, reasoning=text), Say(text, pieces=4)]
    async with chat_in(tmp_path, {"odd": script}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:odd]]", available_tools=["todo_read"]))
        lines = await stream.lines()
    raw = [line for line in stream.body.split(b"\n") if line]
    assert stream.body.endswith(b"\n")
    assert [json.loads(line) for line in raw] == lines
    assert all(line.startswith(b"{") for line in raw)
    assert not any(b"\r" in line for line in raw)
    assert "é红\U0001f600".encode() in stream.body
    assert not any(value is None for line in lines for value in line.values())
    # What looks like an end stays text.
    assert end_of(lines) == ("completed", "answered")
    assert answer_of(lines) == text * 2
    kept = {"chunk_start", "json_chunk", "chunk_end", "trace_info"}
    assert not kept & {line["type"] for line in lines}


async def test_after_a_silence_comes_one_empty_line_that_counts_nowhere(tmp_path: Path) -> None:
    gate = Gate(Say("end"), text="begun")
    async with chat_in(tmp_path, {"slow": [gate]}, stream_heartbeat_seconds=0.05) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]"))
        await stream.line()
        assert await stream.piece() == b"\n"
        gate.open()
        await stream.lines()
        replayed = await chat.alice.open("/api/stream/resume/s1")
        lines = await replayed.lines()
    assert b"".join(stream.body.split(b"\n")) == b"".join(replayed.body.split(b"\n"))
    assert lines[-1]["total_stream_count"] == len(lines) - 1


async def test_server_sent_events_beat_with_a_comment(tmp_path: Path) -> None:
    async with chat_in(tmp_path, stream_heartbeat_seconds=0.05) as chat:
        feed = await chat.alice.open("/api/stream/active_sessions")
        assert [await feed.piece(), await feed.piece()] == [b"data: []\n\n", b": ping\n\n"]


async def test_a_whole_answer_in_one_chunk_stays_within_4_mib_a_line(tmp_path: Path) -> None:
    text = "红" * 2_000_000
    async with chat_in(tmp_path, {"huge": [Say(text, reasoning=text)]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:huge]]"))
        lines = await stream.lines()
    assert max(len(line) for line in stream.body.split(b"\n")) <= MAX_LINE_BYTES
    assert answer_of(lines) == text
    assert end_of(lines) == ("completed", "answered")


async def test_arguments_over_1_mib_are_refused_and_shown_cut(tmp_path: Path) -> None:
    call = Call("file_write", {"file_path": "/workspace/x", "content": "x" * (1024 * 1024)})
    async with chat_in(tmp_path, {"huge": [CallTools([call]), Say("ok")]}) as chat:
        lines = await chat.alice.say("[[play:huge]]", available_tools=["file_write"])
        written = list((tmp_path / "data").rglob("x"))
    announced, result = lines[0]["tool_calls"][0]["function"]["arguments"], lines[1]
    assert list(json.loads(announced)) == ["_raw"]
    assert len(announced) < 3000
    assert (result["is_error"], result["content"]["error_type"]) == (True, "INVALID_ARGUMENTS")
    assert written == []
    assert end_of(lines) == ("completed", "answered")


async def test_the_connection_closes_after_the_end(tmp_path: Path) -> None:
    async with chat_in(tmp_path) as chat:
        stream = await chat.alice.open("/api/web-stream", said("x"))
        lines = await stream.lines()
    assert (lines[-1]["type"], stream.ended, await stream.piece()) == ("stream_end", True, b"")


class Silent:
    """A source without lines, until it is closed."""

    def __init__(self) -> None:
        self._nudged = asyncio.Event()
        self.closed = False

    async def next_batch(self) -> list[bytes]:
        await self._nudged.wait()
        self._nudged.clear()
        if self.closed:
            raise StopAsyncIteration
        return []

    def nudge(self) -> None:
        self._nudged.set()

    def close(self) -> None:
        self.closed = True
        self._nudged.set()


async def test_heartbeats_go_on_for_as_long_as_the_silence() -> None:
    source, sent = Silent(), list[bytes]()

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def send(message: Message) -> None:
        sent.append(message.get("body", b"head"))
        if len(sent) == 4:
            source.close()

    response = StreamResponse(source, headers={}, heartbeat_seconds=0.01)
    async with asyncio.timeout(20):
        await response({"type": "http"}, receive, send)
    assert sent == [b"head", b"\n", b"\n", b"\n", b""]


async def test_the_whole_of_a_long_result_is_kept_only_where_there_is_room(tmp_path: Path) -> None:
    fill = CallTools([Call("file_write", {"file_path": "/workspace/long.txt", "content": "word " * 1000})])
    read = CallTools([Call("file_read", {"file_path": "/workspace/long.txt"}, id="c")])
    script = [fill, read, Say("Read.")]
    async with chat_in(tmp_path, {"read": script}, workspace_max_entries=1, tool_result_max_tokens=100) as chat:
        agent = await chat.alice.agent()
        lines = await chat.alice.say("[[play:read]]", agent_id=agent, available_tools=["file_read", "file_write"])
    result = next(line for line in lines if line.get("role") == "tool" and line["tool_call_id"] == "c")
    assert "word word" in str(result["content"])
    assert list(tmp_path.rglob("results/*")) == []
    assert len(list(tmp_path.rglob("long.txt"))) == 1
