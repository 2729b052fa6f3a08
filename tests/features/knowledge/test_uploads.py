"""What is refused of an upload, and that nothing of it stays (contract product 5.4, 5.5, 5.8)."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from starlette.requests import ClientDisconnect

from clary.kit.ids import new_hex
from features.knowledge.stacks import PREFIX, UNKNOWN, Files, Stacks, stacks_in, told

pytestmark = pytest.mark.anyio

BOUNDARY = "xyzzy"
MULTIPART = {"Content-Type": f"multipart/form-data; boundary={BOUNDARY}"}
MIB = 1024 * 1024


def part(name: str, value: str | bytes, filename: str | None = None) -> bytes:
    """One part of a form."""
    file = "" if filename is None else f'; filename="{filename}"'
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'.encode()
    return head + (value.encode() if isinstance(value, str) else value) + b"\r\n"


END = f"--{BOUNDARY}--\r\n".encode()


async def test_wrong_forms_are_refused_and_leave_nothing(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    client, path = await stacks.as_("alice"), PREFIX + "/add_by_files"
    base, file = part("kdb_id", kdb), part("files", "x", "a.txt")

    async def status(content: bytes, headers: dict[str, str] = MULTIPART) -> int:
        return (await client.post(path, content=content, headers=headers)).status_code

    assert (await client.post(path, json={"kdb_id": kdb, "files": ["x"]})).status_code == 415
    assert await status(b"kdb_id=x", {"Content-Type": "application/x-www-form-urlencoded"}) == 415
    assert await status(base + file + END, {"Content-Type": "multipart/form-data"}) == 415
    assert await status(base + END) == 422
    assert await status(base + part("files", "text, not a file") + END) == 422
    assert await status(file + END) == 422
    assert await status(base + part("override", "perhaps") + file + END) == 422
    assert await status(base + file + file[:-10]) == 422
    assert await status(b"\0\xff" * 500) == 422
    assert (await stacks.send("alice", kdb, [(f"{n}.txt", "x") for n in range(201)]))["code"] == 422
    assert told(await stacks.send("alice", UNKNOWN, {"a.txt": "x"}))[:2] == (404, "kdb_not_found")
    unknown = part("kdb_id", UNKNOWN)
    assert await status(unknown + END) == await status(file + unknown + part("override", "zzz") + END) == 422
    assert (await stacks.send("alice", UNKNOWN, [(f"{n}.txt", "x") for n in range(201)]))["code"] == 422
    assert (await stacks.docs("alice", kdb), stacks.stored()) == ([], [])


async def test_the_base_may_be_named_after_the_files(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    form = part("files", "alfa", "a.txt") + part("override", "") + part("kdb_id", kdb) + END
    client = await stacks.as_("alice")
    sent = (await client.post(PREFIX + "/add_by_files", content=form, headers=MULTIPART)).json()["data"]
    await stacks.wait("alice", kdb, sent["taskId"])
    assert await stacks.texts(kdb) == {"a.txt": ["alfa"]}


async def test_hostile_names_stay_names(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    names = {
        "../../etc/cron.d/evil.txt": "evil.txt", "..\\..\\windows\\evil2.txt": "evil2.txt", "..": "unnamed",
        "红叶 🍁 données.txt": "红叶 🍁 données.txt", "tab\tbell\x07.txt": "tabbell.txt",
    }  # fmt: skip
    parts = b"".join(part("files", f"text {n}", name) for n, name in enumerate(names))
    client = await stacks.as_("alice")
    answer = await client.post(PREFIX + "/add_by_files", content=part("kdb_id", kdb) + parts + END, headers=MULTIPART)
    sent = answer.json()["data"]
    assert [each["doc_name"] for each in sent["documents"]] == list(names.values())
    root = stacks.house.services.settings.originals
    assert {path.relative_to(root).parts[0] for path in stacks.stored()} == {kdb}


async def test_a_file_over_the_limit_is_a_row_without_bytes_and_the_others_are_read(tmp_path: Path) -> None:
    async with stacks_in(tmp_path, kb_file_max_mb=1) as stacks:
        kdb = await stacks.base("alice")
        size = MIB + 5
        rows = await stacks.add("alice", kdb, {"big.txt": b"w" * size, "good.txt": "good"})
        big = rows["big.txt"]
        assert (big["status"], big["outcome"], big["size"], big["attempts"]) == (3, "too_large", size, 0)
        assert rows["good.txt"]["status"] == 2
        assert len(stacks.stored()) == 1
        fetched = await (await stacks.as_("alice")).get(f"{PREFIX}/download/{big['id']}")
        assert fetched.status_code == 404
        begun = await stacks.data("alice", "PUT", f"/redo/{big['id']}")
        assert (await stacks.wait("alice", kdb, begun["task_id"]))[-1]["fail"] == 1
        assert (await stacks.docs("alice", kdb, query_name="big"))[0]["outcome"] == "too_large"


async def test_an_owner_has_so_much_room_in_all_bases_together(tmp_path: Path) -> None:
    async with stacks_in(tmp_path, kb_user_quota_mb=1, kb_file_max_mb=2, kb_workers=0) as stacks:
        first, second = await stacks.base("alice"), await stacks.base("alice")
        half = b"x" * (MIB // 2)
        await stacks.upload("alice", first, {"a.txt": half})
        full = (413, "quota_exceeded", "存储空间不足，上限 1 MB")
        assert told(await stacks.send("alice", second, {"b.txt": half, "c.txt": b"c"})) == full
        assert (await stacks.docs("alice", second), len(stacks.stored())) == ([], 1)
        huge = await stacks.send("alice", second, {"huge.txt": b"x" * (2 * MIB + 1)})
        assert huge["data"]["documents"][0]["outcome"] == "too_large"
        await stacks.upload("bob", await stacks.base("bob"), {"b.txt": half})


async def test_uploads_at_the_same_time_do_not_pass_the_limits_together(tmp_path: Path) -> None:
    async with stacks_in(tmp_path, kb_user_quota_mb=1, kb_workers=0) as stacks:
        kdb = await stacks.base("alice")
        piece = b"x" * (MIB * 3 // 10)
        sent = await asyncio.gather(*(stacks.send("alice", kdb, {f"{n}.txt": piece}) for n in range(8)))
        assert sorted(each["code"] for each in sent) == [200] * 3 + [413] * 5
        assert len(await stacks.docs("alice", kdb)) == len(stacks.stored()) == 3


async def test_a_base_has_room_for_so_many_documents(tmp_path: Path) -> None:
    async with stacks_in(tmp_path, kb_max_documents=3, kb_workers=0) as stacks:
        kdb = await stacks.base("alice")
        await stacks.upload("alice", kdb, {"a.txt": "a", "b.txt": "b"})
        refused = await stacks.send("alice", kdb, {"c.txt": "c", "d.txt": "d"})
        assert told(refused) == (409, "object_limit", "数量已达上限: 3")
        assert len(stacks.stored()) == 2


@pytest.mark.parametrize("fault", [ClientDisconnect(), OSError("broken")])
async def test_an_upload_that_breaks_off_leaves_nothing(stacks: Stacks, fault: Exception) -> None:
    kdb = await stacks.base("alice")
    client = await stacks.as_("alice")

    async def body() -> AsyncIterator[bytes]:
        yield part("kdb_id", kdb) + part("files", "whole", "a.txt")
        yield part("files", "x" * 3 * MIB, "b.txt")[: 2 * MIB]
        raise fault

    await client.post(PREFIX + "/add_by_files", content=body(), headers=MULTIPART)
    assert (await stacks.docs("alice", kdb), stacks.stored()) == ([], [])


async def test_a_full_disk_is_told_as_such_and_leaves_nothing(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    root = stacks.house.services.settings.originals
    root.write_text("a file where the folder should be")
    client = await stacks.as_("alice")
    form = part("kdb_id", kdb) + part("files", "x", "a.txt") + END
    answer = await client.post(PREFIX + "/add_by_files", content=form, headers=MULTIPART)
    assert (answer.status_code, answer.json()["error_detail"]) == (503, "unavailable")
    assert await stacks.docs("alice", kdb) == []


async def test_a_base_that_goes_while_files_come_refuses_them(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    client = await stacks.as_("alice")

    async def body() -> AsyncIterator[bytes]:
        yield part("kdb_id", kdb) + part("files", "whole", "a.txt")
        await stacks.house.services.knowledge.documents.removal.remove_base(kdb)
        yield END

    answer = await client.post(PREFIX + "/add_by_files", content=body(), headers=MULTIPART)
    assert told(answer.json())[:2] == (404, "kdb_not_found")
    assert stacks.stored() == []


PAIRS = "question,answer\nHow do I reset my password?,Choose Reset.\nWhere is the depot?,Behind the gasworks.\n"


async def test_questions_are_taken_in_row_by_row(stacks: Stacks) -> None:
    kdb = await stacks.base("alice", kind="qa")
    rows = await stacks.add("alice", kdb, {"q.csv": PAIRS + "Only a question,\n"})
    row = rows["q.csv"]
    assert (row["status"], row["passages"], row["metadata"]["skipped_rows"]) == (2, 2, 1)
    assert (await stacks.data("alice", "GET", f"/info/{row['id']}"))["type"] == "qa"
    content = await stacks.data("alice", "GET", f"/content/{row['id']}")
    assert content["text"].startswith("Question: How do I reset my password?\nAnswer: Choose Reset.")


@pytest.mark.parametrize(
    ("name", "content", "slug"),
    [
        ("notes.txt", "just text", "qa_file_type"),
        ("one.csv", "only\none\ncolumn\n", "qa_file_format"),
        ("bad.xlsx", b"PK\x03\x04 not a workbook", "qa_file_format"),
    ],
)
async def test_one_bad_question_file_refuses_the_whole_upload(
    stacks: Stacks, name: str, content: Any, slug: str
) -> None:
    kdb = await stacks.base("alice", kind="qa")
    uploads: list[Files] = [{name: content}, {"good.csv": PAIRS, name: content}]
    for files in uploads:
        code, found, message = told(await stacks.send("alice", kdb, files))
        assert (code, found) == (400, slug)
        assert name in message
    assert (await stacks.docs("alice", kdb), stacks.stored()) == ([], [])


async def test_a_question_file_that_cannot_be_read_now_may_be_sent_again(
    stacks: Stacks, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_arguments: Any, **_more: Any) -> None:
        raise OSError("no process")

    monkeypatch.setattr(stacks.house.services.knowledge.parser, "parse_qa", fail)
    kdb = await stacks.base("alice", kind="qa")
    assert told(await stacks.send("alice", kdb, {"good.csv": PAIRS}))[:2] == (503, "unavailable")
    assert (await stacks.docs("alice", kdb), stacks.stored()) == ([], [])


async def test_clearing_and_removing_a_base_leaves_nothing_and_touches_no_other(stacks: Stacks) -> None:
    kdb, other = await stacks.base("alice"), await stacks.base("alice")
    for base in (kdb, other):
        await stacks.add("alice", base, {f"{n}.txt": f"text {n}" for n in range(7)})
    removal = stacks.house.services.knowledge.documents.removal
    await removal.clear(kdb)
    assert (await stacks.docs("alice", kdb), await stacks.texts(kdb), len(stacks.stored())) == ([], {}, 7)
    assert (await stacks.add("alice", kdb, {"new.txt": "new"}))["new.txt"]["status"] == 2
    await removal.remove_base(kdb)
    assert (await stacks.texts(kdb), len(stacks.stored()), len(await stacks.docs("alice", other))) == ({}, 7, 7)


async def test_a_sweep_removes_only_files_that_no_row_and_no_upload_knows(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    await stacks.add("alice", kdb, {"a.txt": "alfa"})
    (kept,) = stacks.stored()
    parts = stacks.house.services.knowledge.documents
    orphan = kept.with_name(f"{kept.name[:2]}{new_hex(30)}.5f")
    unfinished = orphan.with_name(f"{kept.name[:2]}{new_hex(30)}.60.part")
    coming = orphan.with_name(f"{kept.name[:2]}{new_hex(30)}.61")
    stranger = orphan.with_name("README")
    for path in (orphan, unfinished, coming, stranger):
        path.write_bytes(b"x")
    with parts.under_way.upload() as keys:
        keys.append(coming.relative_to(stacks.house.services.settings.originals).as_posix())
        await parts.removal.sweep()
        assert stacks.stored() == sorted([kept, coming, stranger])
    await parts.removal.sweep()
    assert stacks.stored() == sorted([kept, stranger])


async def test_a_sweep_spares_what_a_command_beside_the_server_is_storing(stacks: Stacks) -> None:
    kdb = await stacks.base("alice")
    await stacks.add("alice", kdb, {"a.txt": "alfa"})
    (kept,) = stacks.stored()
    clock, sweep = stacks.house.clock, stacks.house.services.knowledge.documents.removal.sweep
    coming = kept.with_name(f"{kept.name[:2]}{new_hex(30)}.{int(clock.epoch()):x}")
    coming.write_bytes(b"x")
    await sweep()
    assert stacks.stored() == sorted([kept, coming])
    # On PostgreSQL it may be the upload of another machine.
    clock.move(seconds=3700 if stacks.database.is_sqlite else 25 * 3600)
    await sweep()
    assert stacks.stored() == [kept]
