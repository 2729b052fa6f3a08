"""Paced streams on one process and on three, on SQLite and on PostgreSQL: lines lost, their age, CPU per line.

Beside the streams the ordinary API is asked again and again; a list of ten thousand conversations is timed before. On
three processes some streams are also followed at a process that does not write them. All shapes are measured in one
run. Usage: `python benchmarks/processes.py --streams 200 1000`.
"""

import argparse
import asyncio
import contextlib
import json
import re
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import asyncpg
from run import ADMIN_PASSWORD, Target, clary_ready, free_port, started

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests"))

from support.postgresql import PostgresServer  # noqa: E402

STAMP = re.compile("¶([0-9.]+) ".encode())
CONVERSATIONS = 10_000
FOLLOWED = 50
START_SECONDS = 0.04
"""From one start to the next; streams last longer than it takes to start all of them."""


@dataclass
class Figures:
    """One shape under one load. Ages in seconds."""

    shape: str
    streams: int
    expected: int
    ages: list[float] = field(default_factory=list[float])
    ages_elsewhere: list[float] = field(default_factory=list[float])
    api: list[float] = field(default_factory=list[float])
    list_seconds: list[float] = field(default_factory=list[float])
    put_off: int = 0
    api_refused: int = 0
    cpu: float = 0.0


@dataclass(frozen=True)
class Shape:
    """Servers on one database."""

    name: str
    processes: int
    postgres: bool


SHAPES = (Shape("SQLite, 1", 1, False), Shape("PostgreSQL, 1", 1, True), Shape("PostgreSQL, 3", 3, True))


def cut(values: Sequence[float], percent: int) -> float:
    """A percentile in milliseconds; 0 of nothing."""
    if len(values) < 2:
        return 0.0
    return statistics.quantiles(values, n=100, method="inclusive")[percent - 1] * 1000


async def start_stream(session: aiohttp.ClientSession, url: str, body: Any, figures: Figures) -> None:
    """Starts a run and reads it; a server that is too busy to start one is asked again, as clients do."""
    while not await read_ages(session, "POST", url, body, figures.ages):
        figures.put_off += 1
        await asyncio.sleep(1)


async def follow_stream(session: aiohttp.ClientSession, url: str, figures: Figures) -> None:
    """Follows a run at another process, from the moment when it is there."""
    while not await read_ages(session, "GET", url, None, figures.ages_elsewhere):
        await asyncio.sleep(0.1)


async def read_ages(session: aiohttp.ClientSession, method: str, url: str, body: Any, ages: list[float]) -> bool:
    """Notes how old each line is when it is read, to the end of the stream; False: not yet there."""
    rest = b""
    # A start that was refused late may have begun all the same: its key joins that run.
    headers = {"Idempotency-Key": body["session_id"]} if body else {}
    async with session.request(method, url, json=body, headers=headers) as answer:
        if answer.status == 503 or (answer.status == 404 and method == "GET"):
            return False
        if answer.status != 200:
            raise SystemExit(f"{url}: HTTP {answer.status} {await answer.text()}")
        async for data in answer.content.iter_any():
            now = time.monotonic()
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                ages.extend(now - float(stamp) for stamp in STAMP.findall(line))
    return True


async def ask_api(session: aiohttp.ClientSession, urls: Sequence[str], figures: Figures) -> None:
    """Ordinary requests, twenty a second, until it is stopped; those that are refused as too many are counted."""
    number = 0
    while True:
        path = ("/api/agent/list", "/api/auth/session", "/api/conversations?page_size=20")[number % 3]
        began = time.monotonic()
        async with session.get(urls[number % len(urls)] + path) as answer:
            await answer.read()
            assert answer.status in (200, 503), path
            figures.api_refused += answer.status == 503
        figures.api.append(time.monotonic() - began)
        number += 1
        await asyncio.sleep(0.05)


async def add_conversations(database_url: str, user_id: str) -> None:
    """Ten thousand rows, as a person has them after years."""
    from clary.db.database import Database
    from clary.features.conversations.service import new_conversation

    database, now = Database(database_url), datetime.now(UTC)
    try:
        for start in range(0, CONVERSATIONS, 1000):
            async with database.write() as db:
                db.add_all(
                    new_conversation(
                        user_id=user_id, session_id=f"old-{number}", agent_id="default_agent", agent_name="Clary",
                        now=now - timedelta(hours=number), title=f"Conversation {number}",
                    )
                    for number in range(start, start + 1000)
                )  # fmt: skip
    finally:
        await database.close()


async def measure(shape: Shape, servers: list[Target], token: str, agent: str, load: tuple[int, int, float]) -> Figures:
    """Starts the streams some at a time, reads all of them, and asks the API meanwhile."""
    streams, chunks, pause = load
    figures = Figures(shape.name, streams, streams * chunks)
    urls = [server.url for server in servers]
    message = {"role": "user", "content": f"pace {chunks}x{pause}"}
    options: dict[str, Any] = {
        "timeout": aiohttp.ClientTimeout(total=None),
        "headers": {"Authorization": f"Bearer {token}"},
    }
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0, force_close=True), **options) as session,
        aiohttp.ClientSession(**options) as asking,
    ):
        for _ in range(100):
            began = time.monotonic()
            async with asking.get(urls[0] + "/api/conversations?page=1&page_size=20") as answer:
                await answer.read()
            figures.list_seconds.append(time.monotonic() - began)
        before = sum(server.cpu_seconds() for server in servers)
        tasks: list[asyncio.Task[None]] = []
        followers: list[asyncio.Task[None]] = []
        for number in range(streams):
            body = {"messages": [message], "agent_id": agent, "session_id": f"s{streams}-{number}"}
            url = urls[number % len(urls)] + "/api/web-stream"
            tasks.append(asyncio.create_task(start_stream(session, url, body, figures)))
            await asyncio.sleep(START_SECONDS)
            if len(urls) > 1 and number < FOLLOWED:
                url = f"{urls[(number + 1) % len(urls)]}/api/stream/resume/{body['session_id']}?last_index=0"
                followers.append(asyncio.create_task(follow_stream(session, url, figures)))
        api = asyncio.create_task(ask_api(asking, urls, figures))
        await asyncio.gather(*tasks, *followers)
        api.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await api
        figures.cpu = sum(server.cpu_seconds() for server in servers) - before
    return figures


@contextlib.asynccontextmanager
async def deployment(shape: Shape, folder: Path, postgres: PostgresServer) -> AsyncIterator[tuple[list[Target], str]]:
    """The servers of a shape on a fresh database, and its address."""
    url = f"sqlite:///{folder / 'data' / 'clary.db'}"
    if shape.postgres:
        name = f"bench_{time.monotonic_ns()}"
        connection = await asyncpg.connect(postgres.url())
        await connection.execute(f"CREATE DATABASE {name}")
        await connection.close()
        url = postgres.url(name)
    async with contextlib.AsyncExitStack() as stack:
        servers: list[Target] = []
        for _ in range(shape.processes):
            port = free_port()
            environment = {
                "CLARY_PORT": str(port),
                "CLARY_DATABASE_URL": url,
                "CLARY_DATA_DIR": str(folder / "data"),
                "CLARY_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
                "CLARY_OUTBOUND_ALLOW": "127.0.0.1",
                "CLARY_MAX_ACTIVE_RUNS_PER_USER": "2000",
                "CLARY_EMBEDDING": "none",
            }
            command = [sys.executable, "-m", "clary.cli", "serve"]
            address = f"http://127.0.0.1:{port}"
            servers.append(await stack.enter_async_context(started(command, address, "/api/health", **environment)))
        yield servers, url


async def run(loads: list[tuple[int, int, float]]) -> list[Figures]:
    """Every load on every shape."""
    found: list[Figures] = []
    postgres = PostgresServer(fsync="on", full_page_writes="on", autovacuum="on", shared_buffers="256MB")
    postgres.start()
    port = free_port()
    model = f"http://127.0.0.1:{port}"
    try:
        async with started([sys.executable, str(HERE / "pacing.py"), str(port)], model, "/v1/models"):
            for shape in SHAPES:
                with tempfile.TemporaryDirectory() as folder:
                    async with deployment(shape, Path(folder), postgres) as (servers, url):
                        token, agent = await clary_ready(servers[0].url, model + "/v1")
                        await add_conversations(url, await user_of(servers[0].url, token))
                        for load in loads:
                            found.append(await measure(shape, servers, token, agent, load))
                            print(json.dumps(summary(found[-1])), file=sys.stderr, flush=True)
    finally:
        postgres.remove()
    return found


async def user_of(url: str, token: str) -> str:
    """Whose token it is."""
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.get(url + "/api/auth/session") as answer,
    ):
        return (await answer.json())["data"]["user"]["userid"]


def summary(found: Figures) -> dict[str, Any]:
    """What is shown of it; milliseconds, and microseconds of processor time per line."""
    return {
        "shape": found.shape,
        "streams": found.streams,
        "lost": found.expected - len(found.ages),
        "put off": found.put_off,
        "age p50": round(cut(found.ages, 50), 1),
        "age p99": round(cut(found.ages, 99), 1),
        "elsewhere p99": round(cut(found.ages_elsewhere, 99), 1),
        "µs per line": round(found.cpu / max(len(found.ages), 1) * 1e6, 1),
        "API p99": round(cut(found.api, 99), 1),
        "API refused": found.api_refused,
        "list p95": round(cut(found.list_seconds, 95), 1),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[200, 500, 1000])
    parser.add_argument("--chunks", type=int, default=300)
    parser.add_argument("--pause", type=float, default=0.1)
    options = parser.parse_args()
    rows = [summary(each) for each in asyncio.run(run([(n, options.chunks, options.pause) for n in options.streams]))]
    print("| " + " | ".join(rows[0]) + " |")
    print("|" + "---|" * len(rows[0]))
    for row in rows:
        print("| " + " | ".join(map(str, row.values())) + " |")


if __name__ == "__main__":
    main()
