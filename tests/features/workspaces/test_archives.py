"""Archive import (product.md 4.1, 4.4, 13 A19)."""

import hashlib
import io
import random
import struct
import zipfile
from collections.abc import AsyncIterator
from typing import Any

import anyio
import pytest

from clary.kit import safe_folders
from features.workspaces.space import DEVICE, LINK, Space, person, space_of, special, zipped
from support.house import House

pytestmark = pytest.mark.anyio


@pytest.fixture
async def space(house: House) -> AsyncIterator[Space]:
    """The workspace of a new agent."""
    async with space_of(house, "alice") as made:
        yield made


async def test_an_archive_becomes_the_folder_in_place_of_the_old_one(space: Space) -> None:
    data = zipped([("sub/", ""), ("a.txt", "a"), ("sub/b.txt", "bb"), ("empty/", "")])
    files = [
        {"path": "site/a.txt", "size": 1, "sha256": hashlib.sha256(b"a").hexdigest()},
        {"path": "site/sub/b.txt", "size": 2, "sha256": hashlib.sha256(b"bb").hexdigest()},
    ]
    await space.load(zipped({"old.txt": "old"}), "/workspace/site")
    assert (await space.load(data))["data"] == {
        "target_path": "site",
        "idempotency_key": None,
        "archive_sha256": hashlib.sha256(data).hexdigest(),
        "files": files,
    }
    assert await space.paths() == ["site", "site/a.txt", "site/empty", "site/sub", "site/sub/b.txt"]
    assert space.on_disk() == ["site/a.txt", "site/sub/b.txt"]


async def test_a_key_answers_again_without_writing_for_a_day(house: House, space: Space) -> None:
    data = zipped({"a.txt": "a"})
    first = await space.load(data, idempotency_key="k")
    await space.drop("site/a.txt")
    assert (await space.load(data, idempotency_key="k"))["data"] == first["data"]
    assert (await space.get("site/a.txt")).status_code == 404
    other = await space.load(zipped({"z.txt": "z"}), idempotency_key="k")
    assert (other["code"], other["error_detail"]) == (409, "idempotency_mismatch")
    async with space_of(house, "bob") as bobs:
        assert (await bobs.load(zipped({"z.txt": "z"}), idempotency_key="k"))["code"] == 200
    house.clock.move(hours=25)
    await house.services.workspaces.sweep()
    async with person(house, "alice", is_new=False) as (client, _):
        space.client = client
        assert (await space.load(data, idempotency_key="k"))["data"] == first["data"]
        assert (await space.get("site/a.txt")).content == b"a"


def noise(size: int) -> bytes:
    return random.Random(7).randbytes(size)


def encrypted() -> bytes:
    data = bytearray(zipped({"a.txt": "a"}))
    for mark, offset in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        at = data.index(mark) + offset
        data[at : at + 2] = struct.pack("<H", 1)
    return bytes(data)


def with_method(method: int) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as archive:
        archive.writestr("a.txt", "a")
    return out.getvalue()


def damaged() -> bytes:
    data = bytearray(zipped([(zipfile.ZipInfo("a.bin"), noise(1000))]))
    data[200] ^= 0xFF
    return bytes(data)


def lying() -> bytes:
    """Says to be smaller than it is."""
    data = bytearray(zipped({"a.txt": "a" * 1000}))
    at = data.index(b"PK\x01\x02") + 24
    data[at : at + 4] = struct.pack("<L", 10)
    return bytes(data)


def crowded() -> bytes:
    """Sixty thousand entries that are one file."""
    data = zipped([("x" * 100, "")])
    start, end = data.index(b"PK\x01\x02"), data.index(b"PK\x05\x06")
    count, entry = 60_000, data[start:end]
    closing = struct.pack("<4s4H2LH", b"PK\x05\x06", 0, 0, count, count, len(entry) * count, start, 0)
    return data[:start] + entry * count + closing


UNSAFE: dict[str, Any] = {
    "slip": [("../evil.txt", "x")],
    "deep slip": [("a/../../evil.txt", "x")],
    "absolute": [("/tmp/evil.txt", "x")],
    "backslash": [("a\\b.txt", "x")],
    "control": [("a\x01.txt", "x")],
    "dot": [("./a.txt", "x")],
    "long": [("x" * 256, "x")],
    "link": [(special("etc", LINK), "/etc")],
    "device": [(special("null", DEVICE), "")],
    "case": [("Read.txt", "a"), ("read.TXT", "b")],
    "case of folders": [("A/x.txt", "a"), ("a/y.txt", "b")],
    "NFC": [("caf\u00e9.txt", "a"), ("cafe\u0301.txt", "b")],
    "twice": [("a.txt", "a"), ("a.txt", "b")],
    "file as folder": [("a", "a"), ("a/b", "b")],
    "dense": [("zeros.bin", b"\0" * (15 << 20))],
    "deep": [("/".join("d" * 30) + "/x.txt", "x")],
    "many": [(f"f{number}.txt", "") for number in range(2049)],
    "many folders": [(f"f{number}/", "") for number in range(2049)],
}
RAW = {
    "encrypted": (encrypted(), "archive_unsafe"),
    "method": (with_method(zipfile.ZIP_LZMA), "archive_unsafe"),
    "broken": (zipped({"a.txt": "a"})[:-30], "archive_invalid"),
    "damaged": (damaged(), "archive_invalid"),
    "lying": (lying(), "archive_invalid"),
    "crowded": (crowded(), "archive_unsafe"),
    "text": (b"no archive", "archive_invalid"),
    "empty": (b"", "archive_invalid"),
    "one large file": (zipped([("a.bin", noise(1 << 20) * 17)]), "file_too_large"),
    "large archive": (b"PK" + bytes(33 << 20), "file_too_large"),
}


@pytest.mark.parametrize("what", [*UNSAFE, *RAW])
async def test_a_hostile_archive_leaves_the_old_folder_whole(space: Space, what: str) -> None:
    assert (await space.load(zipped({"old.txt": "old"})))["code"] == 200
    data, slug = RAW[what] if what in RAW else (zipped([("ok.txt", "ok"), *UNSAFE[what]]), "archive_unsafe")
    answer = await space.load(data)
    assert (answer["error_detail"], answer["code"]) == (slug, 413 if slug == "file_too_large" else 400)
    assert space.on_disk() == ["site/old.txt"]


async def test_reasons_are_told_in_the_callers_language(space: Space) -> None:
    data = zipped([("../x", "x")])
    chinese = await space.load(data)
    space.client.headers["X-Locale"] = "en-US"
    english = await space.load(data)
    assert (chinese["message"], english["message"]) == (
        "压缩包不安全: 条目名称不合法",
        "Unsafe archive: an entry has a forbidden name",
    )


async def test_a_target_is_a_folder_inside_and_named(space: Space) -> None:
    await space.put("file.txt")
    data = zipped({"a.txt": "a"})
    for target, slug in (
        ("", "path_missing"),
        ("/", "path_denied"),
        ("..", "path_denied"),
        (".clary/x", "path_denied"),
        ("file.txt", "file_exists"),
        ("file.txt/x", "file_exists"),
    ):
        assert (await space.load(data, target))["error_detail"] == slug, target
    assert (await space.send("/archive/import", [("other", ("a", b""))], {"target_path": "x"}))["code"] == 422
    assert space.on_disk() == ["file.txt"]


async def test_a_fault_before_the_swap_leaves_the_old_folder_and_after_it_the_new_one(
    space: Space, monkeypatch: pytest.MonkeyPatch
) -> None:
    await space.load(zipped({"old.txt": "old"}))
    swap = safe_folders.swap_folder

    def cut(root: Any, source: str, target: str) -> bool:
        raise KeyError("cut")

    monkeypatch.setattr(safe_folders, "swap_folder", cut)
    assert (await space.load(zipped({"new.txt": "new"})))["code"] == 500
    assert space.on_disk() == ["site/old.txt"]

    def late(root: Any, source: str, target: str) -> bool:
        swap(root, source, target)
        raise KeyError("cut")

    monkeypatch.setattr(safe_folders, "swap_folder", late)
    assert (await space.load(zipped({"new.txt": "new"})))["code"] == 500
    assert space.on_disk() == ["site/new.txt"]


async def test_imports_at_once_leave_one_whole_folder(space: Space) -> None:
    with anyio.fail_after(30):
        async with anyio.create_task_group() as group:
            for number in range(5):
                files = {f"{each}.txt": str(number) for each in range(5)}
                group.start_soon(space.load, zipped(files))
    texts = {(space.folder / "site" / f"{each}.txt").read_text() for each in range(5)}
    assert (len(texts), len(space.on_disk())) == (1, 5)
