"""grep (product.md 6.2)."""

import os
import time

import pytest

from clary.runtime.tools import ToolFailedError

pytestmark = pytest.mark.anyio


@pytest.fixture
async def filled(bench):
    """Some files."""
    for path, text in (
        ("src/a.py", "import os\nneedle = 1\nend\n"),
        ("src/sub/b.txt", "Needle 针\r\n"),
        ("top.md", "none\n"),
    ):
        await bench.call("file_write", file_path=path, content=text)
    return bench


async def test_a_match_comes_with_its_place_and_surroundings(filled) -> None:
    assert await filled.call("grep", pattern="needle", context=1) == {
        "status": "success",
        "matches": [
            {
                "path": "/workspace/src/a.py",
                "line_number": 2,
                "line": "needle = 1",
                "before": ["import os"],
                "after": ["end"],
            }
        ],
        "truncated": False,
    }


@pytest.mark.parametrize(
    ("glob", "found"),
    [
        ("*.txt", ["b.txt"]),
        ("*.{py,txt}", ["a.py", "b.txt"]),
        ("**/*.py", ["a.py"]),
        ("src/*.txt", []),
        ("src/**/*.txt", ["b.txt"]),
        ("src/**", ["a.py", "b.txt"]),
        ("?.py", ["a.py"]),
        ("[a]{.py", []),
    ],
)
async def test_a_glob_chooses_the_files(filled, glob: str, found: list[str]) -> None:
    result = await filled.call("grep", pattern="needle", ignore_case=True, glob=glob)
    assert [match["path"].rpartition("/")[2] for match in result["matches"]] == found


async def test_one_file_or_folder_can_be_searched(filled) -> None:
    for path, count in (("src/sub/b.txt", 1), ("/workspace/src/sub", 1), ("src", 2), ("top.md", 0)):
        assert len((await filled.call("grep", pattern="(?i)needle", path=path))["matches"]) == count
    with pytest.raises(ToolFailedError, match="/workspace/none"):
        await filled.call("grep", pattern="x", path="none")


async def test_odd_files_are_passed_over(filled) -> None:
    (filled.workspace / "binary").write_bytes(b"needle\0")
    (filled.workspace / "link.txt").symlink_to(filled.workspace.parent / "secret.txt")
    os.mkfifo(filled.workspace / "pipe")
    with open(os.fsencode(filled.workspace) + b"/\xff.txt", "wb") as file:
        file.write("needle 针".encode("gb18030"))
    result = await filled.call("grep", pattern="needle|canary", glob="*")
    assert [match["path"] for match in result["matches"]] == ["/workspace/src/a.py", "/workspace/\ufffd.txt"]


async def test_matches_and_lines_are_capped(bench) -> None:
    (bench.workspace / "many.txt").write_text(("x" * 600 + "\n") * 300)
    result = await bench.call("grep", pattern="x$", context=5)
    assert (len(result["matches"]), result["truncated"]) == (200, True)
    assert result["matches"][0]["line"] == "x" * 500 + "..."
    (bench.workspace / "many.txt").write_text("x\n" * 200)
    assert (await bench.call("grep", pattern="x"))["truncated"] is False


@pytest.mark.parametrize("pattern", ["(a+)+b", "(?:a|b)*a(?:[ab]{900})c", "(a|aa)+$x"])
async def test_a_bomb_ends_quickly(bench, pattern: str) -> None:
    (bench.workspace / "evil.txt").write_text("a" * 3_000_000 + "!\n" + "a" * 5000)
    started = time.monotonic()
    await bench.call("grep", pattern=pattern)
    assert time.monotonic() - started < 5


@pytest.mark.parametrize("pattern", ["(", "(?=a)", "a" * 3000])
async def test_a_bad_pattern_is_an_error_of_the_arguments(bench, pattern: str) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await bench.call("grep", pattern=pattern)
    assert failure.value.error_type == "INVALID_ARGUMENTS"


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("**/*.py", ["/workspace/src/deep/b.py", "/workspace/src/a.py"]),
        ("*.md", ["/workspace/top.md"]),
        ("src/*.py", ["/workspace/src/a.py"]),
        ("/workspace/src/*.py", ["/workspace/src/a.py"]),
        ("*.{md,py}", ["/workspace/src/deep/b.py", "/workspace/top.md", "/workspace/src/a.py"]),
        ("../*", []),
        ("/etc/*", []),
    ],
)
async def test_files_are_found_by_name_the_newest_first(bench, pattern: str, found: list[str]) -> None:
    for age, name in enumerate(("src/deep/b.py", "top.md", "src/a.py")):
        path = bench.workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
        os.utime(path, (1000 - age, 1000 - age))
    (bench.workspace / "out").symlink_to(bench.workspace.parent)
    answer = await bench.call("glob", pattern=pattern)
    assert answer == {"status": "success", "files": found, "truncated": False}


async def test_a_glob_ends_at_a_thousand(bench) -> None:
    for number in range(1001):
        (bench.workspace / f"f{number}").touch()
    answer = await bench.call("glob", pattern="f*")
    assert (len(answer["files"]), answer["truncated"]) == (1000, True)


@pytest.mark.parametrize(
    ("language", "message"),
    [("zh", "正则表达式无效: 缺少右括号 )"), ("en", "Invalid regular expression: a ) is missing")],
)
async def test_a_bad_pattern_is_told_of_in_the_words_of_the_run(filled, language: str, message: str) -> None:
    with pytest.raises(ToolFailedError) as failure:
        await filled.call("grep", language, pattern="(")
    assert failure.value.message == message
