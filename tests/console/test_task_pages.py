"""The console's pages of scheduled tasks in a real browser, against real servers."""

from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Fault, Say, ScriptedProvider
from console.pages import CONSOLE, need_a_built_console
from support.programs import finished
from support.server_process import ADMIN_PASSWORD, running, signed_in

pytestmark = pytest.mark.anyio

NO_SUCH_MODEL = Fault("status", status=404, body={"error": {"message": "no such model", "code": "model_not_found"}})
SCRIPTS = {"report": (Say("All is well today."),), "broken": (NO_SUCH_MODEL,)}


@pytest.mark.timeout(420)
async def test_a_task_is_made_run_followed_switched_off_and_deleted(tmp_path: Path) -> None:
    need_a_built_console()
    (tmp_path / "off").mkdir()
    async with (
        ScriptedProvider(SCRIPTS, default=Say("This is an answer."), record=False) as provider,
        running(tmp_path / "data") as server,
        running(tmp_path / "off" / "data", CLARY_SCHEDULER="off") as without,
    ):
        admin = await signed_in(server)
        model = {"base_url": provider.url, "api_keys": ["sk-work-0000000000"], "model": "m", "thinking_style": "none"}
        await admin.data("POST", "/api/llm-provider/create", {"name": "Scripted", "is_default": True, **model})
        status, said = await finished(
            "node",
            "e2e/tasks-journey.mjs",
            cwd=CONSOLE,
            seconds=360,
            CLARY_URL=server.url,
            CLARY_OFF_URL=without.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
        )
    assert status == 0, said[-3000:]
