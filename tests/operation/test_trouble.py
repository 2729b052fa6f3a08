"""Disk full or read-only, database locked, object store away: clear answers, nothing lost, no restart.

What was acknowledged is there afterwards; what was refused left nothing; and the same server goes on.
"""

import asyncio
import io
import os
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from moto.server import ThreadedMotoServer

from support.s3_server import S3Server
from support.server_process import Person, ServerProcess, running, signed_in
from support.terminal import clary

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

MIB = 1024 * 1024


async def upload(person: Person, server: ServerProcess, content: bytes, name: str) -> tuple[int, dict[str, Any]]:
    """Status and envelope of an upload."""
    form = aiohttp.FormData()
    form.add_field("file", io.BytesIO(content), filename=name)
    async with (
        aiohttp.ClientSession(headers=person.headers) as session,
        session.post(server.url + "/api/oss/upload", data=form) as answer,
    ):
        return answer.status, await answer.json()


async def fetched(person: Person, server: ServerProcess, url: str) -> bytes:
    """A stored file."""
    async with aiohttp.ClientSession(headers=person.headers) as session, session.get(url) as answer:
        assert answer.status == 200, await answer.text()
        return await answer.read()


async def status_of(
    server: ServerProcess, path: str, person: Person | None = None, body: Any = None
) -> tuple[int, str]:
    """Status and slug of a call."""
    async with (
        aiohttp.ClientSession(headers=person.headers if person else {}) as session,
        session.request("POST" if body else "GET", server.url + path, json=body) as answer,
    ):
        if answer.status == 503:
            assert answer.headers["Retry-After"] == "5"
        return answer.status, (await answer.json()).get("error_detail") or ""


async def becomes_ready(server: ServerProcess) -> None:
    """Readiness is looked at anew after two seconds."""
    async with asyncio.timeout(30):
        while (await status_of(server, "/api/ready"))[0] != 200:
            await asyncio.sleep(0.2)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 24 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root may mount a small disk")
    folder = tmp_path / "disk"
    folder.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=24m,mode=700", "tmpfs", str(folder)], check=True)
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(disk: Path) -> Path:
    """Takes all of the room that is left."""
    ballast = disk / "ballast"
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(MIB))
        except OSError:
            pass
        try:
            while True:
                file.write(bytes(512))
        except OSError:
            pass
    return ballast


@pytest.mark.sqlite
async def test_a_full_disk_refuses_and_recovers(small_disk: Path) -> None:
    async with running(small_disk / "data") as server:
        admin = await signed_in(server)
        _, kept = await upload(admin, server, b"kept" * 1000, "kept.txt")
        ballast = await asyncio.to_thread(fill, small_disk)
        assert (await upload(admin, server, bytes(2 * MIB), "large.bin"))[0] == 503
        refused = list[int]()
        for number in range(40):
            # Small rows may still fit into pages that are there; in the end none does.
            body = {"name": f"agent {number}", "systemPrefix": "x" * 20_000}
            refused.append((await status_of(server, "/api/agent/create", admin, body))[0])
        assert set(refused) <= {200, 503}
        assert refused[-1] == 503
        assert await status_of(server, "/api/ready") == (503, "not_ready")
        assert (await status_of(server, "/api/health"))[0] == 200
        assert await fetched(admin, server, kept["data"]["url"]) == b"kept" * 1000
        stream = {"messages": [{"role": "user", "content": "hi"}], "session_id": "s-full"}
        assert (await status_of(server, "/api/web-stream", admin, stream))[0] == 503
        ballast.unlink()
        await becomes_ready(server)
        status, large = await upload(admin, server, bytes(2 * MIB), "large.bin")
        assert (status, len(await fetched(admin, server, large["data"]["url"]))) == (200, 2 * MIB)
        assert len(await admin.data("GET", "/api/agent/list")) >= refused.count(200)
        assert (await admin.all_lines("/api/web-stream", stream))[-1].startswith(b"{")
        assert [path.name for path in (small_disk / "data" / "objects").rglob("*.part")] == []
    verified = await asyncio.to_thread(clary, small_disk, "audit", "verify")
    assert verified.stdout.startswith("intact: ")


def test_a_read_only_disk_ends_the_start_with_one_line(small_disk: Path) -> None:
    (small_disk / "data").mkdir()
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    done = clary(small_disk, "serve", CLARY_PORT="0", CLARY_DATA_DIR=str(small_disk / "data"))
    assert (done.returncode, done.stderr) == (2, "CLARY_DATA_DIR: is not writable\n")


@pytest.mark.sqlite
@pytest.mark.parametrize("seconds", [8.0, pytest.param(60.0, marks=pytest.mark.slow)])
async def test_a_database_that_is_locked_answers_503_and_then_goes_on(tmp_path: Path, seconds: float) -> None:
    async with running(tmp_path / "data") as server:
        admin = await signed_in(server)
        agent = {"name": "before", "systemPrefix": "x"}
        assert (await status_of(server, "/api/agent/create", admin, agent))[0] == 200
        with closing(sqlite3.connect(tmp_path / "data" / "clary.db", isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            loop = asyncio.get_running_loop()
            began = loop.time()
            answers = list[tuple[int, str]]()
            while loop.time() - began < seconds:
                asked = loop.time()
                answers.append(await status_of(server, "/api/agent/create", admin, {**agent, "name": "during"}))
                assert loop.time() - asked < 15
            assert set(answers) == {(503, "unavailable")}
            # Who only reads does not notice.
            names = [each["name"] for each in await admin.data("GET", "/api/agent/list")]
            assert ("before" in names, "during" in names) == (True, False)
            assert (await status_of(server, "/api/health"))[0] == 200
            other.execute("ROLLBACK")
        await becomes_ready(server)
        assert (await status_of(server, "/api/agent/create", admin, {**agent, "name": "after"}))[0] == 200
        names = [each["name"] for each in await admin.data("GET", "/api/agent/list")]
        assert ("during" in names, "after" in names) == (False, True)


async def test_an_object_store_that_goes_away_and_comes_back(tmp_path: Path) -> None:
    store = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    store.start()
    host, port = store.get_host_and_port()
    made = S3Server(f"http://{host}:{port}")
    made.call("PUT")
    given = {f"CLARY_{name.upper()}": str(value) for name, value in made.settings().items()}
    async with running(tmp_path / "data", **given) as server:
        admin = await signed_in(server)
        _, kept = await upload(admin, server, b"kept", "kept.txt")
        await asyncio.to_thread(store.stop)
        assert (await upload(admin, server, b"lost", "lost.txt"))[0] == 503
        assert await status_of(server, "/api/ready") == (503, "not_ready")
        # What needs no stored file works meanwhile.
        assert (await status_of(server, "/api/agent/create", admin, {"name": "a", "systemPrefix": "x"}))[0] == 200
        again = ThreadedMotoServer(ip_address="127.0.0.1", port=port, verbose=False)
        await asyncio.to_thread(again.start)
        try:
            await becomes_ready(server)
            status, later = await upload(admin, server, b"later", "later.txt")
            assert status == 200
            assert await fetched(admin, server, later["data"]["url"]) == b"later"
            assert await fetched(admin, server, kept["data"]["url"]) == b"kept"
        finally:
            await asyncio.to_thread(again.stop)
