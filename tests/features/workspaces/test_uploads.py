"""Uploads (product.md 1, 4.1, 4.2 rules 4 and 5, 4.4, 13 A18)."""

import hashlib
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import anyio
import pytest

from features.workspaces.space import Space, space_of, zipped
from support.house import House, house_in, login

pytestmark = pytest.mark.anyio

BOUNDARY = {"Content-Type": "multipart/form-data; boundary=b"}


@pytest.fixture
async def space(house: House) -> AsyncIterator[Space]:
    """The workspace of a new agent."""
    async with space_of(house, "alice") as made:
        yield made


@pytest.fixture
async def small(tmp_path: Path) -> AsyncIterator[Space]:
    """A workspace of 2 MB and 12 entries, for files of 1 MB."""
    async with (
        house_in(tmp_path, workspace_quota_mb=2, upload_max_mb=1, workspace_max_entries=12) as house,
        space_of(house, "alice") as made,
    ):
        yield made


def sha(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


async def test_files_go_into_a_folder_or_one_to_its_full_path(space: Space) -> None:
    whole = {"filename": "b.txt", "path": "docs/b.txt", "size": 2, "sha256": sha(b"bb")}
    other = {"filename": "c.txt", "path": "docs/c.txt", "size": 1, "sha256": sha(b"c")}
    answer = await space.send(
        "/upload", [("file", ("b.txt", b"bb")), ("file", ("c.txt", b"c"))], {"target_path": "docs/"}
    )
    assert answer["data"] == {"filename": "b.txt", "path": "docs/b.txt", "size": 2, "files": [whole, other]}
    for fields, path in (
        ({}, "b.txt"),
        ({"target_path": "null"}, "b.txt"),
        ({"target_path": "/workspace"}, "b.txt"),
        ({"target_path": "docs"}, "docs/b.txt"),
        ({"target_path": "docs/deep/红.bin"}, "docs/deep/红.bin"),
        ({"target_path": "new\\"}, "new/b.txt"),
    ):
        assert (await space.put("b.txt", **fields))["data"]["path"] == path
    two = [("file", ("b.txt", b"bb")), ("file", ("c.txt", b"c"))]
    assert (await space.send("/upload", two, {"target_path": "docs/b.txt"}))["code"] == 422


async def test_the_name_is_the_last_segment_without_odd_characters(space: Space) -> None:
    for sent, path in (
        ("../../evil.txt", "evil.txt"),
        ("C:\\Users\\me\\a.txt", "a.txt"),
        (" cafe\u0301.txt ", "caf\u00e9.txt"),
        ("😀" * 255 + ".txt", "😀" * 62 + ".txt"),
    ):
        assert (await space.put(sent))["data"]["path"] == path
    assert (await space.put(".."))["error_detail"] == "path_denied"


async def test_what_is_there_is_replaced_unless_that_is_forbidden(space: Space) -> None:
    await space.put("a.txt", "1")
    refused = await space.put("a.txt", "2", overwrite="false")
    assert (refused["code"], refused["error_detail"], refused["message"]) == (409, "file_exists", "文件已存在: a.txt")
    assert (await space.get("a.txt")).content == b"1"
    await space.put("a.txt", "3")
    assert (await space.get("a.txt")).content == b"3"
    assert (await space.put("a.txt", overwrite="perhaps"))["code"] == 422
    await space.put("x", target_path="folder/a.txt/b")
    for target in ("a.txt/c", "folder/a.txt/b/c"):
        assert (await space.put("x", target_path=target))["error_detail"] == "file_exists", target
    (space.folder / "way").symlink_to(space.folder.parent)
    for target in (".clary/results/x.txt", ".clary", "way/x", "way"):
        assert (await space.put("x", target_path=target))["error_detail"] == "path_denied", target
    assert space.on_disk() == ["a.txt", "folder/a.txt/b"]
    assert not (space.folder.parent / "x").exists()


async def test_two_files_of_one_name_are_refused_whole_unless_they_may_replace(space: Space) -> None:
    files = [("file", ("a.txt", b"1")), ("file", ("b.txt", b"2")), ("file", ("a.txt", b"3"))]
    refused = await space.send("/upload", files, {"overwrite": "false"})
    left = space.on_disk()
    await space.send("/upload", files, {})
    assert (refused["error_detail"], left, space.on_disk()) == ("file_exists", [], ["a.txt", "b.txt"])


async def test_a_refused_upload_leaves_nothing(small: Space) -> None:
    big = await small.put("big.bin", b"x" * 1_500_000)
    assert (big["code"], big["error_detail"], big["message"]) == (413, "file_too_large", "文件过大，上限 1 MB")
    for number in range(2):
        assert (await small.put(f"f{number}", b"y" * 900_000))["code"] == 200
    third = await small.put("f2", b"y" * 900_000)
    assert (third["code"], third["error_detail"], third["message"]) == (
        413,
        "quota_exceeded",
        "存储空间不足，上限 2 MB",
    )
    assert (await small.load(zipped({"a": "x" * 900_000, "b": "".join(map(chr, range(32, 127))) * 400})))[
        "error_detail"
    ] in ("quota_exceeded", "archive_unsafe")
    assert (await small.put("f1", b"z" * 900_000))["code"] == 200
    assert small.on_disk() == ["f0", "f1"]
    answers = [await small.put(f"n{number}", "") for number in range(12)]
    full = next(answer for answer in answers if answer["code"] != 200)
    assert (full["code"], full["error_detail"], full["message"]) == (409, "object_limit", "数量已达上限: 12")


async def test_uploads_at_once_stay_within_the_quota(small: Space) -> None:
    answers: list[dict[str, Any]] = []

    async def put(name: str) -> None:
        answers.append(await small.put(name, b"y" * 300_000))

    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for number in range(20):
                group.start_soon(put, f"f{number}")
    taken = [answer for answer in answers if answer["code"] == 200]
    assert {answer["error_detail"] for answer in answers if answer["code"] != 200} <= {"quota_exceeded", "object_limit"}
    assert len(small.on_disk()) == len(taken) <= 6


async def test_a_full_upload_is_stopped_while_it_comes(small: Space) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
        while True:
            sent += 65_536
            yield b"x" * 65_536

    # The in-process transport sends only as much as the server asks for.
    with anyio.fail_after(20):
        answer = await small.client.post(small.root + "/upload", content=endless(), headers=BOUNDARY)
    assert (answer.json()["error_detail"], sent < 2_000_000, small.on_disk()) == ("file_too_large", True, [])


async def test_bodies_that_are_no_good_form_are_refused_without_a_trace(space: Space) -> None:
    part = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\nx'
    plain = b'--b\r\nContent-Disposition: form-data; name="file"\r\n\r\nx\r\n--b--\r\n'
    field = b'--b\r\nContent-Disposition: form-data; name="x"\r\n\r\ny\r\n'
    cases: list[tuple[bytes, dict[str, str], int, str]] = [
        (b"{}", {"Content-Type": "application/json"}, 415, "unsupported_media_type"),
        (b"a=b", {"Content-Type": "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"),
        (b"x", {"Content-Type": "multipart/form-data"}, 415, "unsupported_media_type"),
        (b"", {}, 415, "unsupported_media_type"),
        (part, BOUNDARY, 422, "validation_error"),
        (b"garbage", BOUNDARY, 422, "validation_error"),
        (b"--b--\r\n", BOUNDARY, 422, "validation_error"),
        (plain, BOUNDARY, 422, "validation_error"),
        (field * 1001 + b"--b--\r\n", BOUNDARY, 413, "body_too_large"),
        ((part + b"\r\n") * 51 + b"--b--\r\n", BOUNDARY, 422, "validation_error"),
        (field.replace(b'"x"', b'"target_path"').replace(b"y", b"\xff") + b"--b--\r\n", BOUNDARY, 422, "invalid_text"),
        (field.replace(b'"x"', b'"target_path"').replace(b"y", b"p" * 70_000), BOUNDARY, 413, "body_too_large"),
    ]
    for content, headers, status, slug in cases:
        answer = await space.client.post(space.root + "/upload", content=content, headers=headers)
        assert (answer.status_code, answer.json()["error_detail"]) == (status, slug), content[:60]
    assert space.on_disk() == []


async def test_a_browser_needs_to_come_from_the_same_site(house: House, space: Space) -> None:
    form: dict[str, Any] = {"files": [("file", ("a", b"x"))]}
    async with house.browser() as browser:
        await login(browser, "alice")
        foreign = await browser.post(space.root + "/upload", headers={"Origin": "https://evil.example"}, **form)
        own = await browser.post(space.root + "/upload", headers={"Sec-Fetch-Site": "same-origin"}, **form)
    assert (foreign.status_code, foreign.json()["error_detail"], own.json()["code"]) == (403, "csrf_failed", 200)


async def test_writers_at_once_leave_one_whole_file(space: Space) -> None:
    contents = [bytes([65 + number]) * 300_000 for number in range(6)]
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for content in contents:
                group.start_soon(space.put, "r.bin", content)
    assert (await space.get("r.bin")).content in contents
    assert space.on_disk() == ["r.bin"]


async def test_what_a_killed_upload_left_is_swept_by_a_later_one(space: Space) -> None:
    await space.put("a")
    left = space.folder / ".clary" / "incoming" / "left"
    left.mkdir()
    (left / "b").write_text("x")
    fresh = space.folder / ".clary" / "incoming" / "fresh"
    fresh.write_text("x")
    os.utime(left, (1, 1))
    await space.put("a")
    assert space.on_disk() == [".clary/incoming/fresh", "a"]
