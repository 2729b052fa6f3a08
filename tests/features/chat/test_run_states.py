"""The run object and its states (stream-runtime.md 6.1, 6.2)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from clary.adapters.scripted_provider import Call, CallTools, Fault, Gate, Say, Tokens
from clary.db.database import UnavailableError
from clary.features.chat.supervisor import RunSupervisor
from clary.features.runs.repository import RunRepository
from clary.features.runs.service import RunRow
from clary.features.usage.ports import Reservation
from clary.features.usage.service.gate import BudgetGate
from features.chat.world import Chat, Speaker, chat_in, end_of, said, until
from support.schema import stored_bytes

pytestmark = pytest.mark.anyio


async def row_of(chat: Chat, run_id: str) -> RunRow:
    async with chat.house.services.database.read() as db:
        row = await db.scalar(select(RunRow).where(RunRow.run_id == run_id))
    assert row is not None
    return row


async def test_the_run_object_has_the_fields_of_the_contract_while_it_runs_and_after(tmp_path: Path) -> None:
    gate = Gate(Say(" end", usage=Tokens(30, 4)), text="begun")
    script = [CallTools([Call("todo_read")], usage=Tokens(10, 2)), gate]
    async with chat_in(tmp_path, {"slow": [*script]}) as chat:
        agent_id = await chat.alice.agent(name="Tutor", availableTools=["todo_read"])
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]", agent_id=agent_id))
        first = [await stream.line() for _ in range(3)]
        run_id = stream.headers["x-clary-run-id"]
        while_running = await chat.alice.run(run_id)
        chat.house.clock.move(seconds=7)
        gate.open()
        lines = [*first, *await stream.lines()]
        after = await chat.alice.run(run_id)
    usage = {"prompt_tokens": 10, "completion_tokens": 2, "total_tokens": 12}
    fixed = {
        "run_id": run_id,
        "session_id": "s1",
        "root_run_id": run_id,
        "agent_id": agent_id,
        "agent_name": "Tutor",
        "agent_mode": "simple",
        "user_id": chat.alice.user_id,
        "endpoint": "web_stream",
        "attached": False,
        "generation": 1,
        "takeovers": 0,
        "warnings": [],
        "created_at": "2026-01-02T03:04:05.000000Z",
        "started_at": "2026-01-02T03:04:05.000000Z",
    }
    assert while_running == {**fixed, "status": "running", "line_count": 3, "usage": usage}
    assert after == {
        **fixed,
        "status": "completed",
        "end_reason": "answered",
        "line_count": len(lines),
        "usage": {"prompt_tokens": 40, "completion_tokens": 6, "total_tokens": 46},
        "ended_at": "2026-01-02T03:04:12.000000Z",
    }


@pytest.mark.parametrize(
    ("path", "attached", "endpoint"),
    [("/api/chat", True, "chat"), ("/api/stream", True, "stream"), ("/api/web-stream", False, "web_stream")],
)
async def test_it_says_how_it_was_started(chat: Chat, path: str, attached: bool, endpoint: str) -> None:
    lines = await chat.alice.say("x", path=path, agent_id="default_agent")
    run = await chat.alice.run(lines[-1]["run_id"])
    assert (run["attached"], run["endpoint"]) == (attached, endpoint)


@pytest.mark.parametrize(("wish", "attached"), [("interrupt", True), ("continue", False)])
@pytest.mark.parametrize("path", ["/api/chat", "/api/stream", "/api/web-stream"])
async def test_what_the_request_wishes_for_its_readers_leaving_says_whether_it_is_attached(
    chat: Chat, path: str, wish: str, attached: bool
) -> None:
    lines = await chat.alice.say("x", path=path, agent_id="default_agent", stream_options={"on_disconnect": wish})
    run = await chat.alice.run(lines[-1]["run_id"])
    assert run["attached"] == attached


async def test_a_failed_run_says_why_and_costs_are_those_of_the_price_table(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"fail": [Fault("status", status=401)]}) as chat:
        failed = await chat.alice.run((await chat.alice.say("[[play:fail]]"))[-1]["run_id"])
        prices = {"currency": "USD", "per": 1000, "input": 1, "output": 2}
        path = f"/api/llm-provider/update/{chat.alice.provider_id}"
        await chat.alice.data("PUT", path, {"prices": prices})
        paid = await chat.alice.run((await chat.alice.say("x", "s2"))[-1]["run_id"])
    assert (failed["status"], failed["end_reason"]) == ("failed", "model_error")
    assert failed["error_info"]["kind"] == "provider_auth"
    assert (failed["usage"], "cost" in failed, "currency" in failed) == ({}, False, False)
    assert (paid["cost"], paid["currency"]) == (0.02, "USD")


async def test_the_input_is_kept_sealed_while_it_runs_and_erased_at_the_end(tmp_path: Path) -> None:
    gate = Gate(Say("done"), text="begun")
    async with chat_in(tmp_path, {"slow": [gate]}) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]", system_prefix="Secret persona."))
        await stream.line()
        while_running = (await row_of(chat, stream.headers["x-clary-run-id"])).input_sealed
        gate.open()
        await stream.lines()
        after = (await row_of(chat, stream.headers["x-clary-run-id"])).input_sealed
        files = stored_bytes(tmp_path / "data")
    assert while_running
    assert "sk-chat" not in while_running
    assert "Secret persona" not in while_running
    assert after is None
    assert b"sk-chat-000000" not in files


async def test_a_run_waits_as_queued_while_all_slots_are_taken_and_then_runs(tmp_path: Path) -> None:
    gate = Gate(Say("done"), text="begun")
    async with chat_in(tmp_path, {"slow": [gate]}, max_active_runs=1, stream_heartbeat_seconds=0.05) as chat:
        first = await chat.alice.open("/api/web-stream", said("[[play:slow]]", "s1"))
        await first.line()
        second = await chat.alice.open("/api/web-stream", said("x", "s2"))
        waiting = await chat.alice.run(second.headers["x-clary-run-id"])
        # The stream is open meanwhile, and says so.
        assert await second.piece() == b"\n"
        gate.open()
        lines = await second.lines()
        after = await chat.alice.run(second.headers["x-clary-run-id"])
        await first.lines()
    assert (waiting["status"], "started_at" in waiting, waiting["line_count"]) == ("queued", False, 0)
    assert end_of(lines) == ("completed", "answered")
    assert (after["status"], "started_at" in after) == ("completed", True)


@pytest.mark.parametrize("how", ["interrupt", "replace", "delete", "leave"])
async def test_a_queued_run_can_be_stopped_before_it_began(tmp_path: Path, how: str) -> None:
    gate = Gate(Say("done"), text="begun")
    async with chat_in(tmp_path, {"slow": [gate]}, max_active_runs=1) as chat:
        first = await chat.alice.open("/api/web-stream", said("[[play:slow]]", "s1"))
        await first.line()
        path = "/api/stream" if how == "leave" else "/api/web-stream"
        stream = await chat.alice.open(path, said("x", "s2"))
        run_id = stream.headers["x-clary-run-id"]
        newer = await stopped(chat.alice, how, stream)
        if how in ("interrupt", "replace"):
            lines = await stream.lines()
            status = {"interrupt": "interrupted", "replace": "replaced"}[how]
            assert [line["type"] for line in lines] == ["token_usage", "stream_end"]
            assert lines[-1]["status"] == (await chat.alice.run(run_id))["status"] == status
        elif how == "leave":

            async def interrupted() -> bool:
                return (await chat.alice.run(run_id))["status"] == "interrupted"

            await until(interrupted)
        else:
            assert (await chat.alice.call("GET", f"/api/runs/{run_id}")).json()["code"] == 404
        gate.open()
        assert end_of([await first.line(), *await first.lines()])[0] == "completed"
        if newer is not None:
            assert end_of(await newer.lines()) == ("completed", "answered")
        # The stopped one never reached the model.
        assert len(chat.provider.requests) == (2 if newer is not None else 1)


async def stopped(alice: Speaker, how: str, stream: Any) -> Any:
    if how == "interrupt":
        await alice.data("POST", "/api/sessions/s2/interrupt")
    elif how == "replace":
        return await alice.open("/api/web-stream", said("y", "s2"))
    elif how == "delete":
        await alice.data("DELETE", "/api/conversations/s2")
    else:
        await stream.leave()
    return None


async def test_terminal_states_are_final(tmp_path: Path) -> None:
    async with chat_in(tmp_path, {"slow": [Gate(Say("never"), text="half")]}) as chat:
        done = (await chat.alice.say("x", "s1"))[-1]["run_id"]
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]", "s2"))
        await stream.line()
        answers = await asyncio.gather(
            *(chat.alice.data("POST", "/api/sessions/s2/interrupt") for _ in range(5)),
            chat.alice.data("POST", "/api/sessions/s1/interrupt"),
        )
        await chat.alice.say("[[play:plain]]", "s2")
        lines = await stream.lines()
        stopped_run = await chat.alice.run(stream.headers["x-clary-run-id"])
        finished = await chat.alice.run(done)
    assert (finished["status"], finished["end_reason"]) == ("completed", "answered")
    assert (stopped_run["status"], stopped_run["end_reason"]) == ("interrupted", "interrupt_request")
    assert end_of(lines) == ("interrupted", "interrupt_request")
    assert answers[-1]["interrupted"] is False


async def test_a_takeover_that_waits_lets_no_lease_of_a_live_run_run_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gate, is_waiting = Gate(Say(" end"), text="begun"), asyncio.Event()

    async def wait_for_its_turn(_: RunSupervisor, *, everything: bool) -> None:
        assert not everything
        is_waiting.set()
        await asyncio.Event().wait()

    async with chat_in(tmp_path, {"slow": [gate]}, run_lease_seconds=1) as chat:
        monkeypatch.setattr(RunSupervisor, "_take_over", wait_for_its_turn)
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]"))
        run_id = stream.headers["x-clary-run-id"]
        await is_waiting.wait()
        chat.house.clock.move(seconds=10)

        async def is_renewed() -> bool:
            return ((await row_of(chat, run_id)).lease_expires_at or 0) > chat.house.clock.epoch()

        assert await until(is_renewed)
        gate.open()
        assert end_of(await stream.lines())[0] == "completed"


@pytest.mark.sqlite
async def test_who_is_alone_works_on_though_its_leases_ran_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else could take them over, so a process with more to do than it can does not give them back."""
    gate, tried = Gate(Say(" end"), text="begun"), list[str]()

    async def never(_: RunRepository, process_id: str, *_more: Any) -> None:
        tried.append(process_id)
        raise UnavailableError

    monkeypatch.setattr(RunRepository, "renew_leases", never)
    async with chat_in(tmp_path, {"slow": [gate]}, run_lease_seconds=1) as chat:
        stream = await chat.alice.open("/api/web-stream", said("[[play:slow]]"))
        chat.house.clock.move(seconds=60)
        seen = len(tried)

        async def is_late() -> bool:
            return len(tried) > seen + 2

        assert await until(is_late)
        gate.open()
        assert end_of(await stream.lines())[0] == "completed"
        assert (await row_of(chat, stream.headers["x-clary-run-id"])).takeovers == 0


async def test_a_run_that_finds_no_database_waits_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reserve, away = BudgetGate.reserve, asyncio.Event()

    async def away_once(self: BudgetGate, *given: Any, **more: Any) -> Reservation:
        if not away.is_set():
            away.set()
            raise UnavailableError
        return await reserve(self, *given, **more)

    monkeypatch.setattr(BudgetGate, "reserve", away_once)
    async with chat_in(tmp_path, {"two": [CallTools([Call("todo_read")]), Say("Done.")]}, run_lease_seconds=3) as chat:
        agent_id = await chat.alice.agent(availableTools=["todo_read"])
        stream = await chat.alice.open("/api/web-stream", said("[[play:two]]", agent_id=agent_id))
        await away.wait()

        async def is_over() -> bool:
            chat.house.clock.move(seconds=4)
            return (await row_of(chat, stream.headers["x-clary-run-id"])).status not in ("queued", "running")

        assert await until(is_over)
        assert end_of(await stream.lines()) == ("completed", "answered")
        assert (await row_of(chat, stream.headers["x-clary-run-id"])).takeovers == 1
        assert len(chat.provider.requests) == 2
