"""The store of original files: whole files or none."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clary.adapters.original_files import FolderOfOriginals
from clary.features.knowledge.ports import FileTooLargeError
from clary.kit.safe_paths import PathDeniedError

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(tmp_path: Path) -> FolderOfOriginals:
    return FolderOfOriginals(tmp_path / "store")


async def pieces(*content: bytes, fault: Exception | None = None) -> AsyncIterator[bytes]:
    for each in content:
        yield each
    if fault is not None:
        raise fault


async def keys(store: FolderOfOriginals) -> list[str]:
    return sorted([key async for key in store.list_keys()])


async def test_a_file_is_there_whole_and_readable_by_its_owner_only(store: FolderOfOriginals) -> None:
    assert await store.put("a/b/c.1", pieces(b"one ", b"two"), max_bytes=7) == 7
    path = await store.open_local("a/b/c.1")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"one two", 0o600)
    assert await keys(store) == ["a/b/c.1"]


@pytest.mark.parametrize(
    ("chunks", "error"),
    [(pieces(b"x" * 8), FileTooLargeError), (pieces(b"x", fault=ValueError("gone")), ValueError)],
)
async def test_what_breaks_off_leaves_nothing(
    store: FolderOfOriginals, chunks: AsyncIterator[bytes], error: type[Exception]
) -> None:
    with pytest.raises(error):
        await store.put("a/b/c.1", chunks, max_bytes=7)
    assert await keys(store) == []
    with pytest.raises(FileNotFoundError):
        await store.open_local("a/b/c.1")


async def test_half_a_file_of_a_dead_process_goes_by_its_key(store: FolderOfOriginals, tmp_path: Path) -> None:
    await store.put("a/b/c.1", pieces(b"x"), max_bytes=7)
    (tmp_path / "store/a/b/d.1.part").write_bytes(b"half")
    assert await keys(store) == ["a/b/c.1", "a/b/d.1"]
    await store.remove(["a/b/d.1", "a/b/never.1"])
    assert await keys(store) == ["a/b/c.1"]
    await store.remove(["a/b/c.1"])
    assert list((tmp_path / "store").iterdir()) == []


async def test_storing_and_removing_beside_each_other_loses_nothing(store: FolderOfOriginals) -> None:
    async def come_and_go(n: int) -> None:
        for _ in range(10):
            await store.put(f"a/b/{n}.1", pieces(b"x"), max_bytes=7)
            await store.remove([f"a/b/{n}.1"])

    await asyncio.gather(*(come_and_go(n) for n in range(8)))
    assert await keys(store) == []


async def test_no_key_leads_out(store: FolderOfOriginals) -> None:
    with pytest.raises(PathDeniedError):
        await store.put("../x", pieces(b"x"), max_bytes=7)
