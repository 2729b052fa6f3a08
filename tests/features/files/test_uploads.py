"""What comes in, under which key, and what is refused (platform.md 10.1, 10.2; 16.2 A32)."""

import asyncio
import hashlib
import re
from pathlib import Path
from typing import Any

import pytest

from features.files.desk import KEY_NAME, PNG, Desk, desk_in, plain
from support.house import House

pytestmark = pytest.mark.anyio

MIB = 1024 * 1024


async def test_an_upload_gets_a_key_that_nobody_guesses(desk: Desk) -> None:
    made = await desk.keep("ann", PNG, "cat.png")
    assert re.fullmatch(rf"{KEY_NAME}/cat\.png", made["key"])
    assert made == {
        "url": made["url"],
        "key": made["key"],
        "filename": "cat.png",
        "size": len(PNG),
        "content_type": "image/png",
        "sha256": hashlib.sha256(PNG).hexdigest(),
    }
    assert re.fullmatch(rf"http://testserver/api/oss/object/{KEY_NAME}/cat\.png\?s=[0-9a-f]{{64}}", made["url"])
    assert (await desk.keep("ann", PNG, "cat.png"))["key"] != made["key"]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ("../../etc/passwd", "passwd"),
        ("C:\\Users\\a.txt", "a.txt"),
        ("a?b#c%d.txt", "a_b_c_d.txt"),
        ("猫 图.png", "猫 图.png"),
        ("..", "file"),
        ("x" * 10_000 + ".txt", "x" * 196 + ".txt"),
        ("猫" * 300, "猫" * 66),
    ],
)
async def test_names_are_cleaned(desk: Desk, sent: str, kept: str) -> None:
    boundary = "b0undary"
    name = sent.replace("\\", "\\\\")
    body = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\nx\r\n--{boundary}--\r\n'
    )
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    answer = await (await desk.as_("ann")).post("/api/oss/upload", content=body.encode(), headers=headers)
    made = answer.json()["data"]
    assert (made["filename"], made["key"].partition("/")[2]) == (kept, kept)
    assert (await desk.get("", made["url"])).content == b"x"


async def test_a_path_names_the_object_and_is_replaced_in_one_step(desk: Desk) -> None:
    ann = await desk.id_of("ann")
    first = await desk.keep("ann", b"old", path="pictures/me.png")
    second = await desk.keep("ann", b"new and longer", path=f"u/{ann}/pictures/me.png")
    assert (first["key"], second["key"], second["filename"]) == (f"u/{ann}/pictures/me.png",) * 2 + ("me.png",)
    assert (await desk.get("ann", first["url"])).content == b"new and longer"
    assert (await desk.listed("ann"))["used_bytes"] == 14
    assert (len(desk.contents()), await desk.loose()) == (1, 0)


async def test_a_path_without_an_extension_is_a_folder(desk: Desk) -> None:
    ann = await desk.id_of("ann")
    for path in ("notes", "v1.2.0"):
        made = await desk.keep("ann", b"x", "a.txt", path=path)
        assert re.fullmatch(rf"u/{ann}/{re.escape(path)}/{KEY_NAME}-a\.txt", made["key"])


async def test_release_files_are_for_admins_and_everybody_reads_them(desk: Desk) -> None:
    made = await desk.keep("admin", b"MZ", "x.bin", path="bundle/1.0.0/Clary Setup.exe")
    assert (made["key"], made["filename"]) == ("bundle/1.0.0/Clary Setup.exe", "Clary Setup.exe")
    assert made["url"] == "http://testserver/api/oss/object/bundle/1.0.0/Clary%20Setup.exe"
    answer = await desk.get("", made["url"])
    assert (answer.content, answer.headers["cache-control"]) == (b"MZ", "public, max-age=300")
    refused = await desk.upload("ann", b"MZ", path="bundle/1.0.0/x.exe")
    assert (refused["code"], refused["error_detail"]) == (403, "forbidden")


@pytest.mark.parametrize(
    "path",
    [
        "../x",
        "a/../x",
        "a//b",
        "/a",
        "a/",
        "./a",
        "a\\b",
        "a:b",
        "a*",
        "a/ /b",
        "u",
        "u/other/x.png",
        "bundle",
        "x" * 513,
    ],
)
async def test_other_paths_are_refused(desk: Desk, path: str) -> None:
    refused = await desk.upload("admin", b"x", path=path)
    assert (refused["code"], refused["error_detail"]) == (400, "path_invalid")
    assert (await desk.rows(), desk.contents(), await desk.loose()) == ([], [], 0)


async def test_a_path_needs_the_scope_write_and_a_bundle_the_scope_admin(desk: Desk) -> None:
    chat = await desk.with_key("admin", "chat")
    files = {"file": ("a.txt", b"x")}
    assert (await chat.post("/api/oss/upload", files=files)).json()["code"] == 200
    assert (await chat.post("/api/oss/upload", files=files, data={"path": "a.txt"})).json()["code"] == 403
    write = await desk.with_key("admin", "chat", "write")
    assert (await write.post("/api/oss/upload", files=files, data={"path": "a.txt"})).json()["code"] == 200
    assert (await write.post("/api/oss/upload", files=files, data={"path": "bundle/a.exe"})).json()["code"] == 403
    admin = await desk.with_key("admin", "chat", "write", "admin")
    assert (await admin.post("/api/oss/upload", files=files, data={"path": "bundle/a.exe"})).json()["code"] == 200
    read = await desk.with_key("admin", "read")
    assert (await read.post("/api/oss/upload", files=files)).json()["error_detail"] == "forbidden"


async def form(desk: Desk, name: str, *parts: tuple[str, tuple[Any, ...]]) -> Any:
    return (await (await desk.as_(name)).post("/api/oss/upload", files=list(parts))).json()


async def test_the_path_may_follow_the_file(desk: Desk) -> None:
    file = ("file", ("x.bin", b"MZ", "a/b"))
    made = await form(desk, "admin", file, ("path", (None, b"bundle/1.0.0/a.exe")))
    assert made["data"]["key"] == "bundle/1.0.0/a.exe"
    refused = await form(desk, "ann", file, ("path", (None, b"bundle/1.0.0/b.exe")))
    assert (refused["error_detail"], await desk.rows()) == ("forbidden", ["bundle/1.0.0/a.exe"])
    assert len(desk.contents()) == 1


async def test_a_form_holds_one_file(desk: Desk) -> None:
    file = ("file", ("a.txt", b"x", "a/b"))
    assert (await form(desk, "ann", file, file))["code"] == 422
    assert (await form(desk, "ann", ("other", ("a.txt", b"x", "a/b"))))["code"] == 422
    assert (desk.contents(), await desk.rows()) == ([], [])


async def test_a_file_over_the_limit_leaves_nothing(tmp_path: Path) -> None:
    async with desk_in(tmp_path, upload_max_mb=1, release_max_mb=2) as desk:
        await desk.keep("ann", b"x" * MIB)
        refused = await desk.upload("ann", b"x" * (MIB + 1))
        assert (refused["code"], refused["message"]) == (413, "The file is too large, limit 1 MB")
        assert (await desk.upload("admin", b"x" * (MIB + 1)))["error_detail"] == "file_too_large"
        assert (await desk.upload("admin", b"x" * 2 * MIB, path="bundle/a.exe"))["code"] == 200
        refused = await desk.upload("admin", b"x" * (2 * MIB + 1), path="bundle/b.exe")
        assert refused["message"] == "The file is too large, limit 2 MB"
        assert (len(desk.contents()), await desk.loose()) == (2, 0)


async def test_the_quota_holds_against_a_hundred_at_once_and_leaves_nothing(tmp_path: Path) -> None:
    async with desk_in(tmp_path, files_quota_mb=1) as desk:
        content = b"x" * (100 * 1024)
        await desk.as_("ann")
        answers = await asyncio.gather(*(desk.upload("ann", content) for _ in range(100)))
        codes = sorted(answer["code"] for answer in answers)
        assert codes == [200] * 10 + [413] * 90
        refused = next(answer for answer in answers if answer["code"] == 413)
        assert (refused["error_detail"], refused["message"]) == (
            "quota_exceeded",
            "Storage quota exceeded, limit 1 MB",
        )
        assert (len(desk.contents()), len(await desk.rows()), await desk.loose()) == (10, 10, 0)
        assert (await desk.upload("bob", content))["code"] == 200


async def test_what_is_replaced_makes_room_and_release_files_need_none(tmp_path: Path) -> None:
    async with desk_in(tmp_path, files_quota_mb=1) as desk:
        await desk.keep("admin", b"x" * 900_000, path="a.bin")
        await desk.keep("admin", b"y" * 1_000_000, path="a.bin")
        await desk.keep("admin", b"z" * 900_000, path="bundle/a.exe")
        refused = await desk.upload("admin", b"x" * 100_000)
        assert refused["error_detail"] == "quota_exceeded"
        assert (await desk.listed("admin"))["used_bytes"] == 1_000_000
        assert (await desk.listed("admin"))["quota_bytes"] == MIB


async def test_an_upload_that_breaks_off_leaves_nothing(house: House, desk: Desk) -> None:
    async def cut() -> Any:
        yield b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.txt"\r\n\r\n' + b"x" * 100_000

    headers = {"Content-Type": "multipart/form-data; boundary=b"}
    answer = await (await desk.as_("ann")).post("/api/oss/upload", content=cut(), headers=headers)
    assert (answer.status_code, desk.contents(), await desk.rows(), await desk.loose()) == (422, [], [], 0)


async def test_uploads_need_a_login_and_a_form(desk: Desk) -> None:
    nobody = await desk.as_("")
    assert (await nobody.post("/api/oss/upload", files={"file": ("a", b"x")})).status_code == 401
    assert (await (await desk.as_("ann")).post("/api/oss/upload", json={})).status_code == 415


async def test_addresses_hold_the_public_address_and_the_prefix_of_the_proxy(tmp_path: Path) -> None:
    settings = {"public_url": "http://clary.example.org:8080", "api_prefix": "/prod-api", "object_links": "login"}
    async with desk_in(tmp_path, **settings) as desk:
        made = await desk.keep("ann", b"x", "a b.txt")
        assert made["url"] == f"http://clary.example.org:8080/prod-api/api/oss/object/{made['key'].replace(' ', '%20')}"
        assert plain(made["url"]) == made["url"]
