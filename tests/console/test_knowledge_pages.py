"""The console's pages of knowledge bases in a real browser, against the real server."""

from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Call, CallTools, Say, ScriptedProvider
from console.pages import CONSOLE, need_a_built_console
from support.programs import finished
from support.server_process import ADMIN_PASSWORD, running, signed_in

pytestmark = pytest.mark.anyio

CITING = "A night costs 180 EUR [1], and nobody gave the number [77]. In a program `list[1]` means something else."
SCRIPTS = {"cite": (CallTools([Call("search_knowledge_base", {"query": "hotel Berlin"})]), Say(CITING, pieces=4))}


@pytest.mark.timeout(720)
async def test_documents_come_in_are_found_cited_tested_and_shared_and_go_again(tmp_path: Path) -> None:
    need_a_built_console()
    async with (
        ScriptedProvider(SCRIPTS, default=Say("This is an answer."), record=False) as provider,
        running(tmp_path / "data") as server,
    ):
        admin = await signed_in(server)
        model = {"base_url": provider.url, "api_keys": ["sk-work-0000000000"], "model": "m", "thinking_style": "none"}
        await admin.data("POST", "/api/llm-provider/create", {"name": "Scripted", "is_default": True, **model})
        await admin.data("POST", "/api/user/add", {"username": "mary", "password": "Mary-Journey-4711"})
        status, said = await finished(
            "node",
            "e2e/knowledge-journey.mjs",
            cwd=CONSOLE,
            seconds=600,
            CLARY_URL=server.url,
            CLARY_USER="admin",
            CLARY_PASSWORD=ADMIN_PASSWORD,
        )
    assert status == 0, said[-3000:]
