"""Somebody signed in, and one object of each kind that belongs to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from clary.adapters.scripted_provider import ScriptedProvider
from features.skills.archives import skill_zip
from support.calls import provider_body
from support.house import ADMIN_PASSWORD, PASSWORD, House, bearer, login

HELLO: dict[str, Any] = {"messages": [{"role": "user", "content": "hello"}]}


@asynccontextmanager
async def caller(house: House, name: str) -> AsyncIterator[httpx2.AsyncClient]:
    """Somebody signed in by token."""
    async with house.browser() as client:
        tokens = await login(client, name, ADMIN_PASSWORD if name == "admin" else PASSWORD)
    async with house.browser(**bearer(tokens)) as client:
        yield client


async def managed_group(house: House, user_id: str) -> str:
    """A group that somebody manages."""
    async with caller(house, "admin") as admin:
        group = (await admin.post("/api/groups", json={"name": f"group of {user_id}"})).json()["data"]["id"]
        body = {"user_ids": [user_id], "role": "manager"}
        assert (await admin.post(f"/api/groups/{group}/members", json=body)).json()["data"] == {"added": 1}
    return group


async def some_client(house: House) -> str:
    """An OAuth2 client."""
    async with caller(house, "admin") as admin:
        made = await admin.post("/api/oauth2/clients", json={"redirect_uris": ["https://app.example.com/cb"]})
    return made.json()["data"]["client_id"]


async def objects_of(
    house: House, client: httpx2.AsyncClient, provider: ScriptedProvider, session: str = "session_owned"
) -> dict[str, str]:
    """One object of each kind, owned by a caller."""
    user_id = (await client.get("/api/auth/session")).json()["data"]["user"]["userid"]
    row = (await client.post("/api/llm-provider/create", json=provider_body(provider.url))).json()["data"]["id"]
    agent = (await client.post("/api/agent/create", json={"name": "mine"})).json()["data"]["agent_id"]
    body = {**HELLO, "session_id": session, "agent_id": agent, "provider_id": row}
    chat = await client.post("/api/chat", json=body)
    assert chat.status_code == 200, chat.text
    skill = "skill-" + session.replace("_", "-")
    brought = await client.post("/api/skills/upload", files={"file": ("a.zip", skill_zip(skill))})
    return {
        "provider_id": row,
        "agent_id": agent,
        "session_id": session,
        "run_id": chat.headers["x-clary-run-id"],
        "user_id": user_id,
        "group_id": await managed_group(house, user_id),
        "client_id": await some_client(house),
        "key_id": (await client.post("/api/user/keys", json={"name": "mine"})).json()["data"]["id"],
        "login_session_id": (await client.get("/api/user/sessions")).json()["data"][0]["id"],
        "provider_url": provider.url,
        "skill_name": skill,
        "skill_hash": brought.json()["data"]["hash"],
    }
