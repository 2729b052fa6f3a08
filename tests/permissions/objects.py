"""Somebody signed in, and one object of each kind that belongs to them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2

from clary.adapters.scripted_provider import ScriptedProvider
from clary.features.interventions.ports import NewApproval, NewQuestionnaire
from clary.features.interventions.service import open_approval, open_questionnaire, questionnaire_id_of
from clary.kit.ids import new_uuid
from features.skills.archives import skill_zip
from support.calls import BASES, mcp_body, provider_body
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


async def base_of(client: httpx2.AsyncClient) -> dict[str, str]:
    """A knowledge base with a document."""
    made = await client.post(f"{BASES}/add", json={"name": "mine", "type": "document"})
    kdb_id = made.json()["data"]["kdb_id"]
    files = [("files", ("a.txt", b"The walrus sleeps.", "text/plain"))]
    sent = await client.post(f"{BASES}/doc/add_by_files", data={"kdb_id": kdb_id}, files=files)
    assert sent.json()["code"] == 200, sent.text
    data = sent.json()["data"]
    return {"kdb_id": kdb_id, "doc_id": data["documents"][0]["id"], "kdb_task_id": data["taskId"]}


async def questions_of(house: House, user_id: str, session: str, run_id: str) -> dict[str, str]:
    """A questionnaire and an approval of a run that has ended."""
    questionnaire_id, approval_id = questionnaire_id_of(session, "call"), new_uuid()
    async with house.services.database.write() as db:
        row = await house.services.conversations.find_own(db, session_id=session, user_id=user_id)
        assert row is not None
        whose, now = (run_id, row.conversation_id, user_id, session, "call"), house.clock.epoch()
        asked = NewQuestionnaire(questionnaire_id, *whose, "Pick", [], "general", 60, now, now + 70)
        call = NewApproval(approval_id, *whose, "file_write", "write", "{}", "b" * 64, "", "always", now, now + 600)
        connection = await db.connection()
        await connection.run_sync(open_questionnaire, asked)
        await connection.run_sync(open_approval, call)
    return {"questionnaire_id": questionnaire_id, "approval_id": approval_id}


async def scheduled_of(client: httpx2.AsyncClient, agent_id: str) -> str:
    """A task that is due once a day."""
    body = {"name": "t", "description": "d", "agent_id": agent_id, "schedule": "@daily"}
    made = await client.post("/tasks", json=body)
    assert made.json()["code"] == 200, made.text
    return made.json()["data"]["task_id"]


async def objects_of(
    house: House, client: httpx2.AsyncClient, provider: ScriptedProvider, session: str = "session_owned"
) -> dict[str, str]:
    """One object of each kind, owned by a caller."""
    user_id = (await client.get("/api/auth/session")).json()["data"]["user"]["userid"]
    row = (await client.post("/api/llm-provider/create", json=provider_body(provider.url))).json()["data"]["id"]
    agent = (await client.post("/api/agent/create", json={"name": "mine"})).json()["data"]["agent_id"]
    body = {**HELLO, "session_id": session, "agent_id": agent, "provider_id": row}
    server_name = f"mcp {session.removeprefix('session_')}"
    added = await client.post("/api/mcp/add", json=mcp_body(server_name, provider.url, auth="oauth"))
    assert added.json()["code"] == 200, added.text
    chat = await client.post("/api/chat", json=body)
    assert chat.status_code == 200, chat.text
    path = f"/api/sessions/{session}/inject-user-message"
    guidance = (await client.post(path, json={"content": "more"})).json()["data"]["guidance_id"]
    wish = {"agent_description": "writes reports", "llm_provider_id": row}
    task = (await client.post("/api/agent/auto-generate/submit", json=wish)).json()["data"]["task_id"]
    files = f"/api/agent/{agent}/file_workspace/upload"
    assert (await client.post(files, files={"file": ("a.txt", b"x")})).json()["code"] == 200
    note = await client.post(f"/api/agent/{agent}/memories", json={"content": "likes tea"})
    skill = "skill-" + session.replace("_", "-")
    brought = await client.post("/api/skills/upload", files={"file": ("a.zip", skill_zip(skill))})
    stored = await client.post("/api/oss/upload", files={"file": ("a.txt", b"x")})
    return {
        **await base_of(client),
        "scheduled_id": await scheduled_of(client, agent),
        "scheduled_beside_id": await scheduled_of(client, agent),
        **await questions_of(house, user_id, session, chat.headers["x-clary-run-id"]),
        "guidance_id": guidance,
        "provider_id": row,
        "task_id": task,
        "note_id": note.json()["data"]["id"],
        "agent_id": agent,
        "session_id": session,
        "run_id": chat.headers["x-clary-run-id"],
        "user_id": user_id,
        "group_id": await managed_group(house, user_id),
        "client_id": await some_client(house),
        "key_id": (await client.post("/api/user/keys", json={"name": "mine"})).json()["data"]["id"],
        "login_session_id": (await client.get("/api/user/sessions")).json()["data"][0]["id"],
        "provider_url": provider.url,
        "server_name": server_name,
        "skill_name": skill,
        "file_key": stored.json()["data"]["key"],
        "skill_hash": brought.json()["data"]["hash"],
    }
