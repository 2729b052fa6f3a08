"""Containment of untrusted paths (product.md 4.2, 13 A14 and A15)."""

import ctypes
import os
import threading
from pathlib import Path

import pytest

from clary.kit import safe_paths
from clary.kit.safe_paths import PathDeniedError, PathError, PathKindError, PathMissingError, PathTooLargeError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A root with a sibling of the same prefix, and a canary outside."""
    (tmp_path / "secret.txt").write_text("canary")
    (tmp_path / "root-twin").mkdir()
    (tmp_path / "root-twin" / "secret.txt").write_text("canary")
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


@pytest.mark.parametrize(
    ("given", "relative"),
    [
        ("a/b.txt", "a/b.txt"),
        ("/workspace/a.txt", "a.txt"),
        ("/sage-workspace/a.txt", "a.txt"),
        ("file:///workspace/a.txt", "a.txt"),
        ("file:///sage-workspace/a b.txt", "a b.txt"),
        ("/a.txt", "a.txt"),
        ("//etc//passwd", "etc/passwd"),
        ("\\workspace\\a\\b.txt", "a/b.txt"),
        ("/workspace", ""),
        ("/workspace/", ""),
        (".", ""),
        ("", ""),
        ("./a/./b/", "a/b"),
        ("/workspaces/a", "workspaces/a"),
        ("/workspace//etc/passwd", "etc/passwd"),
        ("%2e%2e/a", "%2e%2e/a"),
        ("…/..a/b..", "…/..a/b.."),
        ("笔记/今天.md", "笔记/今天.md"),
        ("x" * 255, "x" * 255),
        ("/".join("a" * 64), "/".join("a" * 64)),
    ],
)
def test_paths_become_relative(given: str, relative: str) -> None:
    assert safe_paths.normalise(given) == relative


@pytest.mark.parametrize(
    "given",
    [
        "..",
        "../a",
        "a/../b",
        "/workspace/../x",
        "workspace/../..",
        "..\\..\\x",
        "file://../x",
        "a\0b",
        "a\nb",
        "a\x1bb",
        "a\x85b",
        "\ud800",
        "x" * 256,
        "中" * 86,
        "a/" * 2049,
        "/".join("a" * 65),
    ],
)
def test_hostile_paths_are_refused(given: str) -> None:
    with pytest.raises(PathDeniedError):
        safe_paths.normalise(given)


def test_a_lost_slash_before_the_shown_root_is_forgiven(root: Path) -> None:
    (root / "a.txt").write_text("a")
    (root / "workspace").mkdir()
    (root / "workspace" / "b.txt").write_text("b")
    assert safe_paths.locate(root, "workspace/a.txt") == "a.txt"
    assert safe_paths.locate(root, "sage-workspace/new.txt") == "new.txt"
    assert safe_paths.locate(root, "workspace/b.txt") == "workspace/b.txt"


def test_what_is_written_is_read(root: Path) -> None:
    safe_paths.write_atomically(root, "deep/er/a.bin", b"\0one")
    safe_paths.write_atomically(root, "deep/er/a.bin", b"two")
    assert safe_paths.read_bytes(root, "deep/er/a.bin", 3) == b"two"
    assert [entry.name for entry in safe_paths.scandir(root, "deep/er")] == ["a.bin"]


def test_a_replaced_file_keeps_its_mode_and_a_new_one_follows_its_folder(root: Path) -> None:
    if os.geteuid() == 0:
        os.chown(root, 4321, 4321)
    safe_paths.write_atomically(root, "new/run.sh", b"")
    (root / "new" / "run.sh").chmod(0o755)
    safe_paths.write_atomically(root, "new/run.sh", b"x")
    facts = (root / "new" / "run.sh").stat()
    assert facts.st_mode & 0o777 == 0o755
    assert facts.st_uid == (root / "new").stat().st_uid == root.stat().st_uid


@pytest.mark.parametrize("path", ["none.txt", "none/a.txt", "folder/none/a.txt", "file.txt/a", "link/a.txt"])
def test_an_error_names_the_whole_path_that_was_asked_for(root: Path, path: str) -> None:
    safe_paths.write_atomically(root, "file.txt", b"x")
    safe_paths.make_folders(root, "folder")
    (root / "link").symlink_to(root / "folder")
    with pytest.raises(PathError) as failure:
        safe_paths.stat(root, path)
    assert failure.value.path == path


def test_kinds_and_limits_are_told_apart(root: Path) -> None:
    safe_paths.write_atomically(root, "a.txt", b"12345")
    safe_paths.make_folders(root, "folder/below")
    os.mkfifo(root / "pipe")
    for path, error in (
        ("none.txt", PathMissingError),
        ("none/a.txt", PathMissingError),
        ("folder", PathKindError),
        ("a.txt/b", PathKindError),
        ("pipe", PathKindError),
        ("", PathKindError),
    ):
        with pytest.raises(error):
            safe_paths.read_bytes(root, path, 10)
    with pytest.raises(PathTooLargeError):
        safe_paths.read_bytes(root, "a.txt", 4)
    for path in ("folder", "", "a.txt/b", "pipe"):
        with pytest.raises(PathKindError):
            safe_paths.write_atomically(root, path, b"x")
    with pytest.raises(PathKindError):
        safe_paths.scandir(root, "a.txt")
    with pytest.raises(PathKindError):
        safe_paths.remove_file(root, "folder")
    assert sorted(os.listdir(root)) == ["a.txt", "folder", "pipe"]


@pytest.mark.parametrize("target", ["../secret.txt", "/etc/passwd", "inside.txt", "link"])
def test_links_are_never_followed_at_the_last_step(root: Path, target: str) -> None:
    (root / "inside.txt").write_text("inside")
    (root / "link").symlink_to(target)
    with pytest.raises(PathDeniedError):
        safe_paths.read_bytes(root, "link", 100)
    with pytest.raises(PathDeniedError):
        safe_paths.write_atomically(root, "link", b"x")
    assert safe_paths.kind_of(safe_paths.stat(root, "link")) == "symlink"
    safe_paths.remove_file(root, "link")
    assert (root / "inside.txt").read_text() == "inside"
    assert (root.parent / "secret.txt").read_text() == "canary"


@pytest.mark.parametrize("target", ["..", "/", "../root-twin", "."])
def test_links_are_never_followed_on_the_way(root: Path, target: str) -> None:
    (root / "link").symlink_to(target)
    for action in (
        lambda: safe_paths.read_bytes(root, "link/secret.txt", 100),
        lambda: safe_paths.write_atomically(root, "link/new.txt", b"x"),
        lambda: safe_paths.make_folders(root, "link/new"),
        lambda: safe_paths.stat(root, "link/secret.txt"),
        lambda: safe_paths.scandir(root, "link"),
        lambda: safe_paths.remove_file(root, "link/secret.txt"),
    ):
        with pytest.raises(PathDeniedError):
            action()
    assert [path for path, _ in safe_paths.walk(root, "")] == ["link"]
    assert (root.parent / "secret.txt").read_text() == "canary"


def test_a_folder_swapped_for_a_link_never_leads_out(root: Path) -> None:
    """One thread swaps a folder and a link to the outside while the other reads, writes and lists."""
    (root / "swap").mkdir()
    (root / "swap" / "secret.txt").write_text("inside")
    (root / "link").symlink_to("..")
    over = threading.Event()

    exchange = ctypes.CDLL(None).renameat2
    pair = (-100, os.fsencode(root / "swap"), -100, os.fsencode(root / "link"), 2)

    def swap() -> None:
        while not over.is_set():
            exchange(*pair)

    swapping = threading.Thread(target=swap)
    swapping.start()
    try:
        for _ in range(1500):
            try:
                assert safe_paths.read_bytes(root, "swap/secret.txt", 100) == b"inside"
                assert "root" not in [entry.name for entry in safe_paths.scandir(root, "swap")]
                safe_paths.write_atomically(root, "swap/made.txt", b"x")
            except PathError:
                continue
    finally:
        over.set()
        swapping.join(10)
    assert sorted(os.listdir(root.parent)) == ["root", "root-twin", "secret.txt"]
    assert (root.parent / "secret.txt").read_text() == "canary"


def test_a_walk_is_ordered_bounded_and_survives_odd_names(root: Path) -> None:
    for path in ("b/x/deep.txt", "a.txt", "c.txt"):
        safe_paths.write_atomically(root, path, b"1")
    (root / "d").symlink_to("b")
    with open(os.fsencode(root) + b"/\xff.txt", "wb"):
        pass
    walked = [safe_paths.printable(path) for path, _ in safe_paths.walk(root, "")]
    assert walked == ["a.txt", "b", "b/x", "b/x/deep.txt", "c.txt", "d", "\ufffd.txt"]
    assert [path for path, _ in safe_paths.walk(root, "b", 1)] == ["b/x"]


def test_no_descriptor_is_left_open(root: Path) -> None:
    safe_paths.write_atomically(root, "a/b/c.txt", b"1")
    before = len(os.listdir("/proc/self/fd"))
    for path in ("a/b/c.txt", "a/none/c.txt", "a/b/c.txt/d"):
        for _ in range(20):
            try:
                safe_paths.read_bytes(root, path, 0)
            except PathError:
                continue
    assert len(os.listdir("/proc/self/fd")) == before


def test_a_failed_write_leaves_nothing(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*arguments: object, **options: object) -> None:
        raise OSError(28, "full")

    safe_paths.write_atomically(root, "a.txt", b"old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OSError, match="full"):
        safe_paths.write_atomically(root, "a.txt", b"new")
    assert os.listdir(root) == ["a.txt"]
    assert (root / "a.txt").read_bytes() == b"old"
