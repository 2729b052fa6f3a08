"""Three servers and two workers on one PostgreSQL: whichever answers, the others go on where it stopped."""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
import pytest

from clary.adapters.scripted_provider import Gate, Say, ScriptedProvider
from clary.features.chat.viewing import COUNTS_SECONDS
from support.house import ADMIN_PASSWORD as HOUSE_PASSWORD
from support.house import house_in, login
from support.postgresql import PostgresServer
from support.server_process import Person, ServerProcess, WorkerProcess, parsed, running, signed_in

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

PATIENCE = 90
LEASE_SECONDS = "3"
BASES = "/api/knowledge-base"
DOCUMENTS = "/api/knowledge-base/doc"


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """A server that the tests of this file may stop."""
    server = PostgresServer()
    server.start()
    yield server
    server.remove()


@pytest.fixture
async def url(postgres: PostgresServer) -> str:
    """An empty database; the first process that starts makes the tables."""
    name = f"journey_{time.monotonic_ns()}"
    connection = await asyncpg.connect(postgres.url())
    await connection.execute(f"CREATE DATABASE {name}")
    await connection.close()
    return postgres.url(name)


@asynccontextmanager
async def deployment(folder: Path, url: str, *, servers: int, workers: int = 0, **more: str) -> AsyncIterator[Any]:
    """Processes on one database and one data directory, started at once."""
    settings = {"CLARY_DATABASE_URL": url, "CLARY_RUN_LEASE_SECONDS": LEASE_SECONDS, "CLARY_EMBEDDING": "none", **more}
    jobs = {"CLARY_JOBS": "off"} if workers else {}
    processes: list[ServerProcess] = [ServerProcess(folder / "data", **settings, **jobs) for _ in range(servers)]
    processes += [WorkerProcess(folder / "data", **settings) for _ in range(workers)]
    async with AsyncExitStack() as stack:
        for each in processes:
            stack.push_async_callback(each.stop)
        await asyncio.gather(*(each.start() for each in processes))
        yield processes


async def everywhere(servers: Sequence[ServerProcess]) -> list[Person]:
    """The admin, at each server by the token of the first."""
    person = await signed_in(servers[0])
    return [Person(server, person.headers["Authorization"].removeprefix("Bearer ")) for server in servers]


async def agent_of(person: Person, provider: ScriptedProvider) -> str:
    made = {"base_url": provider.url, "api_keys": ["sk-journey-000000"], "model": "m", "thinking_style": "none"}
    provider_id = (await person.data("POST", "/api/llm-provider/create", made))["id"]
    body = {"name": f"agent {time.monotonic_ns()}", "llm_provider_id": provider_id}
    return str((await person.data("POST", "/api/agent/create", body))["agent_id"])


def start_of(agent: str, script: str, session: str) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": f"[[play:{script}]]"}], "session_id": session, "agent_id": agent}


def whole(lines: list[bytes]) -> list[dict[str, Any]]:
    """One end, last, that counts every line before it."""
    found = parsed(lines)
    assert [line["type"] for line in found].count("stream_end") == 1
    assert found[-1]["type"] == "stream_end"
    assert found[-1]["total_stream_count"] == len(found) - 1
    return found


def said(lines: list[dict[str, Any]]) -> str:
    void = {line["message_id"] for line in lines if (line.get("metadata") or {}).get("superseded")}
    return "".join(
        line["content"] for line in lines if line["type"] == "do_subtask_result" and line["message_id"] not in void
    )


async def resumed(person: Person, session: str, index: int) -> list[bytes]:
    """To the last line, coming back as often as a stream ends without one."""
    found: list[bytes] = []
    async with asyncio.timeout(PATIENCE):
        while not found or parsed(found[-1:])[0]["type"] != "stream_end":
            found += await person.all_lines(f"/api/stream/resume/{session}?last_index={index + len(found)}")
    return found


async def test_a_client_of_a_killed_server_goes_on_at_another_and_a_third_can_stop_it(tmp_path: Path, url: str) -> None:
    words = [f"w{n} " for n in range(60)]
    paced = Gate(Say("".join(words), pieces=60, delay_seconds=0.02), text="first ")
    endless = Gate(Say("never said"), text="waiting ")
    async with (
        ScriptedProvider({"paced": [paced], "endless": [endless]}) as provider,
        deployment(tmp_path, url, servers=3, workers=2) as (a, b, c, *workers),
    ):
        at_a, at_b, at_c = await everywhere([a, b, c])
        agent = await agent_of(at_a, provider)

        # A line written at A is at B soon; how soon is measured in benchmarks.
        async with (
            at_a.lines("/api/web-stream", start_of(agent, "paced", "s1")) as lines,
            at_b.lines("/api/stream/resume/s1?last_index=0") as elsewhere,
        ):
            before = [await anext(lines)]
            assert await anext(elsewhere) == before[0]
            paced.open()
            for _ in range(20):
                before.append(await anext(lines))
                assert await anext(elsewhere) == before[-1]
            await a.kill()
            before += [line async for line in lines]
        after = await resumed(at_b, "s1", len(before))
        found = whole(before + after)
        assert found[-1]["status"] == "completed"
        assert said(found).endswith("first " + "".join(words))
        assert await resumed(at_c, "s1", 0) == before + after

        # Documents are read by workers, whichever server took them in, and though one of the workers is killed.
        kdb_id = (await at_b.data("POST", BASES + "/add", {"name": "birds", "type": "document", "intro": ""}))["kdb_id"]
        task = await upload(b, at_b, kdb_id, 12)
        await workers[0].kill()
        await all_read(at_c, kdb_id, task, 12)

        # A run of B is stopped through C.
        async with at_b.lines("/api/web-stream", start_of(agent, "endless", "s2")) as lines:
            open_lines = [await anext(lines)]
            answer = await at_c.data("POST", "/api/sessions/s2/interrupt")
            assert (answer["interrupted"], answer["status"]) == (True, "interrupted")
            open_lines += [line async for line in lines]
        assert whole(open_lines)[-1]["status"] == "interrupted"


async def upload(server: ServerProcess, person: Person, kdb_id: str, count: int) -> str:
    form = aiohttp.FormData()
    form.add_field("kdb_id", kdb_id)
    for number in range(count):
        form.add_field("files", f"Bird {number}. ".encode() * 50, filename=f"n{number}.txt")
    async with (
        aiohttp.ClientSession(headers=person.headers) as session,
        session.post(server.url + DOCUMENTS + "/add_by_files", data=form) as answer,
    ):
        return (await answer.json())["data"]["taskId"]


async def all_read(person: Person, kdb_id: str, task: str, count: int) -> None:
    async with asyncio.timeout(PATIENCE):
        while True:
            found = await person.data("GET", f"{DOCUMENTS}/task_process?kdb_id={kdb_id}&task_id={task}")
            if found["success"] == count:
                return
            assert found["fail"] == 0, found
            await asyncio.sleep(0.05)


async def test_a_task_fires_once_though_five_processes_look_and_one_dies(tmp_path: Path, url: str) -> None:
    async with (
        ScriptedProvider({"plain": [Say("Done.")]}) as provider,
        deployment(tmp_path, url, servers=3, workers=2) as (a, b, c, *_),
    ):
        at_a, at_b, at_c = await everywhere([a, b, c])
        agent = await agent_of(at_a, provider)
        due = datetime.now(UTC) + timedelta(seconds=6)
        body = {"name": "n", "description": "[[play:plain]]", "agent_id": agent, "schedule": due.isoformat()}
        tasks = [(await at_a.data("POST", "/tasks", body))["task_id"] for _ in range(5)]
        await a.kill()
        async with asyncio.timeout(PATIENCE):
            while any([(await at_b.data("GET", f"/tasks/{each}"))["status"] != "completed" for each in tasks]):
                await asyncio.sleep(0.2)
        for each in tasks:
            (start,) = (await at_c.data("GET", f"/tasks/{each}/history"))["items"]
            assert (start["status"], start["attempt"]) == ("completed", 1)
        assert len(provider.requests) == len(tasks)


async def test_a_database_that_restarts_in_mid_stream_loses_nothing_and_doubles_nothing(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    words = [f"w{n} " for n in range(150)]
    paced = Say("".join(words), pieces=150, delay_seconds=0.02)
    async with (
        ScriptedProvider({"paced": [paced]}) as provider,
        deployment(tmp_path, url, servers=2) as (a, b),
    ):
        at_a, at_b = await everywhere([a, b])
        agent = await agent_of(at_a, provider)
        before: list[bytes] = []
        async with at_a.lines("/api/web-stream", start_of(agent, "paced", "s1")) as lines:
            async for line in lines:
                before.append(line)
                if len(before) == 20:
                    await asyncio.to_thread(postgres.stop, at_once=True)
                    refused = await at_b.call("GET", "/api/conversations?limit=5")
                    # Not in a thread: the server ends with the thread that began it.
                    postgres.start()
        assert refused["code"] == 503, refused
        after = await resumed(at_b, "s1", len(before)) if not ended(before) else []
        found = whole(before + after)
        assert found[-1]["status"] == "completed"
        assert said(found).endswith("".join(words))
        assert await resumed(at_a, "s1", 0) == before + after
        # Both processes listen again.
        async with at_a.lines("/api/web-stream", start_of(agent, "paced", "s2")) as lines:
            first = await anext(lines)
            assert await at_b.data("POST", "/api/sessions/s2/interrupt")
            rest = [line async for line in lines]
        assert whole([first, *rest])[-1]["status"] == "interrupted"


def ended(lines: list[bytes]) -> bool:
    return parsed(lines[-1:])[0]["type"] == "stream_end"


async def test_while_the_database_is_away_readiness_names_it_and_everything_else_answers_503(
    tmp_path: Path, url: str, postgres: PostgresServer
) -> None:
    async with house_in(tmp_path, database_url=url) as house, house.browser() as client, house.browser() as nobody:
        await login(client, "admin", HOUSE_PASSWORD)

        async def told(path: str) -> tuple[int, str | None]:
            # What was checked counts for a moment.
            house.clock.move(seconds=10)
            answer = await (nobody if path == "/api/ready" else client).get(path)
            return answer.status_code, answer.json().get("error_detail")

        assert await told("/api/ready") == (200, None)
        postgres.stop()
        try:
            assert await told("/api/ready") == (503, "not_ready")
            message = (await nobody.get("/api/ready")).json()["message"]
            assert ("database" in message, "migrations" in message) == (True, True)
            assert await told("/api/agent/list") == (503, "unavailable")
            assert (await told("/api/health"))[0] == 200
        finally:
            postgres.start()
        async with asyncio.timeout(PATIENCE):
            while await told("/api/ready") != (200, None):
                await asyncio.sleep(0.05)
        assert await told("/api/agent/list") == (200, None)


async def test_a_stopped_process_that_wakes_up_again_writes_nothing_more(tmp_path: Path, url: str) -> None:
    gate = Gate(Say("all of it", pieces=3), text="begun ")
    async with (
        ScriptedProvider({"gate": [gate]}) as provider,
        deployment(tmp_path, url, servers=2) as (a, b),
    ):
        at_a, at_b = await everywhere([a, b])
        agent = await agent_of(at_a, provider)
        async with at_a.lines("/api/web-stream", start_of(agent, "gate", "s1")) as lines:
            before = [await anext(lines)]
            os.kill(a.pid, signal.SIGSTOP)
            try:
                gate.open()
                after = await resumed(at_b, "s1", len(before))
            finally:
                os.kill(a.pid, signal.SIGCONT)
        found = whole(before + after)
        assert (found[-1]["status"], said(found)) == ("completed", "begun all of it")
        assert await resumed(at_b, "s1", 0) == before + after


async def test_an_attached_run_goes_on_while_anybody_reads_it_anywhere(tmp_path: Path, url: str) -> None:
    gate = Gate(Say("done"), text="half ")
    forgotten = Gate(Say("never said"), text="half ")
    async with (
        ScriptedProvider({"slow": [gate], "left": [forgotten]}) as provider,
        deployment(tmp_path, url, servers=2) as (a, b),
    ):
        at_a, at_b = await everywhere([a, b])
        agent = await agent_of(at_a, provider)
        async with AsyncExitStack() as readers:
            async with at_a.lines("/api/chat", start_of(agent, "slow", "s1")) as first:
                await anext(first)
                second = await readers.enter_async_context(at_b.lines("/api/stream/resume/s1?last_index=0"))
                read = [await anext(second)]
            # The first reader is gone for longer than one word of the other process counts.
            await asyncio.sleep(COUNTS_SECONDS + 2)
            gate.open()
            read += [line async for line in second]
        async with (
            at_a.lines("/api/chat", start_of(agent, "left", "s2")) as first,
            at_b.lines("/api/stream/resume/s2?last_index=0") as second,
        ):
            await anext(first)
            await anext(second)
        # Whoever asks by a stream would be a reader too.
        async with asyncio.timeout(PATIENCE):
            while (await at_b.data("GET", "/api/runs?status=running"))["items"]:
                await asyncio.sleep(0.2)
        left = await resumed(at_b, "s2", 0)
    assert whole(read)[-1]["end_reason"] == "answered"
    assert whole(left)[-1]["end_reason"] == "client_disconnect"


async def test_one_command_serves_with_several_processes_and_replaces_one_that_dies(tmp_path: Path, url: str) -> None:
    async with running(
        tmp_path / "data", CLARY_DATABASE_URL=url, CLARY_PROCESSES="2", CLARY_EMBEDDING="none"
    ) as all_of:
        person = await signed_in(all_of)
        children = children_of(all_of.pid)
        assert len(children) == 2
        os.kill(children[0], signal.SIGKILL)
        async with asyncio.timeout(PATIENCE):
            while len(children_of(all_of.pid)) < 2 or children[0] in children_of(all_of.pid):
                await asyncio.sleep(0.05)
        assert (await person.data("GET", "/api/auth/session"))["user"]["username"] == "admin"
    assert all_of.returncode == 0


async def test_one_key_at_two_servers_starts_one_run_that_both_join(tmp_path: Path, url: str) -> None:
    async with (
        ScriptedProvider({"short": [Say("once", pieces=2)]}) as provider,
        deployment(tmp_path, url, servers=2) as (a, b),
    ):
        people = await everywhere([a, b])
        agent = await agent_of(people[0], provider)
        for each in people:
            each.headers["Idempotency-Key"] = "one"
        body = start_of(agent, "short", "s1")
        for path in ("/api/web-stream", "/api/stream"):
            for each in people:
                each.headers["Idempotency-Key"] = f"one {path}".replace(" ", "-").replace("/", "-")
            first, second = await asyncio.gather(*(each.all_lines(path, body) for each in people))
            assert first == second
            assert (whole(first)[-1]["status"], said(parsed(first))) == ("completed", "once")
        history = await people[0].data("GET", "/api/conversations/s1/messages")
        assert [m["role"] for m in history["messages"]].count("user") == 2


async def test_replacements_at_two_servers_take_turns_and_the_run_of_a_dead_one_is_replaced_at_once(
    tmp_path: Path, url: str
) -> None:
    gate = Gate(Say("never said"), text="begun ")
    async with (
        ScriptedProvider({"gate": [gate], "short": [Say("all")]}) as provider,
        deployment(tmp_path, url, servers=3, CLARY_RUN_LEASE_SECONDS="60") as (a, b, c),
    ):
        at_a, at_b, at_c = await everywhere([a, b, c])
        agent = await agent_of(at_a, provider)
        async with at_a.lines("/api/web-stream", start_of(agent, "gate", "s1")) as lines:
            old = [await anext(lines)]
            await asyncio.gather(
                *(each.all_lines("/api/web-stream", start_of(agent, "short", "s1")) for each in (at_b, at_c))
            )
            old += [line async for line in lines]
        assert whole(old)[-1]["status"] == "replaced"
        runs = (await at_a.data("GET", "/api/runs?session_id=s1"))["items"]
        assert {run["status"] for run in runs} <= {"replaced", "completed"}
        assert len(runs) == 3

        async with at_a.lines("/api/web-stream", start_of(agent, "gate", "s2")) as lines:
            old = [await anext(lines)]
            run_id = (await at_b.data("GET", "/api/runs?session_id=s2"))["items"][0]["run_id"]
            await a.kill()
        began = time.monotonic()
        new = await at_b.all_lines("/api/web-stream", start_of(agent, "short", "s2"))
        assert time.monotonic() - began < 20
        assert (whole(new)[-1]["status"], said(parsed(new))) == ("completed", "all")
        old += await at_c.all_lines(f"/api/stream/resume/s2?last_index={len(old)}&run_id={run_id}")
        assert whole(old)[-1]["status"] == "replaced"


def children_of(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
