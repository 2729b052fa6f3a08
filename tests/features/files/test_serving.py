"""Who gets a file, and with which headers (platform.md 10.3; 16.1 C13; 16.2 A32, A33)."""

from pathlib import Path
from typing import Any

import pytest

from features.files.desk import PNG, Desk, desk_in, plain

pytestmark = pytest.mark.anyio

SANDBOX = "default-src 'none'; sandbox"


def shown(answer: Any) -> tuple[Any, ...]:
    """Status, kind, how it is shown, under which policy."""
    headers = answer.headers
    how = headers["content-disposition"].partition(";")[0]
    return answer.status_code, headers["content-type"], how, headers["content-security-policy"]


async def test_a_link_shows_a_picture_to_whoever_has_it(desk: Desk) -> None:
    made = await desk.keep("ann", PNG, "猫.png")
    answer = await desk.get("", made["url"])
    assert (shown(answer), answer.content) == ((200, "image/png", "inline", SANDBOX), PNG)
    told = {
        "content-disposition": "inline; filename=\"_.png\"; filename*=UTF-8''%E7%8C%AB.png",
        "x-content-type-options": "nosniff",
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": "private, max-age=86400, immutable",
        "accept-ranges": "bytes",
        "content-length": str(len(PNG)),
        "etag": f'"{made["sha256"][:32]}"',
        "last-modified": "Fri, 02 Jan 2026 03:04:05 GMT",
    }
    assert {name: answer.headers[name] for name in told} == told


@pytest.mark.parametrize(
    ("content", "name", "expected"),
    [
        (b"<script>alert(1)</script>", "a.png", ("text/html", "attachment", SANDBOX)),
        (b"<svg xmlns='x' onload='y'/>", "a.svg", ("image/svg+xml", "attachment", SANDBOX)),
        (b"GIF89a/*<script>*/=1;alert(1)", "a.html", ("image/gif", "inline", SANDBOX)),
        (b"alert(1)", "a.png", ("text/plain; charset=utf-8", "inline", SANDBOX)),
        (b"alert(1)", "a.js", ("application/javascript", "attachment", SANDBOX)),
        (b"%PDF-1.7", "a.pdf", ("application/pdf", "inline", "default-src 'none'")),
    ],
)
async def test_nothing_that_a_browser_would_run_is_shown(
    desk: Desk, content: bytes, name: str, expected: tuple[str, str, str]
) -> None:
    made = await desk.keep("ann", content, name)
    assert shown(await desk.get("", made["url"])) == (200, *expected)


async def test_download_saves_what_would_be_shown(desk: Desk) -> None:
    made = await desk.keep("ann", PNG, "a.png")
    assert shown(await desk.get("", made["url"] + "&download=true"))[2] == "attachment"


async def test_conditions_and_one_range(desk: Desk) -> None:
    made = await desk.keep("ann", b"0123456789", "a.txt")
    url, tag = made["url"], f'"{made["sha256"][:32]}"'
    same = await desk.get("", url, if_none_match=tag)
    assert (same.status_code, same.content, same.headers["etag"]) == (304, b"", tag)
    part = await desk.get("", url, range="bytes=2-4")
    assert (part.status_code, part.content, part.headers["content-range"]) == (206, b"234", "bytes 2-4/10")
    last = await desk.get("", url, range="bytes=-3")
    assert (last.status_code, last.content) == (206, b"789")
    past = await desk.get("", url, range="bytes=10-")
    assert (past.status_code, past.headers["content-range"]) == (416, "bytes */10")
    other = await desk.get("", url, range="bytes=2-4", if_range='"other"')
    assert (other.status_code, other.content) == (200, b"0123456789")


async def test_head_is_get_without_its_content_and_an_empty_file_is_one(desk: Desk) -> None:
    made = await desk.keep("ann", b"0123456789", "a.txt")
    path = made["url"].removeprefix("http://testserver")
    answer = await (await desk.as_("")).head(path)
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "10")
    empty = await desk.keep("ann", b"", "a.txt")
    answer = await desk.get("", empty["url"])
    assert (answer.status_code, answer.content, answer.headers["content-length"]) == (200, b"", "0")


async def test_a_large_file_comes_whole(desk: Desk) -> None:
    content = bytes(range(256)) * 12_000
    made = await desk.keep("ann", content, "a.bin")
    assert (await desk.get("", made["url"])).content == content


def missing(answer: Any) -> tuple[Any, ...]:
    """A refusal without what differs from request to request."""
    body = answer.json() | {"timestamp": 0, "request_id": ""}
    return answer.status_code, tuple(body.items())


async def test_everything_else_is_missing_with_the_same_words(desk: Desk) -> None:
    made, other = await desk.keep("ann", b"x"), await desk.keep("ann", b"y")
    gone, signature = await desk.keep("ann", b"z"), other["url"].partition("?s=")[2]
    await desk.delete("ann", gone["key"])
    unknown = await desk.get("bob", "/api/oss/object/" + "a" * 26 + "/a.txt")
    assert missing(unknown)[0] == 404
    assert unknown.json()["error_detail"] == "file_not_found"
    for name, url in (
        ("bob", plain(made["url"])),
        ("bob", f"{plain(made['url'])}?s={signature}"),
        ("bob", f"{plain(made['url'])}?s="),
        ("bob", f"{plain(made['url'])}?s=猫"),
        ("bob", f"{plain(made['url'])}?s={'a' * 200}"),
        ("ann", gone["url"]),
        ("bob", "/api/oss/object/bundle/none.exe"),
        ("bob", "/api/oss/object/..%2f..%2fclary.db"),
        ("bob", "/api/oss/object/incoming"),
    ):
        assert missing(await desk.get(name, url)) == missing(unknown), url


async def test_owner_and_admins_need_no_link_but_the_scope_read(desk: Desk) -> None:
    made = await desk.keep("ann", b"x")
    url = plain(made["url"])
    for name, status in (("ann", 200), ("admin", 200), ("bob", 404), ("", 404)):
        assert (await desk.get(name, url)).status_code == status
    for scopes, status in ((("read",), 200), (("chat", "write"), 404)):
        client = await desk.with_key("ann", *scopes)
        assert (await client.get(url)).status_code == status
    admins_own = await desk.with_key("admin", "read", "write")
    assert (await admins_own.get(url)).status_code == 404


async def test_links_can_be_off(tmp_path: Path) -> None:
    async with desk_in(tmp_path) as desk:
        made = await desk.keep("ann", b"x")
    async with desk_in(tmp_path, object_links="login") as desk:
        assert (await desk.get("", made["url"])).status_code == 404
        listed = (await desk.listed("admin", user_id=await owner_of(desk)))["items"]
        assert [each["url"] for each in listed] == [plain(made["url"])]


async def owner_of(desk: Desk) -> str:
    """The id of ann, who was there before this house."""
    users = (await (await desk.as_("admin")).get("/api/user/list?q=ann")).json()["data"]["items"]
    return users[0]["user_id"]


async def test_links_outlive_a_change_of_the_secret_key(tmp_path: Path) -> None:
    old, new = "aa" * 32, "bb" * 32
    async with desk_in(tmp_path, secret_key=old) as desk:
        made = await desk.keep("ann", b"x")
    async with desk_in(tmp_path, secret_key=new, secret_key_old=old) as desk:
        assert (await desk.get("", made["url"])).content == b"x"


async def test_own_objects_are_listed_newest_first(desk: Desk) -> None:
    for name in ("a.txt", "b_c.txt", "bxc.txt"):
        await desk.keep("ann", b"12345", name)
        desk.house.clock.move(seconds=1)
    await desk.keep("bob", b"x")
    page = await desk.listed("ann", page_size="2")
    assert [each["filename"] for each in page["items"]] == ["bxc.txt", "b_c.txt"]
    assert (page["total"], page["used_bytes"], page["quota_bytes"]) == (3, 15, 2048 * 1024 * 1024)
    assert set(page["items"][0]) == {"key", "url", "filename", "size", "content_type", "created_at"}
    assert page["items"][0]["created_at"] == "2026-01-02T03:04:07.000000Z"
    assert [each["filename"] for each in (await desk.listed("ann", q="B_C"))["items"]] == ["b_c.txt"]
    assert (await desk.listed("ann", page="9"))["items"] == []


async def test_only_admins_list_what_others_have(desk: Desk) -> None:
    await desk.keep("ann", b"x")
    ann = await desk.id_of("ann")
    assert (await desk.listed("admin", user_id=ann))["total"] == 1
    assert (await desk.listed("ann", user_id=ann))["total"] == 1
    refused = (await (await desk.as_("bob")).get(f"/api/oss/objects?user_id={ann}")).json()
    assert refused["error_detail"] == "forbidden"


async def test_a_content_that_vanished_is_missing(desk: Desk) -> None:
    made = await desk.keep("ann", b"x")
    desk.contents()[0].unlink()
    assert (await desk.get("ann", made["url"])).json()["error_detail"] == "file_not_found"


async def test_why_somebody_may_have_a_file_can_be_asked(desk: Desk) -> None:
    made = await desk.keep("ann", b"x")
    await desk.as_("bob")
    answers = {}
    for name in ("ann", "bob", "admin"):
        query = {"user_id": name, "verb": "read", "object": f"file:{made['key']}"}
        answers[name] = (await (await desk.as_("admin")).get("/api/permissions/explain", params=query)).json()["data"]
    assert {name: answer["allowed"] for name, answer in answers.items()} == {"ann": True, "bob": False, "admin": True}


async def test_an_admin_who_reads_a_file_of_somebody_else_is_noted(desk: Desk) -> None:
    made = await desk.keep("ann", PNG, "a.png")
    own = await desk.keep("admin", PNG, "b.png")
    for url in (made["url"], plain(own["url"]), plain(made["url"]), plain(made["url"])):
        assert (await desk.get("admin", url)).status_code == 200
    assert (await desk.get("ann", plain(made["url"]))).status_code == 200
    log = (await (await desk.as_("admin")).get("/api/audit?action=admin.read")).json()["data"]["items"]
    assert [(entry["object"]["type"], entry["object"]["owner_id"]) for entry in log] == [
        ("file", await desk.id_of("ann"))
    ]
