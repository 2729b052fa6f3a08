"""One session id, several holders: whose run an admin reads or stops (stream-runtime.md 1, 6.5, 6.7)."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from clary.adapters.scripted_provider import Gate, Say, ScriptedProvider
from support.calls import provider_body
from support.house import ADMIN_PASSWORD, PASSWORD, House, house_in, login

pytestmark = pytest.mark.anyio

INTERRUPT = "/api/sessions/s1/interrupt"


@asynccontextmanager
async def person(house: House, name: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in client."""
    async with house.browser() as client:
        await login(client, name, ADMIN_PASSWORD if name == "admin" else PASSWORD)
        yield client


async def say(client: httpx2.AsyncClient, text: str) -> httpx2.Response:
    """One message into the session that everybody holds."""
    body = {"messages": [{"role": "user", "content": text}], "session_id": "s1"}
    return await client.post("/api/web-stream", json=body)


def outcome(answer: httpx2.Response) -> tuple[int, Any]:
    """(code, whose run was stopped or None)."""
    body = answer.json()
    data = body["data"] or {}
    return body["code"], data.get("user_id") if data.get("interrupted") else None


async def test_an_admin_reads_on_in_the_session_of_the_holder_named(house: House) -> None:
    holders = {name: await house.make_user(name) for name in ("alice", "bob")}
    told: dict[str, bytes] = {}
    for name in holders:
        async with person(house, name) as client:
            told[name] = (await say(client, f"I am {name}")).content
    async with person(house, "admin") as admin:
        unclear = await admin.get("/api/stream/resume/s1")
        read = {
            name: (await admin.get("/api/stream/resume/s1", params={"user_id": user_id})).content
            for name, user_id in holders.items()
        }
        nobody = await admin.get("/api/stream/resume/s1?user_id=nobody")
    assert (unclear.status_code, unclear.json()["error_detail"]) == (409, "session_ambiguous")
    assert read == told
    assert told["alice"] != told["bob"]
    assert (nobody.status_code, nobody.json()["error_detail"]) == (404, "session_not_found")
    async with person(house, "bob") as bob:
        own = await bob.get("/api/stream/resume/s1", params={"user_id": holders["alice"]})
    assert own.content == told["bob"]


async def test_an_admin_stops_the_run_of_the_holder_named_and_no_other(tmp_path: Path) -> None:
    gates = {name: Gate(Say("late"), text="so far") for name in ("alice", "bob")}
    scripts = {name: [gate] for name, gate in gates.items()}
    async with (
        ScriptedProvider(scripts) as provider,
        house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house,
        person(house, "admin") as admin,
    ):
        holders = {name: await house.make_user(name) for name in gates}
        async with person(house, "alice") as alice, person(house, "bob") as bob:
            streams: dict[str, asyncio.Task[httpx2.Response]] = {}
            for name, client in (("alice", alice), ("bob", bob)):
                await client.post("/api/llm-provider/create", json=provider_body(provider.url))
                streams[name] = asyncio.create_task(say(client, f"[[play:{name}]]"))
            with anyio.fail_after(30):
                for gate in gates.values():
                    await gate.reached.wait()
                assert outcome(await admin.post(INTERRUPT)) == (409, None)
                assert outcome(await admin.post(f"{INTERRUPT}?user_id=nobody")) == (404, None)
                stopped = await admin.post(INTERRUPT, params={"user_id": holders["bob"]})
                assert outcome(stopped) == (200, holders["bob"])
                # What somebody else names is no concern of the own session's.
                again = await bob.post(INTERRUPT, params={"user_id": holders["alice"]})
                assert outcome(again) == (200, None)
                assert not streams["alice"].done()
                gates["alice"].open()
                ends = {name: json.loads((await stream).text.splitlines()[-1]) for name, stream in streams.items()}
    assert {name: end["status"] for name, end in ends.items()} == {"alice": "completed", "bob": "interrupted"}
