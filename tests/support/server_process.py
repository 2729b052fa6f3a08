"""A real server in its own process, to be killed and started again on the same data."""

import asyncio
import json
import os
import signal
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from support import postgresql
from support.schema import database_environment
from support.warm import WarmProcess

ADMIN_PASSWORD = "Journey-Admin-4711"
START_SECONDS = 120


class ServerProcess:
    """`clary serve` on a free port and a data directory."""

    command = "serve"

    def __init__(self, data_dir: Path, **environment: str) -> None:
        self.data_dir = data_dir
        self.port = _free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.log = data_dir.parent / "server.log"
        self._environment = environment
        self._process: WarmProcess | None = None

    async def start(self) -> None:
        """Starts it and waits until it is healthy."""
        clean = {key: value for key, value in os.environ.items() if not key.startswith("CLARY_")}
        environment = {
            **clean,
            **database_environment(self.data_dir),
            "CLARY_PORT": str(self.port),
            "CLARY_DATA_DIR": str(self.data_dir),
            "CLARY_BOOTSTRAP_ADMIN_PASSWORD": ADMIN_PASSWORD,
            # Runs of a killed server wait for it, unless it was the only one, as on SQLite.
            **({"CLARY_RUN_LEASE_SECONDS": "3"} if postgresql.IS_CHOSEN else {}),
            "CLARY_OUTBOUND_ALLOW": "127.0.0.1",
            **self._environment,
        }
        self._process = WarmProcess(
            [self.command], environment=environment, folder=Path.cwd(), stdin=None, stdout=self.log, stderr=self.log
        )
        async with asyncio.timeout(START_SECONDS), aiohttp.ClientSession() as session:
            while not await self._is_healthy(session):
                assert self._process.returncode is None, self.log.read_text()[-2000:]
                await asyncio.sleep(0.02)

    async def _is_healthy(self, session: aiohttp.ClientSession) -> bool:
        try:
            async with session.get(self.url + "/api/health") as answer:
                return answer.status == 200
        except aiohttp.ClientError:
            return False

    @property
    def pid(self) -> int:
        """Of the living process."""
        assert self._process is not None
        return self._process.pid

    @property
    def returncode(self) -> int | None:
        """None while it lives."""
        return None if self._process is None else self._process.returncode

    async def kill(self) -> None:
        """kill -9."""
        assert self._process is not None
        self._process.kill()
        await self._process.wait()

    async def stop(self) -> int:
        """SIGTERM; returns the exit status."""
        assert self._process is not None
        if self._process.returncode is None:
            self._process.send_signal(signal.SIGTERM)
        async with asyncio.timeout(30):
            return await self._process.wait()


class WorkerProcess(ServerProcess):
    """`clary worker` on a data directory."""

    command = "worker"

    def __init__(self, data_dir: Path, **environment: str) -> None:
        super().__init__(data_dir, **environment)
        self.log = data_dir.parent / f"worker-{self.port}.log"

    async def _is_healthy(self, session: aiohttp.ClientSession) -> bool:
        return self.log.exists() and "Clary works" in self.log.read_text()


@asynccontextmanager
async def running(data_dir: Path, **environment: str) -> AsyncIterator[ServerProcess]:
    """A started server, ended at the end."""
    server = ServerProcess(data_dir, **environment)
    await server.start()
    try:
        yield server
    finally:
        await server.stop()


class Person:
    """Somebody signed in, by token."""

    def __init__(self, server: ServerProcess, token: str) -> None:
        self._server = server
        self.headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, body: Any = None) -> Any:
        """The envelope of a call."""
        async with (
            aiohttp.ClientSession(headers=self.headers) as session,
            session.request(method, self._server.url + path, json=body) as answer,
        ):
            return await answer.json()

    async def data(self, method: str, path: str, body: Any = None) -> Any:
        """The data of a call that must succeed."""
        envelope = await self.call(method, path, body)
        assert envelope["code"] == 200, envelope
        return envelope["data"]

    @asynccontextmanager
    async def lines(self, path: str, body: Any = None) -> AsyncIterator[AsyncIterator[bytes]]:
        """An open stream of lines; POST with a body, else GET."""
        timeout = aiohttp.ClientTimeout(total=60)
        async with (
            aiohttp.ClientSession(headers=self.headers, timeout=timeout) as session,
            session.request("POST" if body else "GET", self._server.url + path, json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            yield _lines(answer)

    async def all_lines(self, path: str, body: Any = None) -> list[bytes]:
        """Every line of a stream to its end."""
        async with self.lines(path, body) as lines:
            return [line async for line in lines]


async def _lines(answer: aiohttp.ClientResponse) -> AsyncIterator[bytes]:
    """Whole, non-empty lines; a cut connection just ends."""
    rest = b""
    try:
        async for data in answer.content.iter_any():
            *whole, rest = (rest + data).split(b"\n")
            for line in whole:
                if line:
                    yield line
    except aiohttp.ClientError:
        return


async def signed_in(server: ServerProcess, username: str = "admin", password: str = ADMIN_PASSWORD) -> Person:
    """Signs in by password."""
    body = {"username_or_email": username, "password": password}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.url + "/api/auth/login", json=body) as answer,
    ):
        envelope = await answer.json()
    assert envelope["code"] == 200, envelope
    return Person(server, envelope["data"]["access_token"])


def parsed(lines: list[bytes]) -> list[dict[str, Any]]:
    """Lines as objects."""
    return [json.loads(line) for line in lines]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
