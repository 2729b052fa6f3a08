"""Bases: added, changed, listed, cleared, deleted (product.md 5.2, 5.3)."""

import asyncio
import re
from pathlib import Path

import pytest

from features.knowledge.library import PREFIX, Library, library_in

pytestmark = pytest.mark.anyio


async def test_a_new_base_has_the_documented_info(library: Library) -> None:
    body = {"name": "  Product Docs 手册 ", "type": "rag", "intro": "For staff", "language": "en"}
    _, _, made = await library.call("alice", "POST", f"{PREFIX}/add", body)
    info = await library.info("alice", made["kdb_id"])
    assert re.fullmatch(r"kdb_[0-9a-f]{32}", info.pop("index_name"))
    assert info.pop("createdAt") == info.pop("updatedAt") == int(library.house.clock.epoch())
    assert info == {
        "kdbId": made["kdb_id"],
        "name": "Product Docs 手册",
        "intro": "For staff",
        "type": "rag",
        "dataSource": "rag",
        "kdbSetting": {
            "kdbAttach": {"language": "en"},
            "embedding": {"mode": "server"},
            "reranker": {"mode": "server"},
            "chunk": {"target_chars": 800, "overlap_chars": 100},
            "retrieval": {"top_k": 10, "mode": "hybrid", "min_score": 0},
        },
        "user_id": library.ids["alice"],
        "docNum": 0,
        "access": "owner",
        "counts": {"pending": 0, "processing": 0, "success": 0, "failed": 0},
        "size_bytes": 0,
        "passages": 0,
        "index": {
            "version": 1,
            "state": "ready",
            "progress": 100,
            "embedding": {"mode": "server", "model": None, "dims": None},
            "reranker": {"mode": "server", "model": None},
            "vectors": "none",
        },
    }


async def test_list_items_are_newest_first_and_found_by_literal_text(library: Library) -> None:
    names = ("Alpha_one", "Alpha2one", "50% off", "Ärger")
    ids: list[str] = []
    for place, name in enumerate(names):
        ids.append(await library.base("alice", name=name, type=f"t{place % 2}"))
        library.house.clock.move(seconds=1)
    first = await library.get("alice", f"{PREFIX}/list?page_no=1&page_size=2")
    assert (first["total"], first["page"], first["page_size"], first["user_id"]) == (4, 1, 2, library.ids["alice"])
    everything = (await library.get("alice", f"{PREFIX}/list"))["list"]
    assert [each["id"] for each in everything] == ids[::-1]
    assert first["list"] == everything[:2]
    assert set(everything[0]) == {
        *("id", "name", "index_name", "intro", "createTime", "dataSource", "type", "docNum", "cover"),
        *("defaultColor", "user_id", "access", "disabled"),
    }

    async def found(**query: str) -> set[str]:
        client = await library.client("alice")
        answer = await client.get(f"{PREFIX}/list", params=query)
        return {each["name"] for each in answer.json()["data"]["list"]}

    assert await found(query_name="alpha") == {"Alpha_one", "Alpha2one"}
    assert await found(query_name="_") == {"Alpha_one"}
    assert await found(query_name="%") == {"50% off"}
    assert await found(query_name="äRG") == {"Ärger"}
    assert await found(type="t1") == {"Alpha2one", "Ärger"}
    assert await found(type="t") == set()
    assert await found(query_name="undefined", type="null") == set(names)


async def test_names_types_and_settings_are_checked(library: Library) -> None:
    for name in ("", "   "):
        answer = await library.call("alice", "POST", f"{PREFIX}/add", {"name": name, "type": "rag"})
        assert answer == (400, "name_empty", None)
    bad = [
        *({"name": "n"}, {"type": "rag"}, {"name": "x" * 129}, {"name": "n", "type": "a b"}),
        *({"name": "n\x01", "type": "rag"}, {"name": "a\nb", "type": "rag"}),
        *({"name": "n", "type": "x" * 53}, {"name": "n", "type": "rag", "intro": "x" * 1025}),
        {"name": "n", "type": "rag", "kdb_setting": {"chunk": {"target_chars": 199}}},
        {"name": "n", "type": "rag", "kdb_setting": {"embedding": {"mode": "magic"}}},
        {"name": "n", "type": "rag", "kdb_setting": {"retrieval": {"top_k": 101}}},
        {"name": "n", "type": "rag", "kdb_setting": {"big": "x" * 70_000}},
    ]
    for body in bad:
        assert (await library.call("alice", "POST", f"{PREFIX}/add", body))[:2] == (422, "validation_error"), body
    message = (
        await (await library.client("alice")).post(f"{PREFIX}/add", json=bad[8], headers={"X-Locale": "en-US"})
    ).json()["message"]
    assert "\n" not in message
    assert "chunk.target_chars" in message


async def test_an_update_changes_only_what_it_names(library: Library) -> None:
    kdb_id = await library.base("alice", name="before", intro="old", kdb_setting={"mine": {"a": 1}, "other": [1]})
    await library.update("alice", kdb_id, name="", kdb_setting={"mine": {"b": 2}, "third": "x"})
    info = await library.info("alice", kdb_id)
    assert (info["name"], info["intro"]) == ("before", "old")
    assert {key: info["kdbSetting"][key] for key in ("mine", "other", "third")} == {
        "mine": {"b": 2},
        "other": [1],
        "third": "x",
    }
    done = await library.update("alice", kdb_id, name="after", intro="", kdb_setting={"other": None, "kdbAttach": None})
    assert done == {"success": True, "user_id": library.ids["alice"], "reindex_task_id": None}
    info = await library.info("alice", kdb_id)
    assert (info["name"], info["intro"], "other" in info["kdbSetting"]) == ("after", "", False)
    assert info["kdbSetting"]["kdbAttach"] == {"language": "zh-cn"}


async def test_two_who_add_at_the_limit_do_not_both_succeed(tmp_path: Path) -> None:
    async with library_in(tmp_path, kb_max_per_user=2) as library:
        await library.base("alice")
        body = {"name": "n", "type": "rag"}
        answers = await asyncio.gather(*(library.call("alice", "POST", f"{PREFIX}/add", body) for _ in range(5)))
        assert sorted(answer[0] for answer in answers) == [200, 409, 409, 409, 409]
        assert {answer[1] for answer in answers} == {None, "object_limit"}
        assert (await library.get("alice", f"{PREFIX}/list"))["total"] == 2


async def test_clear_keeps_the_base_and_delete_does_not(library: Library) -> None:
    kdb_id = await library.base("alice", kdb_setting={"mine": "kept"})
    await library.upload("alice", kdb_id, a="The walrus sleeps.", b="A walrus swims.")
    assert (await library.info("alice", kdb_id))["counts"]["success"] == 2
    done = (200, None, {"success": True, "user_id": library.ids["alice"]})
    assert await library.call("alice", "POST", f"{PREFIX}/clear", {"kdb_id": kdb_id}) == done
    info = await library.info("alice", kdb_id)
    assert (info["docNum"], info["passages"], info["kdbSetting"]["mine"]) == (0, 0, "kept")
    assert await library.call("alice", "DELETE", f"{PREFIX}/delete/{kdb_id}") == done
    unknown = (404, "kdb_not_found", None)
    assert await library.call("alice", "GET", f"{PREFIX}/info?kdb_id={kdb_id}") == unknown
    assert await library.call("alice", "DELETE", f"{PREFIX}/delete/{kdb_id}") == unknown


async def test_redo_all_reads_every_document_again_under_a_new_task(library: Library) -> None:
    kdb_id = await library.base("alice")
    first = await library.upload("alice", kdb_id, a="The walrus sleeps.", b="A walrus swims.")
    code, _, data = await library.call("alice", "POST", f"{PREFIX}/redo_all", {"kdb_id": kdb_id})
    assert (code, data["success"], data["user_id"]) == (200, True, library.ids["alice"])
    assert data["task_id"] != first
    assert {each["task_id"] for each in await library.documents("alice", kdb_id)} == {data["task_id"]}


async def test_what_is_done_to_a_base_is_in_the_audit_log(library: Library) -> None:
    kdb_id = await library.base("alice")
    await library.update("alice", kdb_id, name="new name")
    (bob,) = await library.add("bob")
    await library.grant("alice", kdb_id, "user", bob, "write")
    await library.info("admin", kdb_id)
    await library.call("alice", "DELETE", f"{PREFIX}/delete/{kdb_id}")
    items = (await library.get("admin", "/api/audit?page_size=100"))["items"]
    acts = [each["action"] for each in items if (each.get("object") or {}).get("id") == kdb_id]
    assert sorted(acts) == ["admin.read", "kdb.created", "kdb.deleted", "kdb.shared", "kdb.updated"]
