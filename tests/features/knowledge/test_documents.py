"""Documents over HTTP: taken in, listed, read, fetched, redone, called off, deleted (contract product 5.4, 5.5)."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from features.knowledge.stacks import UNKNOWN, Stacks, stacks_in, told

pytestmark = pytest.mark.anyio

LISTED = {
    "id", "doc_name", "status", "create_time", "metadata", "task_id", "outcome", "outcome_message", "error_kind",
    "progress", "attempts", "size", "passages", "pages", "vectors", "update_time",
}  # fmt: skip
INFO = (LISTED - {"doc_name", "create_time", "task_id"}) | {
    "kdb_id", "type", "dataName", "createTime", "taskId", "user_id",
}  # fmt: skip
PROSE = "\n\n".join(
    f"Paragraph {n} tells of the heron{n}. It has a second sentence to fill the line." for n in range(90)
)


async def test_an_upload_answers_with_its_documents_in_order_and_they_become_searchable(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    first = await stacks.upload("alice", kdb, {"z.txt": "zero"})
    stacks.house.clock.move(seconds=1)
    sent = (await stacks.send("alice", kdb, {"b.txt": "bravo", "a.md": "# Alfa\n\nalfa", "c.eml": _MAIL}))["data"]
    await stacks.wait("alice", kdb, first)
    await stacks.wait("alice", kdb, sent["taskId"])
    rows = await stacks.docs("alice", kdb)
    assert [row["doc_name"] for row in rows] == ["b.txt", "a.md", "c.eml", "z.txt"]
    assert sent["documents"] == [
        {"id": row["id"], "doc_name": row["doc_name"], "status": 0, "outcome": None} for row in rows[:3]
    ]
    assert set(rows[0]) == LISTED
    assert {(row["status"], row["outcome"], row["progress"], row["attempts"]) for row in rows} == {(2, "ok", 100, 1)}
    info = await stacks.data("alice", "GET", f"/info/{rows[2]['id']}")
    assert set(info) == INFO
    assert (info["type"], info["dataName"], info["kdb_id"], info["taskId"]) == ("eml", "c.eml", kdb, sent["taskId"])
    assert (await stacks.texts(kdb))["z.txt"] == ["zero"]


async def test_unknown_and_foreign_documents_and_tasks_look_alike(stacks: Stacks) -> None:
    kdb, other = await stacks.base("alice"), await stacks.base("bob")
    row = (await stacks.add("alice", kdb, {"a.txt": "alfa"}))["a.txt"]
    for doc_id in (row["id"], UNKNOWN, "x..y"):
        assert (await stacks.call("bob", "GET", f"/info/{doc_id}"))["data"] is None
    for method, path in (("DELETE", "delete"), ("PUT", "redo"), ("GET", "content")):
        answers = [told(await stacks.call("bob", method, f"/{path}/{doc_id}")) for doc_id in (row["id"], UNKNOWN)]
        assert answers == [(404, "doc_not_found", "KDB Doc not found")] * 2
    bob = await stacks.as_("bob")
    fetched = [await bob.get(f"/api/knowledge-base/doc/download/{doc_id}") for doc_id in (row["id"], UNKNOWN)]
    assert [(answer.status_code, answer.json()["message"]) for answer in fetched] == [(404, "KDB Doc not found")] * 2
    for kdb_id, task_id, refusal in (
        (kdb, row["task_id"], "kdb_not_found"),
        (UNKNOWN, row["task_id"], "kdb_not_found"),
        (other, row["task_id"], "task_not_found"),
        (other, UNKNOWN, "task_not_found"),
        (other, "x" * 65, "task_not_found"),
        ("x" * 65, UNKNOWN, "kdb_not_found"),
    ):
        query = {"kdb_id": kdb_id, "task_id": task_id}
        assert told(await stacks.call("bob", "GET", "/task_process", params=query))[:2] == (404, refusal)
        assert told(await stacks.call("bob", "POST", "/task_redo", json=query))[:2] == (404, refusal)
        assert told(await stacks.call("bob", "POST", "/cancel", json=query))[:2] == (404, refusal)
    for doc_id in (row["id"], UNKNOWN):
        body = {"kdb_id": other, "doc_id": doc_id}
        assert told(await stacks.call("bob", "POST", "/cancel", json=body))[:2] == (404, "doc_not_found")
    session = (await bob.get("/api/auth/session")).json()
    grants = [{"kind": "user", "id": session["data"]["user"]["userid"], "permission": "read"}]
    alice = await stacks.as_("alice")
    granted = await alice.post("/api/knowledge-base/auth", json={"kdb_id": kdb, "grants": grants})
    assert granted.json()["code"] == 200
    # What is in another base is not in this one, whatever may be done there.
    body = {"kdb_id": other, "doc_id": row["id"]}
    assert told(await stacks.call("bob", "POST", "/cancel", json=body))[:2] == (404, "doc_not_found")
    assert told(await stacks.call("bob", "POST", "/cancel", json={**body, "kdb_id": kdb}))[:2] == (403, "kdb_forbidden")
    await alice.post("/api/knowledge-base/auth", json={"kdb_id": kdb, "grants": []})
    assert told(await stacks.send("bob", kdb, {"x.txt": "x"}))[:2] == (404, "kdb_not_found")
    assert (await stacks.call("bob", "GET", "/list", params={"kdb_id": kdb}))["error_detail"] == "kdb_not_found"
    assert len(stacks.stored()) == 1


async def test_the_list_pages_and_filters(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    await stacks.add("alice", kdb, {f"n{n}_x.txt": f"text {n}" for n in range(5)})
    await stacks.add("alice", kdb, {"bad%.pdf": b"%PDF-1.4 junk"})
    names = [row["doc_name"] for row in await stacks.docs("alice", kdb)]
    assert names == ["bad%.pdf", *(f"n{n}_x.txt" for n in range(5))]
    for key in ("page", "page_no"):
        found = await stacks.data("alice", "GET", "/list", params={"kdb_id": kdb, "page_size": 4, key: 2})
        shown = ([row["doc_name"] for row in found["list"]], found["total"], found["page_no"], found["page_size"])
        assert shown == (names[4:], 6, 2, 4)
    counts: list[tuple[dict[str, Any], int]] = [
        ({"query_name": "_"}, 5), ({"query_name": "%"}, 1), ({"query_name": "N1_"}, 1), ({"query_status": [2]}, 5),
        ({"query_status": [2, 3]}, 6), ({"query_status": "2,3"}, 6), ({"query_status": [0, 1]}, 0),
        ({"task_id": UNKNOWN}, 0), ({"query_name": "", "query_status": "", "task_id": "undefined"}, 6),
    ]  # fmt: skip
    for query, count in counts:
        assert len(await stacks.docs("alice", kdb, **query)) == count, query
    assert (await stacks.call("alice", "GET", "/list", params={"kdb_id": kdb, "query_status": "7"}))["code"] == 422
    await stacks.add("alice", kdb, {"ÜBERSICHT Straße.txt": "text"})
    for part in ("übersicht", "STRASSE"):
        assert len(await stacks.docs("alice", kdb, query_name=part)) == 1, part


async def test_files_that_give_no_text_say_why_in_the_callers_language(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    files = {"junk.pdf": b"%PDF-1.4\n" + bytes(range(256)), "zero.txt": b"", "noise.bin": bytes(range(256)) * 9}
    rows = await stacks.add("alice", kdb, {**files, "good.txt": "good"})
    assert {name: (row["status"], row["outcome"]) for name, row in rows.items()} == {
        "junk.pdf": (3, "damaged"), "zero.txt": (3, "empty"), "noise.bin": (3, "unsupported"), "good.txt": (2, "ok"),
    }  # fmt: skip
    assert rows["noise.bin"]["outcome_message"] == "不支持的文件格式: .bin"
    client = await stacks.as_("alice")
    english = await client.get(f"/api/knowledge-base/doc/info/{rows['noise.bin']['id']}", headers={"X-Locale": "en-US"})
    assert english.json()["data"]["outcome_message"] == "Unsupported file format: .bin"
    assert rows["good.txt"]["outcome_message"] is None


async def test_a_redo_keeps_what_is_searchable_and_moves_to_a_new_task(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    row = (await stacks.add("alice", kdb, {"r.txt": PROSE}))["r.txt"]
    before = await stacks.texts(kdb)
    for body in ({"json": {}}, {}):
        begun = await stacks.data("alice", "PUT", f"/redo/{row['id']}", **body)
        assert begun["task_id"] != row["task_id"]
        while (await stacks.progress("alice", kdb, begun["task_id"]))["taskProcess"] < 100:
            assert await stacks.texts(kdb) == before
        (row,) = await stacks.docs("alice", kdb)
        assert (row["status"], row["task_id"], row["attempts"]) == (2, begun["task_id"], 1)
        assert await stacks.texts(kdb) == before
    task = await stacks.data("alice", "POST", "/task_redo", json={"kdb_id": kdb, "task_id": row["task_id"]})
    assert (await stacks.wait("alice", kdb, task["task_id"]))[-1]["success"] == 1
    emptied = await stacks.progress("alice", kdb, row["task_id"])
    assert (emptied["total"], emptied["taskProcess"], emptied["ratio"]) == (0, 100, 1)


async def test_override_replaces_only_when_the_new_file_is_good(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    await stacks.add("alice", kdb, {"o.txt": "gentian"})
    await stacks.add("alice", kdb, {"o.txt": "saxifrage"}, override="false")
    assert sorted((await stacks.texts(kdb))["o.txt"]) == ["gentian", "saxifrage"]
    await stacks.add("alice", kdb, {"o.txt": b""}, override="true")
    assert sorted((await stacks.texts(kdb))["o.txt"]) == ["gentian", "saxifrage"]
    await stacks.add("alice", kdb, {"o.txt": "edelweiss", "other.txt": "moss"}, override="true")
    assert await stacks.texts(kdb) == {"o.txt": ["edelweiss"], "other.txt": ["moss"]}
    assert sorted(row["doc_name"] for row in await stacks.docs("alice", kdb)) == ["o.txt", "other.txt"]
    assert len(stacks.stored()) == 2


async def test_a_deleted_document_leaves_nothing(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    rows = await stacks.add("alice", kdb, {"a.txt": "walrus", "b.txt": "walrus too"})
    doc_id = rows["a.txt"]["id"]
    assert (await stacks.data("alice", "DELETE", f"/delete/{doc_id}"))["success"] is True
    assert await stacks.texts(kdb) == {"b.txt": ["walrus too"]}
    assert len(stacks.stored()) == 1
    assert (await stacks.call("alice", "GET", f"/info/{doc_id}"))["data"] is None
    assert told(await stacks.call("alice", "DELETE", f"/delete/{doc_id}"))[:2] == (404, "doc_not_found")


async def test_windows_of_the_text_join_to_the_whole(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    text = "\n\n".join(f"## Part {n}\n\n" + f"Sentence {n} about leaves 红叶🍁. " * 40 for n in range(120))
    doc_id = (await stacks.add("alice", kdb, {"w.md": text}))["w.md"]["id"]
    first = await stacks.data("alice", "GET", f"/content/{doc_id}")
    assert (first["start"], first["end"], len(first["text"])) == (0, 100_000, 100_000)
    rest = await stacks.data("alice", "GET", f"/content/{doc_id}", params={"start": 100_000, "end": 190_000})
    whole = first["text"] + rest["text"]
    assert len(whole) == first["total_chars"] == rest["end"]
    assert whole.count("Sentence 77 about leaves 红叶🍁.") == 40
    heading = next(each for each in first["headings"] if each["title"] == "Part 3")
    assert "Part 3" in whole[heading["start"] : heading["start"] + 10]
    far = await stacks.data("alice", "GET", f"/content/{doc_id}", params={"start": 999_999})
    assert (far["text"], far["start"], far["end"]) == ("", len(whole), len(whole))
    assert (await stacks.call("alice", "GET", f"/content/{doc_id}", params={"start": -1}))["code"] == 422


async def test_a_download_gives_back_the_same_bytes_as_an_attachment(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    files = {"原文 one.txt": "红叶".encode("gbk"), "page.html": b"<script>alert(1)</script><p>x</p>"}
    rows = await stacks.add("alice", kdb, files)
    client = await stacks.as_("alice")
    for name, content in files.items():
        answer = await client.get(f"/api/knowledge-base/doc/download/{rows[name]['id']}")
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-disposition"].startswith("attachment")
        assert answer.headers["x-content-type-options"] == "nosniff"
    path = f"/api/knowledge-base/doc/download/{rows['page.html']['id']}"
    part = await client.get(path, headers={"Range": "bytes=8-14"})
    assert (part.status_code, part.content) == (206, b"alert(1"[:7])
    again = await client.get(path, headers={"If-None-Match": part.headers["etag"]})
    assert again.status_code == 304


async def test_a_cancelled_document_ends_and_can_be_redone(tmp_path: Any) -> None:
    async with stacks_in(tmp_path, kb_workers=0) as stacks:
        kdb = await stacks.base("alice")
        task = await stacks.upload("alice", kdb, {"a.txt": "alfa", "b.txt": "bravo"})
        first, second = await stacks.docs("alice", kdb)
        assert (await stacks.call("alice", "POST", "/cancel", json={"kdb_id": kdb}))["code"] == 422
        one = await stacks.data("alice", "POST", "/cancel", json={"kdb_id": kdb, "doc_id": first["id"]})
        assert one["cancelled"] == 1
        both = await stacks.data("alice", "POST", "/cancel", json={"kdb_id": kdb, "task_id": task})
        assert both["cancelled"] == 1
        rows = await stacks.docs("alice", kdb)
        assert {(row["status"], row["error_kind"], row["outcome_message"]) for row in rows} == {
            (3, "cancelled", "已取消")
        }
        assert (await stacks.progress("alice", kdb, task))["taskProcess"] == 100
        begun = await stacks.data("alice", "PUT", f"/redo/{second['id']}")
        progress = await stacks.progress("alice", kdb, begun["task_id"])
        assert (progress["waiting"], progress["total"]) == (1, 1)


_MAIL = "From: a@example.com\r\nSubject: Ringing\r\n\r\nThe nightjar was ringed in June.\r\n"


async def test_what_was_deleted_or_cleared_is_found_by_no_search(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    rows = await stacks.add("alice", kdb, {"a.txt": "The walrus sleeps.", "b.txt": "A walrus swims."})

    async def found() -> list[str]:
        body = {"kdb_id": kdb, "query": "walrus", "mode": "lexical"}
        answer = (await (await stacks.as_("alice")).post("/api/knowledge-base/retrieve", json=body)).json()
        assert answer["code"] == 200, answer
        return sorted(each["title"] for each in answer["data"]["results"])

    assert await found() == ["a.txt", "b.txt"]
    await stacks.data("alice", "DELETE", f"/delete/{rows['a.txt']['id']}")
    assert await found() == ["b.txt"]
    cleared = await (await stacks.as_("alice")).post("/api/knowledge-base/clear", json={"kdb_id": kdb})
    assert cleared.json()["code"] == 200
    assert await found() == []


async def test_no_transaction_waits_for_the_store_while_a_file_is_fetched(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    kdb = await stacks.base("alice")
    row = (await stacks.add("alice", kdb, {"a.txt": "alfa"}))["a.txt"]
    files, database = stacks.house.services.knowledge.documents.files, stacks.database
    fetch, fetched = files.open_local, list[str]()

    async def slow(key: str) -> Path:
        # Who has a transaction open may not begin another one.
        async with database.read() as session:
            await session.execute(text("SELECT 1"))
        fetched.append(key)
        return await fetch(key)

    monkeypatch.setattr(files, "open_local", slow)
    async with asyncio.timeout(8):
        answer = await (await stacks.as_("alice")).get(f"/api/knowledge-base/doc/download/{row['id']}")
    assert (answer.status_code, answer.content, len(fetched)) == (200, b"alfa", 1)
