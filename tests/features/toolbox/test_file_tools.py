"""file_read, file_write, file_update, list_dir (stream-runtime.md 9.5, product.md 6.2)."""

import time

import pytest

from clary.runtime.tools import ToolFailedError

pytestmark = pytest.mark.anyio

HOSTILE = [
    "../secret.txt",
    "/workspace/../secret.txt",
    "a/../../secret.txt",
    "/etc/passwd",
    "/proc/self/environ",
    "link/secret.txt",
    "link",
    "..\\secret.txt",
    "a\0b",
    "x" * 300,
]


async def test_a_written_file_is_read_under_all_its_names(bench) -> None:
    made = await bench.call("file_write", file_path="/workspace/deep/er/n.txt", content="one 红\ntwo\n")
    assert made == {
        "status": "success",
        "message": "文件已写入: /workspace/deep/er/n.txt",
        "file_path": "/workspace/deep/er/n.txt",
        "content_length": 10,
    }
    for path in (
        "deep/er/n.txt",
        "/sage-workspace/deep/er/n.txt",
        "workspace/deep/er/n.txt",
        "file:///workspace/deep/er/n.txt",
    ):
        assert await bench.call("file_read", file_path=path) == {
            "status": "success",
            "content": "one 红\ntwo\n",
            "total_lines": 2,
            "start_line": 0,
            "end_line": 2,
            "file_path": "/workspace/deep/er/n.txt",
        }


@pytest.mark.parametrize(
    ("options", "first", "last"),
    [
        ({}, 0, 399),
        ({"start_line": 2, "end_line": 4}, 2, 3),
        ({"start_line": 890, "end_line": None}, 890, 899),
        ({"start_line": 500}, 500, 899),
        ({"start_line": 450, "end_line": 99999}, 450, 899),
    ],
)
async def test_the_asked_lines_are_given(bench, options, first: int, last: int) -> None:
    (bench.workspace / "l.txt").write_text("".join(f"line-{n}\n" for n in range(900)))
    result = await bench.call("file_read", file_path="l.txt", **options)
    assert result["content"].split() == [f"line-{n}" for n in range(first, last + 1)]
    assert (result["total_lines"], result["start_line"], result["end_line"]) == (900, first, last + 1)


async def test_lines_past_the_end_are_empty_and_an_empty_range_is_an_error(bench) -> None:
    (bench.workspace / "l.txt").write_text("one\ntwo")
    past = await bench.call("file_read", file_path="l.txt", start_line=10)
    assert (past["content"], past["total_lines"], past["end_line"]) == ("", 2, 2)
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("file_read", file_path="l.txt", start_line=5, end_line=5)
    assert failure.value.error_type == "INVALID_ARGUMENTS"


@pytest.mark.parametrize(
    ("language", "message"),
    [
        ("zh", "文件不存在: /workspace/runbook.md"),
        ("en", "File not found: /workspace/runbook.md"),
        ("pt", "File not found: /workspace/runbook.md"),
    ],
)
async def test_a_missing_file_is_named_in_the_runs_language(bench, language: str, message: str) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("file_read", language, file_path="/workspace/runbook.md")
    assert (failure.value.message, failure.value.error_type) == (message, "EXECUTION_ERROR")


@pytest.mark.parametrize("path", HOSTILE)
@pytest.mark.parametrize(
    ("tool", "more"),
    [
        ("file_read", {}),
        ("file_write", {"content": "PWNED"}),
        ("file_update", {"search_pattern": "root", "replacement": "PWNED"}),
        ("list_dir", {}),
        ("grep", {"pattern": "root"}),
        ("execute_shell_command", {"command": "true"}),
    ],
)
async def test_no_tool_leaves_the_workspace(bench, tool: str, more, path: str) -> None:
    (bench.workspace / "link").symlink_to("..")
    parameter = {"list_dir": "path", "grep": "path", "execute_shell_command": "workdir"}.get(tool, "file_path")
    try:
        result = str(await bench.call(tool, **{parameter: path}, **more))
    except ToolFailedError as error:
        result = error.message
    assert "canary" not in result
    assert str(bench.workspace) not in result
    assert (bench.workspace.parent / "secret.txt").read_text() == "canary root:"
    assert sorted(item.name for item in bench.workspace.parent.iterdir()) == ["secret.txt", "ws"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        ("中文".encode(), "中文"),
        ("中文,第二列\n".encode("gb18030"), "中文,第二列\n"),
        (b"\xef\xbb\xbfhello", "hello"),
        ("héllo".encode("utf-16"), "héllo"),
        (b"ok \xff\xff\xff end", "ok \ufffd\ufffd\ufffd end"),
        (b"", ""),
        (b"a\r\nb\x0cc\xe2\x80\xa8d", "a\r\nb\x0cc\u2028d"),
    ],
)
async def test_text_of_any_spelling_is_read(bench, content: bytes, text: str) -> None:
    (bench.workspace / "t.txt").write_bytes(content)
    assert (await bench.call("file_read", file_path="t.txt"))["content"] == text


@pytest.mark.parametrize(
    "content",
    [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", bytes(range(256)) * 10, b"\x01\x02\x03\x04" * 50, b"a" * 70_000 + b"\0"],
)
async def test_a_binary_file_is_an_error(bench, content: bytes) -> None:
    (bench.workspace / "b.bin").write_bytes(content)
    with pytest.raises(ToolFailedError, match="不是文本文件: /workspace/b"):
        await bench.call("file_read", file_path="b.bin")


async def test_folders_pipes_and_giants_are_errors(bench) -> None:
    import os

    (bench.workspace / "folder").mkdir()
    os.mkfifo(bench.workspace / "pipe")
    with (bench.workspace / "giant").open("wb") as file:
        file.truncate(30 * 1024**2)
    for path in ("folder", ".", "pipe", "giant"):
        with pytest.raises(ToolFailedError):
            await bench.call("file_read", file_path=path)
    with pytest.raises(ToolFailedError):
        await bench.call("file_write", file_path="folder", content="x")


async def test_too_much_or_unspeakable_content_is_not_written(bench) -> None:
    for content in ("x" * (10 * 1024**2 + 1), "中" * (4 * 1024**2)):
        with pytest.raises(ToolFailedError, match="10 MiB"):
            await bench.call("file_write", file_path="big.txt", content=content)
    assert list(bench.workspace.iterdir()) == []


@pytest.mark.parametrize(
    ("search", "replacement", "use_regex", "after", "count"),
    [
        ("a.c", r"\1", False, r"\1 abc x12", 1),
        (r"x(\d)(\d)", r"\2\1", True, "a.c abc 21", 1),
        ("a.c", "!", True, "! ! x12", 2),
        ("^", "> ", True, "> a.c abc x12", 1),
        ("c", "", False, "a. ab x12", 2),
    ],
)
async def test_matches_are_replaced(
    bench, search: str, replacement: str, use_regex: bool, after: str, count: int
) -> None:
    (bench.workspace / "u.txt").write_text("a.c abc x12")
    result = await bench.call(
        "file_update", file_path="u.txt", search_pattern=search, replacement=replacement, use_regex=use_regex
    )
    assert result == {"status": "success", "message": f"已替换 {count} 处: /workspace/u.txt", "replacements": count}
    assert (bench.workspace / "u.txt").read_text() == after


@pytest.mark.parametrize(
    "arguments",
    [
        {"search_pattern": "zzz", "replacement": "x"},
        {"search_pattern": "(a+)+$", "replacement": "x", "use_regex": True},
        {"search_pattern": "(", "replacement": "x", "use_regex": True},
        {"search_pattern": "a", "replacement": r"\7", "use_regex": True},
        {"search_pattern": "a", "replacement": "\\", "use_regex": True},
        {"search_pattern": "", "replacement": "x"},
        {"search_pattern": "a", "replacement": "x" * 10_000},
        {"search_pattern": "(a+)", "replacement": r"\1" * 10_000, "use_regex": True},
        {"search_pattern": "(?:a|b)*a(?:[ab]{900})c", "replacement": "x", "use_regex": True},
        {"search_pattern": "a.*z|a", "replacement": "x", "use_regex": True},
    ],
)
async def test_an_update_that_cannot_be_done_changes_nothing_and_ends_soon(bench, arguments) -> None:
    content = "a" * 2_000_000 + "!"
    (bench.workspace / "u.txt").write_text(content)
    started = time.monotonic()
    with pytest.raises(ToolFailedError):
        await bench.call("file_update", file_path="u.txt", **arguments)
    assert time.monotonic() - started < 6
    assert (bench.workspace / "u.txt").read_text() == content


async def test_an_update_keeps_the_spelling_and_the_mode(bench) -> None:
    file = bench.workspace / "u.sh"
    file.write_bytes("旧的\r\n".encode("gb18030"))
    file.chmod(0o755)
    await bench.call("file_update", file_path="u.sh", search_pattern="旧", replacement="新")
    assert file.read_bytes() == "新的\r\n".encode("gb18030")
    assert file.stat().st_mode & 0o777 == 0o755


async def test_unreadable_bytes_are_never_rewritten(bench) -> None:
    (bench.workspace / "u.txt").write_bytes(b"one \xff\xff\xff two")
    with pytest.raises(ToolFailedError):
        await bench.call("file_update", file_path="u.txt", search_pattern="one", replacement="1")
    assert (bench.workspace / "u.txt").read_bytes() == b"one \xff\xff\xff two"


async def test_folders_are_listed_to_the_asked_depth(bench) -> None:
    await bench.call("file_write", file_path="a/b/c.txt", content="123")
    (bench.workspace / "link").symlink_to("/")
    top = {"name": "a", "path": "/workspace/a", "type": "directory"}
    shallow = await bench.call("list_dir")
    assert (shallow["status"], shallow["path"], shallow["truncated"]) == ("success", "/workspace", False)
    assert [{**entry, "size": 0} for entry in shallow["entries"]] == [
        {**top, "size": 0},
        {"name": "link", "path": "/workspace/link", "type": "symlink", "size": 0},
    ]
    deep = await bench.call("list_dir", path="/workspace/a", depth=2)
    assert [entry["path"] for entry in deep["entries"]] == ["/workspace/a/b", "/workspace/a/b/c.txt"]
    assert deep["entries"][1]["size"] == 3


async def test_long_listings_end_at_a_thousand(bench) -> None:
    for number in range(1001):
        (bench.workspace / f"{number}").touch()
    result = await bench.call("list_dir")
    assert (len(result["entries"]), result["truncated"]) == (1000, True)


@pytest.mark.parametrize("arguments", [{"depth": 6}, {"depth": 0}, {"depth": "deep"}, {"path": 5}])
async def test_bad_arguments_are_refused(bench, arguments) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("list_dir", **arguments)
    assert failure.value.error_type == "INVALID_ARGUMENTS"
