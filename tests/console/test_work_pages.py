"""The console's pages of agents at work in a real browser, against the real server."""

from pathlib import Path

import pytest

from console.pages import CONSOLE, need_a_built_console
from console.workplace import workplace
from support.programs import finished
from support.server_process import ADMIN_PASSWORD

pytestmark = pytest.mark.anyio


@pytest.mark.timeout(240)
async def test_a_person_works_with_agents_and_sees_no_answer_of_the_api_that_is_not_expected(tmp_path: Path) -> None:
    need_a_built_console()
    async with workplace(tmp_path) as (server, open_one, locked):
        status, said = await finished(
            "node",
            "e2e/work-journey.mjs",
            cwd=CONSOLE,
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
            CLARY_ARCHIVES=str(tmp_path),
            CLARY_OPEN_SERVER=open_one.url,
            CLARY_LOCKED_SERVER=locked.url,
        )
    assert status == 0, said[-3000:]
