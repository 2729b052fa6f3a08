"""What every store of original files does, whether a folder or a bucket."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from clary.adapters.object_store import BucketAccess, BucketOfOriginals
from clary.adapters.original_files import FolderOfOriginals
from clary.features.knowledge.ports import FileTooLargeError, OriginalFiles
from clary.kit.safe_paths import PathDeniedError
from support.s3_server import BUCKET, S3Server, s3_server

pytestmark = pytest.mark.anyio

PART = 5 * 1024 * 1024


@pytest.fixture(scope="module")
def s3() -> Iterator[S3Server]:
    with s3_server() as server:
        yield server


def bucket(url: str, scratch: Path) -> BucketOfOriginals:
    access = BucketAccess(BUCKET, "key", "secret", endpoint=url, prefix="here")
    return BucketOfOriginals(access, scratch=scratch, part_bytes=PART)


@pytest.fixture(params=["folder", "bucket"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> OriginalFiles:
    if request.param == "folder":
        return FolderOfOriginals(tmp_path / "store")
    s3: S3Server = request.getfixturevalue("s3")
    s3.empty()
    return bucket(s3.url, tmp_path / "scratch")


async def pieces(*content: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for each in content:
        yield each
    if fault is not None:
        raise fault


async def keys(store: OriginalFiles) -> list[str]:
    return sorted([key async for key in store.list_keys()])


async def test_a_file_is_there_whole_and_readable_by_its_owner_only(store: OriginalFiles) -> None:
    assert await store.put("a/b/c.1", pieces(b"one ", b"two"), max_bytes=7) == 7
    path = await store.open_local("a/b/c.1")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one two", 0o600)
    with path.open("rb") as opened:
        await store.release(path)
        assert opened.read() == b"one two"
    await store.release(path)
    assert await keys(store) == ["a/b/c.1"]
    assert await store.put("a/b/empty", pieces(), max_bytes=7) == 0
    path = await store.open_local("a/b/empty")
    assert path.read_bytes() == b""
    await store.release(path)


async def test_large_files_arrive_as_they_were_sent(store: OriginalFiles) -> None:
    content = [bytes([n]) * (1024 * 1024 + n) for n in range(12)]
    assert await store.put("large", pieces(*content), max_bytes=1 << 30) == sum(map(len, content))
    path = await store.open_local("large")
    assert path.read_bytes() == b"".join(content)
    await store.release(path)


@pytest.mark.parametrize("size", [4, 7 * 1024 * 1024])
@pytest.mark.parametrize("fault", [None, ValueError("gone")])
async def test_what_breaks_off_leaves_nothing(
    store: OriginalFiles, request: pytest.FixtureRequest, size: int, fault: Exception | None
) -> None:
    most = size * 2 if fault else size * 2 - 1
    with pytest.raises(FileTooLargeError if fault is None else ValueError):
        await store.put("a/b/c.1", pieces(b"x" * size, b"x" * size, fault=fault), max_bytes=most)
    assert await keys(store) == []
    with pytest.raises(FileNotFoundError):
        await store.open_local("a/b/c.1")
    if isinstance(store, BucketOfOriginals):
        assert request.getfixturevalue("s3").parts() == []


async def test_removed_files_are_gone_and_missing_ones_no_fault(store: OriginalFiles) -> None:
    for key in ("a/1", "a/2"):
        await store.put(key, pieces(b"x"), max_bytes=7)
    await store.remove(["a/1", "a/never"])
    assert await keys(store) == ["a/2"]
    with pytest.raises(PathDeniedError):
        await store.put("../x", pieces(b"x"), max_bytes=7)


async def test_a_bucket_keeps_no_copies_after_their_release(s3: S3Server, tmp_path: Path) -> None:
    store = bucket(s3.url, tmp_path / "scratch")
    await store.put("a/b", pieces(b"x"), max_bytes=7)
    one, two = await store.open_local("a/b"), await store.open_local("a/b")
    await store.release(one)
    assert two.read_bytes() == b"x"
    await store.release(two)
    assert list((tmp_path / "scratch").iterdir()) == []
    assert "here/originals/a/b" in s3.names()


async def test_a_bucket_that_is_down_is_told_as_a_disk_would_be(tmp_path: Path) -> None:
    store = bucket("http://127.0.0.1:9", tmp_path / "scratch")
    with pytest.raises(OSError, match="does not answer"):
        await store.put("a", pieces(b"x"), max_bytes=7)
    with pytest.raises(OSError, match="does not answer") as told:
        await store.open_local("a")
    assert not isinstance(told.value, FileNotFoundError)
    with pytest.raises(OSError, match="does not answer"):
        await keys(store)
    assert list(tmp_path.glob("scratch/*")) == []
