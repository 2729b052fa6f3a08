"""Runs that must not go on for ever: one that never gets anywhere, and one whose time is up."""

import asyncio
from pathlib import Path

import pytest

from clary.adapters.scripted_provider import Gate, Say, ScriptedProvider
from support.server_process import Person, parsed, running, signed_in

pytestmark = pytest.mark.anyio

BODY = {"messages": [{"role": "user", "content": "[[play:never]]"}], "session_id": "s1"}


async def body_for(person: Person, provider: ScriptedProvider) -> dict[str, object]:
    made = {"base_url": provider.url, "api_keys": ["sk-journey-000000"], "model": "m", "thinking_style": "none"}
    row = await person.data("POST", "/api/llm-provider/create", made)
    return {**BODY, "provider_id": row["id"]}


@pytest.mark.timeout(150)
async def test_a_run_that_never_finishes_a_step_is_given_up_after_five_takeovers(tmp_path: Path) -> None:
    gate = Gate(Say("never"), text="begun ")
    async with ScriptedProvider({"never": [gate]}) as provider, running(tmp_path / "data") as server:
        person = await signed_in(server)
        async with person.lines("/api/web-stream", await body_for(person, provider)) as lines:
            assert parsed([await anext(lines)])[0]["content"] == "begun "
        for takeover in range(1, 6):
            asked = len(provider.requests)
            await server.kill()
            await server.start()
            async with asyncio.timeout(20):
                while len(provider.requests) == asked:
                    await asyncio.sleep(0.02)
            run_id = (await person.data("GET", "/api/conversations/s1/messages"))["next_stream_run_id"]
            assert (await person.data("GET", f"/api/runs/{run_id}"))["takeovers"] == takeover
        await server.kill()
        await server.start()
        async with asyncio.timeout(20):
            found = parsed(await person.all_lines("/api/stream/resume/s1?last_index=0"))
        assert (found[-1]["status"], found[-1]["end_reason"]) == ("failed", "internal_error")
        assert [line["type"] for line in found].count("stream_end") == 1
        assert found[-3]["error_info"]["kind"] == "internal_error"


@pytest.mark.timeout(90)
async def test_a_run_ends_when_its_time_is_up(tmp_path: Path) -> None:
    gate = Gate(Say("never"), text="begun ")
    async with (
        ScriptedProvider({"never": [gate]}) as provider,
        running(tmp_path / "data", CLARY_RUN_MAX_SECONDS="1") as server,
    ):
        person = await signed_in(server)
        async with asyncio.timeout(20):
            found = parsed(await person.all_lines("/api/web-stream", await body_for(person, provider)))
        assert (found[-1]["status"], found[-1]["end_reason"]) == ("failed", "limit")
        assert found[-3]["error_info"]["kind"] == "limit"
