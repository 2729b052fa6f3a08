"""Streams: CPU per relayed chunk and time added to the first content, against two floors measured in the same run.

Floors: (a) reading the scripted provider directly, (b) a bare Starlette relay that parses and keeps nothing.
Figures are ratios of one run; absolute times depend on the machine. Usage: `make bench`, or
`python benchmarks/run.py --streams 1 50 --chunks 200`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp

HERE = Path(__file__).resolve().parent
ADMIN_PASSWORD = "Bench-Admin-4711"
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Load:
    """How the provider writes: chunks of one stream, and the pause between two."""

    streams: int
    chunks: int
    interval_ms: int

    @property
    def name(self) -> str:
        """For the table."""
        pace = f"{self.interval_ms} ms" if self.interval_ms else "back to back"
        return f"{self.streams} × {self.chunks} chunks, {pace}"


@dataclass(frozen=True)
class Outcome:
    """What one target did under a load."""

    cpu_us_per_chunk: float
    first_content_ms: float
    lost: int
    rss_kb_per_stream: float


class Target:
    """One process under measurement."""

    def __init__(self, process: subprocess.Popen[bytes], url: str) -> None:
        self.process = process
        self.url = url

    def cpu_seconds(self) -> float:
        """User and system time so far."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / TICKS

    def rss_kb(self) -> int:
        """Resident memory."""
        for line in Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        return 0


def free_port() -> int:
    """A free loopback port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextlib.asynccontextmanager
async def started(command: list[str], url: str, path: str, **environment: str) -> AsyncIterator[Target]:
    """A process of ours until it answers; ended at the end."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("CLARY_")}
    process = subprocess.Popen(
        command, env={**clean, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    try:
        async with aiohttp.ClientSession() as session:
            for _ in range(300):
                with contextlib.suppress(aiohttp.ClientError):
                    async with session.get(url + path) as answer:
                        if answer.status == 200:
                            break
                await asyncio.sleep(0.1)
            else:
                raise SystemExit(f"{command[0]} did not start")
        yield Target(process, url)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


async def read_stream(
    session: aiohttp.ClientSession, url: str, body: dict[str, object], mark: bytes
) -> tuple[float, int]:
    """(seconds to the first content, occurrences of the chunk's mark)."""
    began, first, seen, rest = time.monotonic(), 0.0, 0, b""
    async with session.post(url, json=body) as answer:
        if answer.status != 200:
            raise SystemExit(f"{url}: HTTP {answer.status} {await answer.text()}")
        async for data in answer.content.iter_any():
            data = rest + data
            count = data.count(mark)
            if count and not first:
                first = time.monotonic() - began
            seen += count
            rest = data[-(len(mark) - 1) :] if not data.endswith(mark) else b""
            seen -= rest.count(mark)
    return first, seen


async def measure(target: Target, load: Load, bodies: list[dict[str, object]], path: str, token: str = "") -> Outcome:
    """Runs all streams of a load at once against a target."""
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    before, rss, peak = target.cpu_seconds(), target.rss_kb(), 0
    connector = aiohttp.TCPConnector(limit=0)
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout, headers=headers) as session:
        running = [asyncio.create_task(read_stream(session, target.url + path, body, MARK)) for body in bodies]
        while not all(task.done() for task in running):
            peak = max(peak, target.rss_kb())
            await asyncio.sleep(0.2)
        results = [await task for task in running]
    chunks = load.streams * load.chunks
    lost = chunks - sum(seen for _, seen in results)
    first = statistics.median(first for first, _ in results) * 1000
    grown = max(0, peak - rss) / load.streams
    return Outcome((target.cpu_seconds() - before) / chunks * 1e6, first, lost, grown)


MARK = "¶".encode()
CHUNK_TEXT = "¶word "


def provider_body(load: Load) -> dict[str, object]:
    """What the provider is asked directly."""
    tag = f"[[play:p{load.chunks}x{load.interval_ms}]] go"
    return {"model": "m", "stream": True, "messages": [{"role": "user", "content": tag}]}


async def clary_ready(url: str, provider_url: str) -> tuple[str, str]:
    """(token, agent id) of a server that talks to the scripted provider."""
    async with aiohttp.ClientSession() as session:

        async def post(path: str, body: dict[str, object], token: str = "") -> dict[str, object]:
            headers = {"Authorization": f"Bearer {token}"} if token else {}
            async with session.post(url + path, json=body, headers=headers) as answer:
                return (await answer.json())["data"]

        login = await post("/api/auth/login", {"username_or_email": "admin", "password": ADMIN_PASSWORD})
        token = str(login["access_token"])
        made = {"base_url": provider_url, "api_keys": ["sk-bench-000000"], "model": "m", "thinking_style": "none"}
        provider = await post("/api/llm-provider/create", made, token)
        agent = await post("/api/agent/create", {"name": "bench", "llm_provider_id": provider["id"]}, token)
        return token, str(agent["agent_id"])


async def run(loads: list[Load]) -> list[tuple[Load, dict[str, Outcome]]]:
    """Measures every load on every target."""
    scripts = {
        f"p{load.chunks}x{load.interval_ms}": [
            {"paced": load.chunks, "interval_seconds": load.interval_ms / 1000, "text": CHUNK_TEXT}
        ]
        for load in loads
    }
    rows: list[tuple[Load, dict[str, Outcome]]] = []
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "script.json"
        script.write_text(json.dumps({"scripts": scripts}))
        ports = [free_port() for _ in range(3)]
        provider_command = [sys.executable, "-m", "clary.cli", "dev", "fake-model", "--port", str(ports[0])]
        relay_command = [sys.executable, str(HERE / "relay.py"), str(ports[1]), f"http://127.0.0.1:{ports[0]}"]
        clary_command = [sys.executable, "-m", "clary.cli", "serve"]
        environment = {
            "CLARY_PORT": str(ports[2]),
            "CLARY_DATA_DIR": str(Path(folder) / "data"),
            "CLARY_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
            "CLARY_OUTBOUND_ALLOW": "127.0.0.1",
            "CLARY_MAX_ACTIVE_RUNS_PER_USER": "2000",
        }
        async with (
            started(
                [*provider_command, "--script", str(script)], f"http://127.0.0.1:{ports[0]}", "/v1/models"
            ) as provider,
            started(relay_command, f"http://127.0.0.1:{ports[1]}", "/up") as relay,
            started(clary_command, f"http://127.0.0.1:{ports[2]}", "/api/health", **environment) as clary,
        ):
            token, agent = await clary_ready(clary.url, provider.url + "/v1")
            for load in loads:
                direct = [provider_body(load) for _ in range(load.streams)]
                chats: list[dict[str, object]] = [
                    {"messages": provider_body(load)["messages"], "agent_id": agent} for _ in range(load.streams)
                ]
                rows.append(
                    (
                        load,
                        {
                            "direct": await measure(provider, load, direct, "/v1/chat/completions"),
                            "relay": await measure(relay, load, direct, "/v1/chat/completions"),
                            "clary": await measure(clary, load, chats, "/api/web-stream", token),
                        },
                    )
                )
    return rows


def show(rows: list[tuple[Load, dict[str, Outcome]]]) -> None:
    """One line per load: Clary against the floors."""
    print(
        "| load | relay µs/chunk | clary µs/chunk | ratio | first content: direct / relay / clary ms "
        "| lost | KB per stream |"
    )
    print("|---|---:|---:|---:|---|---:|---:|")
    for load, found in rows:
        direct, relay, clary = found["direct"], found["relay"], found["clary"]
        ratio = clary.cpu_us_per_chunk / max(relay.cpu_us_per_chunk, 0.001)
        first = f"{direct.first_content_ms:.1f} / {relay.first_content_ms:.1f} / {clary.first_content_ms:.1f}"
        print(
            f"| {load.name} | {relay.cpu_us_per_chunk:.1f} | {clary.cpu_us_per_chunk:.1f} | {ratio:.2f} | {first} "
            f"| {clary.lost} | {clary.rss_kb_per_stream:.0f} |"
        )


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 50, 500])
    parser.add_argument("--chunks", type=int, default=200)
    options = parser.parse_args()
    loads = [Load(streams, options.chunks, pace) for pace in (20, 0) for streams in options.streams]
    show(asyncio.run(run(loads)))


if __name__ == "__main__":
    main()
