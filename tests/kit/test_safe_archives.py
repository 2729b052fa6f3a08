"""Archives of strangers, entry by entry (product.md 7.4); what makes them unsafe is tried through the API as well."""

import io
import stat
import tarfile
import time
import zipfile
from pathlib import Path
from typing import Literal

import pytest

from clary.kit.safe_archives import (
    ArchiveLimits,
    ArchiveTooLargeError,
    BrokenArchiveError,
    Place,
    UnsafeArchiveError,
    files_in,
    list_names,
)

Found = list[tuple[str, bool, bytes]]


def unpacked(archive: Path, kind: Literal["zip", "tar"] = "zip", limits: ArchiveLimits | None = None) -> Found:
    """Every file: path, executable, content."""
    found = files_in(archive, kind, placing=Place, limits=limits or ArchiveLimits())
    return [(each.path, each.is_executable, b"".join(each.pieces())) for each in found]


def tar_of(path: Path, *members: tuple[tarfile.TarInfo, bytes]) -> Path:
    """A tar.gz of these members."""
    with tarfile.open(path, "w:gz") as archive:
        for member, content in members:
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "") -> tarfile.TarInfo:
    """A member of a kind."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, target, 0o755
    return info


def test_zip_and_tar_give_the_same_files(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        info = zipfile.ZipInfo("dir\\run.sh")
        info.external_attr = (stat.S_IFREG | 0o755) << 16
        archive.writestr(info, "x")
    tar_of(tmp_path / "a.tgz", (member("./dir/run.sh"), b"x"))
    wanted = [("dir/run.sh", True, b"x")]
    assert (unpacked(tmp_path / "a.zip"), unpacked(tmp_path / "a.tgz", "tar")) == (wanted, wanted)


@pytest.mark.parametrize(
    ("info", "reason"),
    [
        (member("../a"), "path"),
        (member("/a"), "path"),
        (member("a", tarfile.SYMTYPE, "/etc"), "link"),
        (member("a", tarfile.LNKTYPE, "b"), "link"),
        (member("a", tarfile.CHRTYPE), "device"),
        (member("a", tarfile.FIFOTYPE), "device"),
        (member("x/" * 60 + "a"), "nesting"),
        (member("a" * 300), "name"),
    ],
)
def test_unsafe_members_of_a_tar_are_refused(tmp_path: Path, info: tarfile.TarInfo, reason: str) -> None:
    with pytest.raises(UnsafeArchiveError) as refused:
        unpacked(tar_of(tmp_path / "a.tgz", (info, b"")), "tar")
    assert refused.value.reason == reason


def test_a_header_that_lies_about_the_size_is_found_while_unpacking(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a", b"\0" * 100_000)
    raw = path.read_bytes()
    path.write_bytes(raw.replace((100_000).to_bytes(4, "little"), (10).to_bytes(4, "little")))
    with pytest.raises((BrokenArchiveError, ArchiveTooLargeError)):
        unpacked(path, limits=ArchiveLimits(file_bytes=50_000))


def test_a_bomb_stops_early_and_in_little_memory(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        archive.writestr("a", b"\0" * (120 << 20))
    began = time.monotonic()
    with pytest.raises((UnsafeArchiveError, ArchiveTooLargeError)):
        unpacked(tmp_path / "a.zip")
    tar_of(tmp_path / "a.tgz", (member("a"), b"\0" * (120 << 20)))
    with pytest.raises((UnsafeArchiveError, ArchiveTooLargeError)):
        unpacked(tmp_path / "a.tgz", "tar")
    assert time.monotonic() - began < 20


def test_a_million_entries_are_refused_before_they_are_read(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("a", "x")
    raw = bytearray((tmp_path / "a.zip").read_bytes())
    raw[-10:-6] = (60 << 20).to_bytes(4, "little")
    (tmp_path / "a.zip").write_bytes(raw)
    with pytest.raises(UnsafeArchiveError) as refused:
        list_names(tmp_path / "a.zip", "zip")
    assert refused.value.reason == "entries"


def test_an_encrypted_entry_and_an_odd_method_are_refused(tmp_path: Path) -> None:
    reasons: list[str] = []
    for offset, value in ((6, 1), (8, 14)):
        with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
            archive.writestr("a", "x")
        raw = bytearray((tmp_path / "a.zip").read_bytes())
        raw[offset] = value
        raw[raw.index(b"PK\1\2") + offset + 2] = value
        (tmp_path / "a.zip").write_bytes(raw)
        with pytest.raises(UnsafeArchiveError) as refused:
            unpacked(tmp_path / "a.zip")
        reasons.append(refused.value.reason)
    assert reasons == ["encrypted", "method"]


@pytest.mark.parametrize("content", [b"", b"PK", b"PK\3\4" + b"\0" * 100, b"\x1f\x8b" + b"\0" * 50])
def test_what_is_no_archive_is_broken(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a").write_bytes(content)
    kinds: tuple[Literal["zip", "tar"], ...] = ("zip", "tar")
    for kind in kinds:
        with pytest.raises(BrokenArchiveError):
            list_names(tmp_path / "a", kind)
