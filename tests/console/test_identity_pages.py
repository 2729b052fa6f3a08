"""The console's pages of accounts and administration in a real browser."""

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from console.pages import CONSOLE, need_a_built_console
from support.programs import finished
from support.server_process import ADMIN_PASSWORD, running

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def stand_in() -> AsyncIterator[str]:
    """The console's fake server; gives its address."""
    environment = {**os.environ, "PORT": "0", "FAKE_REGISTRATION": "on"}
    process = await asyncio.create_subprocess_exec(
        "node", "dev/fake-server.mjs", cwd=CONSOLE, env=environment, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        async with asyncio.timeout(20):
            said = await process.stdout.readline()
        yield said.decode().strip()
    finally:
        process.kill()
        await process.wait()


@pytest.mark.timeout(180)
async def test_people_sign_up_arrive_where_they_wanted_and_use_every_page() -> None:
    need_a_built_console()
    async with stand_in() as url:
        status, said = await finished("node", "e2e/identity-journey.mjs", cwd=CONSOLE, CLARY_URL=url)
    assert status == 0, said[-2000:]


@pytest.mark.timeout(180)
async def test_an_administrator_uses_the_pages_against_the_real_server(tmp_path: Path) -> None:
    need_a_built_console()
    async with running(tmp_path / "data") as server:
        status, said = await finished(
            "node",
            "e2e/identity-journey.mjs",
            cwd=CONSOLE,
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
            CLARY_STEPS="next,groups,keys,users,clients,audit,share,account",
        )
    assert status == 0, said[-2000:]
