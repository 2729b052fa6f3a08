"""Whose workspace it is (product.md 4, 3.2 delete, 13 A15)."""

from pathlib import Path

import pytest

from clary.adapters.scripted_provider import ScriptedProvider
from features.workspaces.space import Space, person, space_of, zipped
from permissions.objects import HELLO, caller
from support.calls import provider_body
from support.house import House, house_in

pytestmark = pytest.mark.anyio


async def share(space: Space, user_id: str) -> None:
    """Lets somebody else use the agent, or nobody."""
    body = {"user_ids": [user_id] if user_id else []}
    assert (await space.client.post(f"/api/agent/{space.agent_id}/auth", json=body)).json()["code"] == 200


async def test_two_people_with_one_agent_never_meet(house: House) -> None:
    async with space_of(house, "alice") as mine, person(house, "bob") as (client, bob):
        await share(mine, bob)
        theirs = Space(house, client, bob, mine.agent_id)
        await mine.put("same.txt", "alice")
        assert await theirs.paths() == []
        await theirs.put("same.txt", "bob")
        assert ((await mine.get("same.txt")).content, (await theirs.get("same.txt")).content) == (b"alice", b"bob")
        await theirs.drop("same.txt")
        assert (await mine.get("same.txt")).content == b"alice"


async def test_a_strangers_agent_is_like_an_unknown_one(house: House) -> None:
    async with space_of(house, "alice") as mine, person(house, "bob") as (client, bob):
        await mine.put("a.txt", "alice")
        for agent_id in (mine.agent_id, "agent_ffffffff"):
            space = Space(house, client, bob, agent_id)
            got = await space.get("a.txt")
            slugs = [got.json()["error_detail"], (await space.listed())["error_detail"]]
            slugs += [(await space.put("a.txt"))["error_detail"], (await space.drop("a.txt"))["error_detail"]]
            slugs += [(await space.load(zipped({"a": "a"})))["error_detail"]]
            assert (slugs, got.status_code) == (["agent_not_found"] * 5, 404)
            assert not space.folder.exists()


async def test_odd_agent_ids_lead_nowhere(house: House) -> None:
    async with space_of(house, "alice") as mine:
        await mine.put("a.txt")
        for agent_id in ("..", "%2e%2e", "a%2Fb", "a/b", "x" * 300, "%00", "agent_%0a"):
            for path in ("", "/download?file_path=a.txt"):
                answer = await mine.client.request(
                    "GET" if path else "POST", f"/api/agent/{agent_id}/file_workspace{path}"
                )
                assert answer.status_code in (200, 404, 405, 422), agent_id
                assert answer.json()["error_detail"] in ("agent_not_found", "route_not_found", "invalid_text"), agent_id


async def test_files_outlive_the_grant_and_the_agent_for_the_days_of_grace(house: House) -> None:
    async with space_of(house, "alice") as mine, person(house, "bob") as (client, bob):
        await share(mine, bob)
        theirs = Space(house, client, bob, mine.agent_id)
        for path in ("a.txt", "b.txt"):
            await theirs.put(path, "bob")
        await share(mine, "")
        assert await theirs.paths() == ["a.txt", "b.txt"]
        assert (await theirs.put("c.txt"))["error_detail"] == "agent_not_found"
        assert (await mine.client.delete(f"/api/agent/{mine.agent_id}")).json()["code"] == 200
        house.clock.move(days=29)
        await house.services.workspaces.sweep()
    async with person(house, "bob", is_new=False) as (client, bob):
        theirs = Space(house, client, bob, theirs.agent_id)
        assert (await theirs.get("a.txt")).content == b"bob"
        assert (await theirs.drop("b.txt"))["data"]["deleted"] is True
        assert await theirs.paths() == ["a.txt"]
        house.clock.move(days=2)
        await house.services.workspaces.sweep()
        assert not theirs.folder.exists()
    async with person(house, "bob", is_new=False) as (client, bob):
        gone = Space(house, client, bob, theirs.agent_id)
        assert (await gone.get("a.txt")).json()["error_detail"] == "agent_not_found"


async def test_files_go_with_their_person(house: House) -> None:
    async with space_of(house, "alice") as mine:
        await mine.put("a.txt")
        user_id = (await mine.listed())["data"]["user_id"]
    async with caller(house, "admin") as admin:
        assert (await admin.post("/api/user/delete", json={"user_id": user_id})).json()["code"] == 200
    assert not mine.folder.exists()


async def test_the_built_in_agent_has_files_per_conversation_and_admins_see_them_by_its_id(tmp_path: Path) -> None:
    async with (
        ScriptedProvider() as model,
        house_in(tmp_path, outbound_allow=("127.0.0.1",)) as house,
        person(house, "alice") as (client, alice),
        person(house, "bob") as (other, bob),
    ):
        row = (await client.post("/api/llm-provider/create", json=provider_body(model.url))).json()["data"]["id"]
        for session_id in ("s1", "s2"):
            body = {**HELLO, "session_id": session_id, "provider_id": row, "agent_id": "default_agent"}
            assert (await client.post("/api/chat", json=body)).status_code == 200
        mine = Space(house, client, alice, "default_agent")
        assert (await mine.listed())["data"]["files"] == []
        assert (await mine.get("a.txt")).status_code == 404
        assert (await mine.put("a.txt"))["error_detail"] == "file_not_found"
        file = [("file", ("a.txt", b"one"))]
        assert (await mine.send("/upload", file, {}, session_id="s1"))["code"] == 200
        assert (await mine.paths(session_id="s1"), await mine.paths(session_id="s2")) == (["a.txt"], [])
        theirs = Space(house, other, bob, "default_agent")
        assert await theirs.paths(session_id="s1") == []
        assert (await theirs.send("/upload", file, {}, session_id="s1"))["error_detail"] == "file_not_found"
        async with person(house, "admin") as (boss, admin):
            seeing = Space(house, boss, admin, "default_agent")
            assert await seeing.paths(session_id="s1") == ["a.txt"]
            acts = (await boss.get("/api/audit?action=admin.read")).json()["data"]["items"]
            # Two people have a conversation of this id: an admin has to say whose is meant.
            body = {**HELLO, "session_id": "s1", "agent_id": "default_agent"}
            theirs_row = (await other.post("/api/llm-provider/create", json=provider_body(model.url))).json()["data"]
            started = await other.post("/api/chat", json={**body, "provider_id": theirs_row["id"]})
            assert started.status_code == 200
            assert (await seeing.listed(session_id="s1"))["error_detail"] == "session_ambiguous"
            assert await seeing.paths(session_id="s1", user_id=alice) == ["a.txt"]
            assert await seeing.paths(session_id="s1", user_id=bob) == []
            assert await theirs.paths(session_id="s1", user_id=alice) == []
        assert [each["object"]["id"] for each in acts] == ["s1"]
        assert (await client.delete("/api/conversations/s1")).json()["code"] == 200
        assert await mine.paths(session_id="s1") == []
