"""apply_patch: all of a patch or nothing of it (product.md 6.2, A29)."""

from pathlib import Path

import pytest

from clary.features.toolbox.patch_tool import ApplyPatchTool
from clary.features.toolbox.patching import PatchError, patched, read_patch
from clary.runtime.tools import ToolFailedError

pytestmark = pytest.mark.anyio

PATCH = """*** Begin Patch
*** Add File: new/added.txt
+first
+second
*** Update File: kept.txt
@@
 one
-two
+TWO
 three

*** Delete File: gone.txt
*** End Patch"""


@pytest.fixture
def files(bench) -> Path:
    (bench.workspace / "kept.txt").write_text("one\ntwo\nthree\n")
    (bench.workspace / "gone.txt").write_text("bye\nbye\n")
    return bench.workspace


def tree(folder: Path) -> dict[str, str]:
    """Path → text of every file."""
    return {str(path.relative_to(folder)): path.read_text() for path in sorted(folder.rglob("*")) if path.is_file()}


async def test_files_are_added_changed_and_deleted(bench, files: Path) -> None:
    assert await bench.call("apply_patch", patch=PATCH) == {
        "status": "success",
        "message": "已修改 3 个文件",
        "files": [
            {"path": "/workspace/new/added.txt", "action": "add", "added": 2, "removed": 0},
            {"path": "/workspace/kept.txt", "action": "update", "added": 1, "removed": 1},
            {"path": "/workspace/gone.txt", "action": "delete", "added": 0, "removed": 2},
        ],
    }
    assert tree(files) == {"kept.txt": "one\nTWO\nthree\n", "new/added.txt": "first\nsecond\n"}


@pytest.mark.parametrize(
    "patch",
    [
        PATCH.replace("-two", "-not there"),
        PATCH.replace("gone.txt", "never.txt"),
        PATCH.replace("new/added.txt", "kept.txt"),
        PATCH.replace("new/added.txt", "../outside.txt"),
        PATCH.replace("new/added.txt", "/etc/outside.txt/../x"),
        PATCH.replace("gone.txt", "kept.txt"),
        PATCH.replace("*** End Patch", ""),
        PATCH.replace(" three", "three"),
        "*** Begin Patch\n*** End Patch",
        "not a patch",
    ],
)
async def test_a_patch_that_does_not_fit_changes_nothing(bench, files: Path, patch: str) -> None:
    before = tree(files.parent)
    with pytest.raises(ToolFailedError):
        await bench.call("apply_patch", patch=patch)
    assert tree(files.parent) == before


async def test_what_fails_while_writing_is_taken_back(bench, files: Path) -> None:
    # A folder stands where the second file's folder would have to be a file: preparing cannot know it.
    (files / "block").write_text("a file")
    patch = PATCH.replace("*** Delete File: gone.txt", "*** Add File: block/x.txt\n+x\n*** Delete File: gone.txt")
    before = tree(files)
    with pytest.raises(ToolFailedError):
        await bench.call("apply_patch", patch=patch)
    assert tree(files) == before


async def test_a_link_is_not_followed(bench, files: Path) -> None:
    (files / "link").symlink_to(files.parent)
    patch = "*** Begin Patch\n*** Update File: link/secret.txt\n@@\n-canary root:\n+x\n*** End Patch"
    with pytest.raises(ToolFailedError):
        await bench.call("apply_patch", patch=patch)
    assert (files.parent / "secret.txt").read_text() == "canary root:"


@pytest.mark.parametrize(
    ("text", "hunks", "wanted"),
    [
        ("a\nb\na\nb\n", "@@\n-b\n+B", "a\nB\na\nb\n"),
        ("def f():\n    x\ndef g():\n    x\n", "@@ def g():\n-    x\n+    y", "def f():\n    x\ndef g():\n    y\n"),
        ("a\nb\na\n", "@@\n-a\n+Z\n*** End of File", "a\nb\nZ\n"),
        ("a\r\nb\r\n", "@@\n a\n+new", "a\r\nnew\r\nb\r\n"),
        ("\ta\t\nb", "@@\n a\n-b\n+c", "\ta\t\nc"),
        ("a\n", "@@\n+end", "a\nend\n"),
        ("a\n", "@@\n-a", ""),
        ("a\n\nb\n", "@@\n a\n\n-b\n+c", "a\n\nc\n"),
    ],
)
def test_a_change_finds_its_place_and_keeps_the_other_bytes(text: str, hunks: str, wanted: str) -> None:
    (file,) = read_patch(f"*** Begin Patch\n*** Update File: x\n{hunks}\n*** End Patch")
    assert patched(text, file) == wanted


def test_a_file_of_equal_lines_is_given_up_instead_of_searched_for_ever() -> None:
    hunk = "@@\n" + " x\n" * 5000 + "-y"
    (file,) = read_patch(f"*** Begin Patch\n*** Update File: x\n{hunk}\n*** End Patch")
    with pytest.raises(PatchError):
        patched("x\n" * 200_000, file)


def test_the_files_of_a_patch_are_known_before_it_runs() -> None:
    named = ApplyPatchTool.definition.spec("en").files_in
    assert named is not None
    patch = "*** Begin Patch\n*** Add File: /workspace/a.md\n+x\n*** Delete File: b.md\n*** End Patch\n"
    assert named({"patch": patch}) == ["/workspace/a.md", "b.md"]
    assert (named({"patch": "none"}), named({})) == ([], [])
