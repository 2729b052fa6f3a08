"""The console's pages of accounts and administration in a real browser, against the real server."""

from pathlib import Path

import pytest

from console.pages import CONSOLE, need_a_built_console
from support.programs import finished
from support.server_process import ADMIN_PASSWORD, running

pytestmark = pytest.mark.anyio


@pytest.mark.timeout(180)
async def test_people_sign_up_arrive_where_they_wanted_and_an_administrator_uses_every_page(tmp_path: Path) -> None:
    need_a_built_console()
    async with running(tmp_path / "data", CLARY_ALLOW_REGISTRATION="on") as server:
        status, said = await finished(
            "node",
            "e2e/identity-journey.mjs",
            cwd=CONSOLE,
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
            CLARY_MAIL_LOG=str(server.log),
        )
    assert status == 0, said[-2000:]
