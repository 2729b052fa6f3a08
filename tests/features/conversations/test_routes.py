"""The routes as clients see them (product.md 2, 12 C1–C4, 13 A1–A4)."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest

from clary.features.conversations.service import MessageReader, NewMessage, add_counts, new_conversation
from support.house import House, login

pytestmark = pytest.mark.anyio

SESSION = "/api/conversations/s1"


async def talk(house: House, user_id: str, session_id: str = "s1") -> None:
    """A conversation with a question and an answer."""
    services = house.services
    async with services.database.write() as db:
        row = new_conversation(
            user_id=user_id, session_id=session_id, agent_id="a", agent_name="A", now=house.clock.now()
        )
        messages = [
            NewMessage("m1", "user", "normal", "what is plum", 1.0),
            NewMessage("m2", "assistant", "do_subtask_result", "A fruit.", 2.0),
        ]
        add_counts(row, messages)
        await services.conversations.save_new(db, row)
        await MessageReader(db).add_all(row, "run-0", messages)


@asynccontextmanager
async def person(house: House, name: str) -> AsyncIterator[httpx2.AsyncClient]:
    """A signed-in client."""
    async with house.browser() as client:
        await login(client, name)
        yield client


def told(answer: httpx2.Response) -> tuple[int, int, Any]:
    """(HTTP status, code, slug)."""
    body = answer.json()
    return answer.status_code, body["code"], body.get("error_detail")


async def test_list_and_history_answer_in_the_envelope(house: House) -> None:
    alice_id = await house.make_user("alice")
    await talk(house, alice_id)
    async with person(house, "alice") as alice:
        listed = (await alice.get("/api/conversations", params={"page": "undefined", "page_size": 1000})).json()
        assert (listed["code"], listed["message"]) == (200, "获取会话列表成功")
        assert (listed["data"]["page_size"], listed["data"]["list"][0]["id"]) == (100, "s1")
        read = (await alice.get(f"{SESSION}/messages", headers={"X-Locale": "en-US"})).json()
        assert (read["message"], read["data"]["message_count"]) == ("success", 2)
        assert told(await alice.get("/api/conversations?page=x"))[:2] == (422, 422)
        assert told(await alice.get(f"{SESSION}/messages?limit=0"))[:2] == (422, 422)
        assert told(await alice.get("/api/conversations", params={"search": "x" * 201}))[:2] == (422, 422)
        paged = (await alice.get("/api/conversations", params={"page_no": 2})).json()["data"]
        assert (paged["list"], paged["total"], paged["page"]) == ([], 1, 2)


async def test_odd_searches_and_orders_are_text_and_default(house: House) -> None:
    await talk(house, await house.make_user("alice"))
    async with person(house, "alice") as alice:
        for search, total in (("PLUM", 1), ("plum fruit", 1), ("%", 0), ("pl_m", 0), ("'", 0), ("plum*", 0)):
            query = {"search": search, "sort_by": "1;drop table messages"}
            assert (await alice.get("/api/conversations", params=query)).json()["data"]["total"] == total
        assert told(await alice.get("/api/conversations?search=%00")) == (422, 422, "invalid_text")


FOREIGN = (
    ("GET", "/api/conversations/{id}/messages", None),
    ("POST", "/api/conversations/{id}/title", {"title": "stolen"}),
    ("POST", "/api/conversations/{id}/share", {}),
    ("GET", "/api/conversations/{id}/share", None),
    ("DELETE", "/api/conversations/{id}/share", None),
    ("GET", "/api/conversations/{id}/export", None),
    ("GET", "/api/sessions/{id}/download", None),
    ("POST", "/api/sessions/{id}/tasks_status", {}),
    ("DELETE", "/api/conversations/{id}", None),
)


async def test_a_strangers_id_answers_byte_for_byte_like_an_unknown_one(house: House) -> None:
    await talk(house, await house.make_user("alice"), "s-foreign")
    await house.make_user("bob")
    async with person(house, "bob") as bob, house.browser() as nobody:
        for method, path, body in FOREIGN:
            told_of: list[Any] = []
            for session_id in ("s-foreign", "s-unknown"):
                answer = await bob.request(method, path.format(id=session_id), json=body)
                shape = {k: v for k, v in answer.json().items() if k not in ("timestamp", "request_id")}
                told_of.append((answer.status_code, json.dumps(shape).replace(session_id, "?")))
                refused = await nobody.request(method, path.format(id=session_id), json=body)
                assert told(refused) == (401, 401, "unauthenticated")
            assert told_of[0] == told_of[1]
            assert "session_not_found" in told_of[0][1]
            is_file = "export" in path or "download" in path
            assert told_of[0][0] == (404 if is_file else 200)
    async with person(house, "alice") as alice:
        listed = (await alice.get("/api/conversations")).json()["data"]
        assert [(each["title"], each["shared"]) for each in listed["list"]] == [("新会话", False)]


async def test_sharing_opens_the_view_for_anybody_and_nothing_more(house: House) -> None:
    await talk(house, await house.make_user("alice"))
    view = "/api/share/conversations/s1/messages"
    async with person(house, "alice") as alice, house.browser("203.0.113.9") as nobody:
        assert told(await nobody.get(view)) == (200, 404, "session_not_found")
        shared = (await alice.post(f"{SESSION}/share")).json()["data"]
        assert (shared["shared"], shared["url"]) == (True, "/share/s1")
        seen = (await nobody.get(view)).json()
        assert (seen["message"], len(seen["data"]["messages"])) == ("获取分享消息成功", 2)
        assert "next_stream_index" not in seen["data"]
        expiry = {"expires_at": "2031-01-01T00:00:00"}
        assert (await alice.post(f"{SESSION}/share", json=expiry)).json()["data"]["expires_at"].startswith("2031-01-01")
        assert (await alice.delete(f"{SESSION}/share")).json()["data"]["shared"] is False
        assert told(await nobody.get(view)) == (200, 404, "session_not_found")


async def test_guessing_shares_is_stopped_with_a_real_429(house: House) -> None:
    async with house.browser("203.0.113.66") as guesser:
        answers = [await guesser.get(f"/api/share/conversations/g{n}/messages") for n in range(31)]
    assert [told(answer) for answer in answers[:30]] == [(200, 404, "session_not_found")] * 30
    assert told(answers[30]) == (429, 429, "throttled")
    assert answers[30].headers["retry-after"] == "60"


async def test_title_delete_and_tasks_answer_with_the_texts_clients_know(house: House) -> None:
    await talk(house, await house.make_user("alice"))
    async with person(house, "alice") as alice:
        renamed = (await alice.post(f"{SESSION}/title", json={"title": " New\n标题 "})).json()
        assert (renamed["message"], renamed["data"]) == (
            "会话 s1 标题已更新",
            {"session_id": "s1", "title": "New 标题"},
        )
        assert told(await alice.post(f"{SESSION}/title", json={"title": " "})) == (200, 400, "title_empty")
        for body in ({}, {"title": None}, {"title": 5}, {"title": "x" * 256}):
            assert told(await alice.post(f"{SESSION}/title", json=body))[:2] == (422, 422)
        tasks = (await alice.post("/api/sessions/s1/tasks_status", json={})).json()
        assert (tasks["message"], tasks["data"]["tasks_status"]) == ("会话 s1 状态获取成功", {"tasks": []})
        deleted = (await alice.delete(SESSION)).json()
        assert (deleted["message"], deleted["data"]) == ("会话 s1 已删除", {"session_id": "s1"})
        assert told(await alice.delete(SESSION)) == (200, 404, "session_not_found")


async def test_files_come_as_attachments_named_after_the_title(house: House) -> None:
    await talk(house, await house.make_user("alice"))
    async with person(house, "alice") as alice:
        markdown = await alice.get(f"{SESSION}/export")
        assert markdown.text == "# 新会话\n\n## User\n\nwhat is plum\n\n## Assistant\n\nA fruit.\n"
        assert markdown.headers["content-disposition"].endswith("filename*=UTF-8''%E6%96%B0%E4%BC%9A%E8%AF%9D.md")
        exported = await alice.get(f"{SESSION}/export?format=json")
        assert (exported.headers["content-type"], exported.json()["message_count"]) == ("application/json", 2)
        packed = await alice.get("/api/sessions/s1/download")
        assert (packed.headers["content-type"], packed.content[:2]) == ("application/zip", b"PK")
        assert (await alice.get(f"{SESSION}/export?format=exe")).status_code == 422


async def test_an_admin_chooses_among_holders_and_reads_all(house: House) -> None:
    holders = [await house.make_user("alice"), await house.make_user("bob")]
    for holder in holders:
        await talk(house, holder)
    async with person(house, "alice") as alice:
        mine = (await alice.get("/api/conversations", params={"user_id": holders[1]})).json()["data"]
        assert [each["user_id"] for each in mine["list"]] == [holders[0]]
    async with house.browser() as admin:
        await login(admin, "admin", "First-Admin-4711")
        assert (await admin.get("/api/conversations")).json()["data"]["total"] == 2
        assert told(await admin.get(f"{SESSION}/messages")) == (200, 409, "session_ambiguous")
        assert told(await admin.delete(SESSION, params={"user_id": holders[1]}))[1] == 200
        assert told(await admin.get(f"{SESSION}/messages"))[1] == 200
