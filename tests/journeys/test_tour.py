"""The README's tour and a person's first visit, against a real server."""

import shutil
from pathlib import Path

import pytest

from support.programs import finished
from support.server_process import ADMIN_PASSWORD, running

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.timeout(180)
async def test_every_line_of_the_tour_works(tmp_path: Path) -> None:
    async with running(tmp_path / "data") as server:
        status, said = await finished(
            "bash",
            str(ROOT / "examples" / "tour" / "tour.sh"),
            cwd=tmp_path,
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
        )
    assert status == 0, said[-2000:]


@pytest.mark.timeout(240)
async def test_a_person_signs_in_chats_reloads_in_mid_answer_and_stops_in_a_real_browser(tmp_path: Path) -> None:
    assert shutil.which("node"), "the console's journey needs Node"
    assert (ROOT / "console" / "dist" / "index.html").is_file(), "the console is not built: make console"
    async with running(tmp_path / "data") as server:
        status, said = await finished(
            "node",
            "e2e/journey.mjs",
            cwd=ROOT / "console",
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
        )
    assert status == 0, said[-2000:]
