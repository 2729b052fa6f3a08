"""`/api/system/stats` and `/api/system/agent/usage-stats` (platform.md 9.4)."""

from typing import Any

import pytest

from clary.db.columns import Row
from clary.features.knowledge.tables import KnowledgeDocumentRow
from features.chat.world import Chat
from features.observability.conftest import TOOLS
from operation.instances import value_of
from support.house import ADMIN_PASSWORD, login

pytestmark = pytest.mark.anyio
USED = "/api/system/agent/usage-stats"


async def as_admin(chat: Chat, method: str, path: str, body: Any = None) -> Any:
    async with chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        answer = await admin.request(method, path, json=body)
    assert answer.json()["code"] == 200, answer.text
    return answer.json()["data"]


async def test_used_tools_are_counted_for_their_owner(chat: Chat) -> None:
    agent = await chat.alice.agent(availableTools=TOOLS)
    await chat.alice.say("[[play:look]] go", agent_id=agent)
    await chat.alice.say("[[play:look]] go", "s2", available_tools=TOOLS)
    answer = await chat.alice.call("POST", USED, {"days": 7})
    assert (answer.json()["data"], answer.json()["message"]) == (
        {"usage": {"list_dir": 2, "todo_read": 2}},
        "获取 Agent 使用统计成功",
    )
    one = {"usage": {"list_dir": 1, "todo_read": 1}}
    assert await chat.alice.data("POST", USED, {"days": 10_000, "agent_id": agent}) == one
    chat.house.clock.move(days=2)
    await chat.alice.sign_in()
    assert await chat.alice.data("POST", USED, {"days": 0}) == {"usage": {}}
    assert (await chat.alice.call("POST", USED, {})).status_code == 422
    bob = await chat.person("bob")
    assert await bob.data("POST", USED, {"days": 7, "user_id": chat.alice.user_id}) == {"usage": {}}
    assert await as_admin(chat, "POST", USED, {"days": 7}) == {"usage": {}}
    of_alice = {"days": 7, "user_id": chat.alice.user_id}
    assert (await as_admin(chat, "POST", USED, of_alice))["usage"]["list_dir"] == 2


async def test_what_is_stored_is_summed_wherever_it_lies(chat: Chat) -> None:
    body = {"name": "base", "type": "document", "kdb_setting": {"embedding": {"mode": "none"}}}
    kdb_id = (await chat.alice.data("POST", "/api/knowledge-base/add", body))["kdb_id"]
    async with chat.house.browser() as admin:
        await login(admin, "admin", ADMIN_PASSWORD)
        for content in (b"12345", b"678"):
            answer = await admin.post("/api/oss/upload", files={"file": ("a.txt", content)})
            assert answer.json()["code"] == 200, answer.text
    before = (await as_admin(chat, "GET", "/api/system/stats"))["storage_bytes"]
    async with chat.house.services.database.write() as db:
        values = {column.name: value_of(column, 0) for column in Row.metadata.tables["knowledge_documents"].columns}
        db.add(KnowledgeDocumentRow(**{**values, "kdb_id": kdb_id, "size": 1000, "status": 2, "details": {}}))
    after = (await as_admin(chat, "GET", "/api/system/stats"))["storage_bytes"]
    assert (before["files"], after["files"], after["knowledge"] - before["knowledge"]) == (8, 8, 1000)


async def test_an_admin_sees_figures_of_the_whole_server(chat: Chat) -> None:
    await chat.alice.agent()
    await chat.alice.say("[[play:look]] go", available_tools=TOOLS)
    chat.house.clock.move(days=1)
    await chat.alice.sign_in()
    await chat.alice.say("[[play:broken]] go", "s2")
    data = await as_admin(chat, "GET", "/api/system/stats?days=2")
    storage = data.pop("storage_bytes")
    assert data == {
        "users": {"total": 2, "active": 1},
        "agents": 1,
        "conversations": 2,
        "knowledge_bases": 0,
        "documents": 0,
        "runs": {"active": 0, "waiting": 0, "by_status": {"completed": 1, "failed": 1}},
        "tokens": 2400,
        "cost": 0.0,
        "currency": "USD",
        "daily": [
            {"date": "2026-01-02", "runs": 1, "active_users": 1, "tokens": 2400, "cost": 0.0},
            {"date": "2026-01-03", "runs": 1, "active_users": 1, "tokens": 0, "cost": 0.0},
        ],
    }
    assert set(storage) == {"files", "workspaces", "knowledge", "database"}
    assert storage["database"] > 0
    assert len((await as_admin(chat, "GET", "/api/system/stats"))["daily"]) == 30
    assert len((await as_admin(chat, "GET", "/api/system/stats?days=9999"))["daily"]) == 365
    refused = (await chat.alice.call("GET", "/api/system/stats")).json()
    assert (refused["code"], refused["error_detail"]) == (403, "forbidden")
