"""Notes over the API (product.md 2.4, 13 A6)."""

from collections.abc import AsyncIterator
from typing import Any

import anyio
import httpx2
import pytest

from clary.features.permissions.service import Identity
from features.workspaces.space import person
from permissions.objects import caller
from support.house import House

pytestmark = pytest.mark.anyio

NOW = "2026-01-02T03:04:05.000000Z"
LATER = "2026-01-02T03:05:05.000000Z"


class Notes:
    """Calls of one person about one agent."""

    def __init__(self, client: httpx2.AsyncClient, user_id: str, agent_id: str) -> None:
        self.client, self.user_id, self.agent_id = client, user_id, agent_id
        self.root = f"/api/agent/{agent_id}/memories"

    async def add(self, content: Any) -> dict[str, Any]:
        return (await self.client.post(self.root, json={"content": content})).json()

    async def page(self, **query: Any) -> dict[str, Any]:
        return (await self.client.get(self.root, params=query)).json()["data"]

    async def texts(self, **query: Any) -> list[str]:
        return [each["content"] for each in (await self.page(**query))["items"]]

    async def change(self, note_id: str, content: str) -> dict[str, Any]:
        return (await self.client.put(f"{self.root}/{note_id}", json={"content": content})).json()

    async def forget(self, path: str = "", **query: Any) -> dict[str, Any]:
        return (await self.client.delete(self.root + path, params=query)).json()


@pytest.fixture
async def notes(house: House) -> AsyncIterator[Notes]:
    """Alice and her agent."""
    async with person(house, "alice") as (client, user_id):
        made = await client.post("/api/agent/create", json={"name": "mine"})
        yield Notes(client, user_id, made.json()["data"]["agent_id"])


async def test_a_note_is_added_changed_and_forgotten(house: House, notes: Notes) -> None:
    first = (await notes.add("  likes tea "))["data"]
    assert first == {
        "id": first["id"],
        "content": "likes tea",
        "source": "user",
        "session_id": None,
        "created_at": NOW,
        "updated_at": NOW,
    }
    house.clock.move(minutes=1)
    changed = (await notes.change(first["id"], "likes green tea"))["data"]
    assert changed == {**first, "content": "likes green tea", "updated_at": LATER}
    second = (await notes.add("住在上海"))["data"]
    assert await notes.page() == {"items": [second, changed], "total": 2, "page": 1, "page_size": 20}
    assert (await notes.forget(f"/{first['id']}"))["data"] == {"id": first["id"]}
    assert await notes.texts() == ["住在上海"]


async def test_one_text_is_one_note(notes: Notes) -> None:
    first, second = (await notes.add("a"))["data"], (await notes.add("b"))["data"]
    assert (await notes.add(" a "))["data"] == first
    assert (await notes.change(second["id"], "a"))["data"]["id"] == second["id"]
    assert [(each["id"], each["content"]) for each in (await notes.page())["items"]] == [(second["id"], "a")]
    with anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(notes.add, "at once")
    assert await notes.texts() == ["at once", "a"]


async def test_a_search_is_ranked_literal_and_paged(notes: Notes) -> None:
    for text in ("likes green tea", "喜欢喝绿茶", "tea", "100% sure"):
        await notes.add(text)
    assert await notes.texts(q="GREEN tea") == ["likes green tea", "tea"]
    assert await notes.texts(q="绿茶") == ["喜欢喝绿茶"]
    assert await notes.texts(q="%") == ["100% sure"]
    assert await notes.texts(q='" OR 1=1 --') == []
    second = await notes.page(q="tea", page=2, page_size=1)
    assert (len(second["items"]), second["total"], second["page"], second["page_size"]) == (1, 2, 2, 1)
    assert await notes.page(page_no=9, page_size=500) == {"items": [], "total": 4, "page": 9, "page_size": 100}
    for absent in ("undefined", "", "  "):
        assert await notes.texts(q=absent, page_size=1) == ["100% sure"]


@pytest.mark.parametrize("content", [None, "", "   ", "x" * 2001, 7, ["x"]])
async def test_what_is_no_note_is_refused(notes: Notes, content: Any) -> None:
    assert (await notes.add(content))["error_detail"] == "validation_error"
    assert (await notes.add("a\0b"))["error_detail"] == "invalid_text"
    assert await notes.texts() == []


async def test_the_memory_is_full_at_a_thousand_notes(house: House, notes: Notes) -> None:
    alice = Identity(notes.user_id, "alice", "user", "access_token")
    async with house.services.database.write() as db:
        for number in range(1000):
            await house.services.memory.add(db, identity=alice, agent_id=notes.agent_id, content=f"note {number}")
    full = await notes.add("one more")
    assert (full["code"], full["error_detail"], full["message"]) == (409, "memory_full", "记忆条目已达上限")
    assert (await notes.add("note 7"))["code"] == 200
    assert await notes.texts(page_size=1) == ["note 999"]
    assert (await notes.forget(confirm="false"))["code"] == 422
    assert (await notes.forget())["code"] == 422
    assert (await notes.forget(confirm="true"))["data"] == {"deleted": 1000}
    assert (await notes.add("one more"))["code"] == 200


async def test_another_persons_notes_are_as_unknown_also_with_a_shared_agent(house: House, notes: Notes) -> None:
    own = (await notes.add("alice likes tea"))["data"]
    async with person(house, "bob") as (client, bob):
        theirs = Notes(client, bob, notes.agent_id)
        assert (await theirs.add("x"))["error_detail"] == "agent_not_found"
        await notes.client.post(f"/api/agent/{notes.agent_id}/auth", json={"user_ids": [bob]})
        assert await theirs.texts(user_id=notes.user_id) == []
        for note_id in (own["id"], "0" * 32, "..%2F", "x" * 65):
            refusals = [await theirs.change(note_id, "stolen"), await theirs.forget(f"/{note_id}")]
            refusals += [await theirs.forget(f"/{note_id}", user_id=notes.user_id)]
            assert {(each["code"], each["error_detail"]) for each in refusals} in (
                {(404, "memory_not_found")},
                {(404, "route_not_found")},
            )
        assert (await theirs.forget(confirm="true", user_id=notes.user_id))["data"] == {"deleted": 0}
        their = (await theirs.add("alice likes tea"))["data"]
        assert their["id"] != own["id"]
        # The owner of the agent does not see them either.
        assert await notes.texts(user_id=bob) == ["alice likes tea"]
        assert (await notes.forget(f"/{their['id']}", user_id=bob))["error_detail"] == "memory_not_found"
        await notes.client.post(f"/api/agent/{notes.agent_id}/auth", json={"user_ids": []})
        assert (await client.get(theirs.root)).json()["error_detail"] == "agent_not_found"


async def test_an_admin_sees_and_deletes_by_naming_the_person_and_is_written_down(house: House, notes: Notes) -> None:
    first = (await notes.add("a"))["data"]
    await notes.add("b")
    async with caller(house, "admin") as admin:
        boss = Notes(admin, "", notes.agent_id)
        assert (await boss.texts(), await boss.texts(user_id=notes.user_id)) == ([], ["b", "a"])
        assert (await boss.change(first["id"], "x"))["error_detail"] == "memory_not_found"
        assert (await boss.forget(f"/{first['id']}", user_id=notes.user_id))["code"] == 200
        assert (await boss.forget(confirm="true", user_id=notes.user_id))["data"] == {"deleted": 1}
        acts = (await admin.get("/api/audit", params={"object_type": "memory"})).json()["data"]["items"]
    assert [(each["action"], each["object"]["id"]) for each in acts] == [
        ("memory.deleted", notes.agent_id),
        ("memory.deleted", notes.agent_id),
        ("admin.read", notes.agent_id),
    ]


async def test_notes_go_with_their_agent_and_with_their_person(house: House, notes: Notes) -> None:
    await notes.add("of the agent")
    built_in = Notes(notes.client, notes.user_id, "default_agent")
    await built_in.add("of the built-in agent")
    book = house.services.memory.notebook(notes.user_id, notes.agent_id)
    assert [each.content for each in await book.search("agent", 5)] == ["of the agent"]
    await notes.client.delete(f"/api/agent/{notes.agent_id}")
    assert (await notes.add("x"))["error_detail"] == "agent_not_found"
    assert await book.search("agent", 5) == []
    async with caller(house, "admin") as admin:
        assert (await admin.post("/api/user/delete", json={"user_id": notes.user_id})).json()["code"] == 200
    assert await house.services.memory.notebook(notes.user_id, "default_agent").search("agent", 5) == []
