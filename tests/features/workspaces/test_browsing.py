"""List, facts, download, delete (product.md 4.1 to 4.3, 13 A14, A15, A17)."""

import hashlib
import os
from collections.abc import AsyncIterator

import pytest

from features.workspaces.space import Space, names_in, space_of
from support.house import House

pytestmark = pytest.mark.anyio


@pytest.fixture
async def space(house: House) -> AsyncIterator[Space]:
    """The workspace of a new agent."""
    async with space_of(house, "alice") as made:
        yield made


async def test_a_workspace_that_is_not_there_yet_is_empty(space: Space) -> None:
    answer = await space.listed()
    user_id = answer["data"].pop("user_id")
    assert len(user_id) > 10
    assert (answer["message"], answer["data"]) == (
        "工作空间为空",
        {
            "agent_id": space.agent_id,
            "workspace_path": "/workspace",
            "path": "",
            "max_depth": None,
            "files": [],
            "message": "工作空间为空",
            "truncated_by_depth": False,
            "truncated": False,
        },
    )
    assert (await space.client.post(space.root, headers={"X-Locale": "en-US"})).json()["message"] == "success"


async def test_the_list_is_in_walk_order_without_dot_names_and_links(space: Space) -> None:
    for path in ("b.txt", "d/z/deep.txt", "d/a.txt", "a/x.txt", ".hidden", "红.txt"):
        await space.put("x", "12", target_path=path)
    (space.folder / "link").symlink_to("/etc/passwd")
    (space.folder / "root").symlink_to("/")
    os.mkfifo(space.folder / "pipe")
    answer = await space.listed()
    assert answer["message"] == "获取文件列表成功"
    assert [each["path"] for each in answer["data"]["files"]] == [
        *("b.txt", "红.txt", "a", "d"),
        *("a/x.txt", "d/a.txt", "d/z", "d/z/deep.txt"),
    ]
    first = answer["data"]["files"][0]
    assert isinstance(first.pop("modified_time"), float)
    assert first == {"name": "b.txt", "path": "b.txt", "size": 2, "is_directory": False}
    assert answer["data"]["files"][2]["is_directory"] is True


async def test_a_list_begins_at_a_folder_and_ends_at_a_depth(space: Space) -> None:
    for path in ("d/e/f.txt", "d/g.txt"):
        await space.put("x", target_path=path)
    (space.folder / "d" / "empty").mkdir()
    data = (await space.listed(path="/workspace/d", max_depth=1))["data"]
    assert ([each["path"] for each in data["files"]], data["truncated_by_depth"]) == (
        ["d/g.txt", "d/e", "d/empty"],
        True,
    )
    assert (await space.listed({"path": "d/e", "max_depth": 1}))["data"]["truncated_by_depth"] is False
    for wrong in ("none", "d/g.txt"):
        assert (await space.listed(path=wrong))["error_detail"] == "file_not_found"
    assert (await space.listed(path="../x"))["error_detail"] == "path_denied"
    assert (await space.listed(max_depth=65))["code"] == 422
    for absent in ("undefined", "null", "[object Object]"):
        assert (await space.listed({}, session_id=absent))["code"] == 200


async def test_ten_thousand_entries_are_listed_and_no_more(space: Space) -> None:
    await space.put("x", target_path="many/x")
    for number in range(10_001):
        os.mknod(space.folder / "many" / f"{number:05}")
    data = (await space.listed())["data"]
    assert (len(data["files"]), data["truncated"], data["files"][-1]["path"]) == (10_000, True, "many/09998")


async def test_stat_tells_facts_and_reasons_in_the_order_asked(space: Space) -> None:
    await space.put("s.md", "hello", target_path="d/s.md")
    (space.folder / "link").symlink_to("/etc/passwd")
    body = {"paths": ["/workspace/d/s.md", "d", "none", "../x", " ", "link"]}
    files = (await space.client.post(space.root + "/stat", json=body)).json()["data"]["files"]
    for each in files[:2]:
        assert isinstance(each.pop("modified_time"), float)
    assert files == [
        {
            "path": "/workspace/d/s.md",
            "exists": True,
            "is_directory": False,
            "size": 5,
            "content_type": "text/markdown",
            "hash_algorithm": "sha256",
            "content_hash": hashlib.sha256(b"hello").hexdigest(),
        },
        {
            "path": "d",
            "exists": True,
            "is_directory": True,
            "size": 0,
            "content_type": None,
            "hash_algorithm": "sha256",
        },
        {"path": "none", "exists": False, "error_code": "FILE_NOT_FOUND", "message": "文件不存在: none"},
        {
            "path": "../x",
            "exists": False,
            "error_code": "ACCESS_DENIED",
            "message": "访问被拒绝：文件路径超出工作空间范围",
        },
        {"path": " ", "exists": False, "error_code": "INVALID_PATH", "message": "缺少必要的路径参数"},
        {
            "path": "link",
            "exists": False,
            "error_code": "ACCESS_DENIED",
            "message": "访问被拒绝：文件路径超出工作空间范围",
        },
    ]
    for wrong in ([], ["x"] * 201):
        assert (await space.client.post(space.root + "/stat", json={"paths": wrong})).status_code == 422


async def test_a_file_is_sent_with_safe_headers_parts_and_conditions(space: Space) -> None:
    await space.put("x", "0123456789", target_path='报 "告\u202e.txt')
    got = await space.get('/workspace/报 "告\u202e.txt')
    shown = {name: got.headers[name] for name in ("content-type", "content-disposition", "accept-ranges")}
    assert (got.status_code, got.content, shown) == (
        200,
        b"0123456789",
        {
            "content-type": "text/plain; charset=utf-8",
            "content-disposition": (
                "attachment; filename=\"_ ___.txt\"; filename*=UTF-8''%E6%8A%A5%20%22%E5%91%8A_.txt"
            ),
            "accept-ranges": "bytes",
        },
    )
    assert (got.headers["x-content-type-options"], got.headers["cache-control"]) == ("nosniff", "private, no-cache")
    tag, when = got.headers["etag"], got.headers["last-modified"]
    name = '报 "告\u202e.txt'
    for headers, status, content in (
        ({"Range": "bytes=2-4"}, 206, b"234"),
        ({"Range": "bytes=7-"}, 206, b"789"),
        ({"Range": "bytes=-3"}, 206, b"789"),
        ({"Range": "bytes=0-99"}, 206, b"0123456789"),
        ({"Range": "bytes=0-1,4-5"}, 200, b"0123456789"),
        ({"Range": "lines=1"}, 200, b"0123456789"),
        ({"Range": "bytes=2-4", "If-Range": tag}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": when}, 206, b"234"),
        ({"Range": "bytes=2-4", "If-Range": '"other"'}, 200, b"0123456789"),
        ({"If-None-Match": f'"x", W/{tag}'}, 304, b""),
        ({"If-Modified-Since": when}, 304, b""),
        ({"If-None-Match": '"x"', "If-Modified-Since": when}, 200, b"0123456789"),
        ({"If-Modified-Since": "nonsense"}, 200, b"0123456789"),
    ):
        answer = await space.get(name, headers)
        assert (answer.status_code, answer.content) == (status, content), headers
    assert (await space.get(name, {"Range": "bytes=2-4"})).headers["content-range"] == "bytes 2-4/10"
    past = await space.get(name, {"Range": "bytes=50-60"})
    assert (past.status_code, past.json()["error_detail"], past.headers["content-range"]) == (
        416,
        "range_unsatisfiable",
        "bytes */10",
    )
    head = await space.client.head(space.root + "/download", params={"file_path": name})
    assert (head.status_code, head.headers["content-length"], head.content) == (200, "10", b"")


@pytest.mark.parametrize(
    ("name", "kind", "policy"),
    [
        ("t.txt", "inline", "default-src 'none'; frame-ancestors 'none'"),
        ("i.png", "inline", None),
        ("v.mp4", "inline", None),
        ("p.html", "inline", "sandbox"),
        ("v.svg", "inline", "sandbox"),
        ("d.pdf", "inline", "sandbox"),
        ("x.xhtml", "attachment", None),
        ("z.bin", "attachment", None),
        ("a.gz", "attachment", None),
    ],
)
async def test_inline_shows_what_cannot_run_scripts(space: Space, name: str, kind: str, policy: str | None) -> None:
    await space.put(name, "<script>1</script>")
    got = await space.get(name, inline="true")
    assert (got.headers["content-disposition"].split(";")[0], got.headers.get("content-security-policy")) == (
        kind,
        policy,
    )
    assert (await space.get(name)).headers["content-disposition"].startswith("attachment")


async def test_a_folder_is_sent_as_an_archive_while_it_is_built(space: Space) -> None:
    for path, text in (("f/a.txt", "a"), ("f/g/红.txt", "b" * 600_000), ("f/.dot", "d"), ("c.txt", "c")):
        await space.put("x", text, target_path=path)
    (space.folder / "f" / "link").symlink_to("/etc/passwd")
    got = await space.get("f")
    assert (got.status_code, got.headers["content-type"], names_in(got.content)) == (
        200,
        "application/zip",
        ["a.txt", "g/", "g/红.txt"],
    )
    assert got.headers["content-disposition"] == "attachment; filename=\"f.zip\"; filename*=UTF-8''f.zip"
    whole = await space.get("/")
    assert 'filename="workspace.zip"' in whole.headers["content-disposition"]
    assert names_in(whole.content) == ["c.txt", "f/", "f/a.txt", "f/g/", "f/g/红.txt"]


async def test_every_spelling_of_a_path_names_the_same_file(space: Space) -> None:
    await space.put("x", "same", target_path="d/f.txt")
    for path in ("d/f.txt", "/d/f.txt", "/workspace/d/f.txt", "/sage-workspace/d/f.txt", "workspace/d/f.txt"):
        assert (await space.get(path)).content == b"same", path
    for path in ("sage-workspace/d/f.txt", "file:///workspace/d/f.txt", "d\\f.txt", "./d//f.txt"):
        assert (await space.get(path)).content == b"same", path
    for path in ("d/none.txt", "d/f.txt/x", "none"):
        missing = await space.get(path)
        assert (missing.status_code, missing.json()["error_detail"]) == (404, "file_not_found")
    for query in ({}, {"file_path": "undefined"}):
        absent = await space.client.get(space.root + "/download", params=query)
        assert (absent.status_code, absent.json()["error_detail"]) == (400, "path_missing")


HOSTILE = [
    *("../canary.txt", "a/../../canary.txt", "/workspace/../canary.txt", "..\\canary.txt"),
    *("workspace/../../canary.txt", "a\x01b", "x" * 256, "/".join("d" * 65), "link", "way/canary.txt", "loop"),
]


@pytest.mark.parametrize("path", HOSTILE)
async def test_nothing_outside_is_reached(space: Space, path: str) -> None:
    await space.put("in.txt", "inside")
    outside = space.folder.parent
    (outside / "canary.txt").write_text("canary")
    (space.folder / "link").symlink_to(outside / "canary.txt")
    (space.folder / "way").symlink_to(outside)
    (space.folder / "loop").symlink_to("loop")
    got = await space.get(path)
    assert (got.status_code, got.json()["error_detail"]) == (403, "path_denied")
    written = await space.put("x", "PWNED", target_path=path)
    loaded = await space.load(b"no archive", path)
    assert written["error_detail"] == "path_denied"
    assert loaded["error_detail"] in ("path_denied", "archive_invalid")
    dropped = await space.drop(path)
    assert dropped["code"] == (200 if path in ("link", "loop") else 403)
    assert not (space.folder / "loop").is_symlink() or path != "loop"
    assert (outside / "canary.txt").read_text() == "canary"
    assert await space.paths() == ["in.txt"]


async def test_a_file_a_folder_or_a_link_is_deleted_and_never_the_root(space: Space) -> None:
    for path in ("a.txt", "f/b.txt", "f/g/c.txt", "keep.txt"):
        await space.put("x", target_path=path)
    (space.folder / "f" / "link").symlink_to(space.folder.parent)
    answer = await space.drop("/workspace/a.txt")
    assert (answer["message"], answer["data"]) == ("文件 a.txt 已删除", {"path": "a.txt", "deleted": True})
    assert (await space.drop("f"))["data"] == {"path": "f", "deleted": True}
    assert (await space.drop("a.txt"))["error_detail"] == "file_not_found"
    assert (await space.drop("a.txt", missing_ok="true"))["data"] == {"path": "a.txt", "deleted": False}
    for root in ("/", ".", "/workspace", "/workspace/", "a/..", ".clary", ".clary/results/x.txt"):
        assert (await space.drop(root))["error_detail"] == "path_denied", root
    assert (await space.drop(""))["error_detail"] == "path_missing"
    assert await space.paths() == ["keep.txt"]
