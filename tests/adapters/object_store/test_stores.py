"""Every store keeps, gives out and forgets contents in the same way (platform.md 10.2)."""

import asyncio
import socket
import urllib.request
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import anyio
import pytest

from clary.adapters.object_store import BucketAccess, BucketStore, FolderStore
from clary.features.files.ports import ObjectMissingError, ObjectStore, StoreUnavailableError
from support.s3_server import BUCKET, S3Server, s3_server

pytestmark = pytest.mark.anyio

LARGE = bytes(range(256)) * 72 * 1024
"""More than two parts of an upload, and several pieces of a read."""
SHOWN = "inline; filename=\"_.png\"; filename*=UTF-8''%E7%8C%AB.png"


@pytest.fixture(scope="module")
def server() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


def access(url: str, *, bucket: str = BUCKET, prefix: str = "") -> BucketAccess:
    return BucketAccess(bucket, "key", "secret", endpoint=url, prefix=prefix)


@pytest.fixture(params=["folder", "bucket", "bucket with a prefix"])
async def store(request: pytest.FixtureRequest, tmp_path: Path, server: S3Server) -> AsyncIterator[ObjectStore]:
    server.empty()
    if request.param == "folder":
        yield FolderStore(tmp_path / "objects")
    else:
        yield BucketStore(access(server.url, prefix="some/where" if "prefix" in request.param else ""))


async def put(store: ObjectStore, name: str, content: bytes, folder: Path) -> None:
    source = folder / "source"
    source.write_bytes(content)
    await store.put(name, source, content_type="image/png", disposition=SHOWN)


async def read(store: ObjectStore, name: str, start: int, end: int) -> bytes:
    return b"".join([piece async for piece in store.read(name, start, end)])


async def test_a_content_comes_back_whole_and_in_parts(store: ObjectStore, tmp_path: Path) -> None:
    await store.check()
    await put(store, "ab/large", LARGE, tmp_path)
    await put(store, "ab/empty", b"", tmp_path)
    assert await read(store, "ab/large", 0, len(LARGE)) == LARGE
    assert await read(store, "ab/large", 5_000_000, 9_000_001) == LARGE[5_000_000:9_000_001]
    assert await read(store, "ab/empty", 0, 0) == b""


async def test_a_name_that_is_put_again_has_the_newer_content(store: ObjectStore, tmp_path: Path) -> None:
    await put(store, "ab/one", b"old and longer", tmp_path)
    await put(store, "ab/one", b"new", tmp_path)
    assert await read(store, "ab/one", 0, 3) == b"new"


async def test_what_was_removed_is_missing_and_removing_it_again_does_nothing(
    store: ObjectStore, tmp_path: Path
) -> None:
    await put(store, "ab/one", b"x", tmp_path)
    for _ in range(2):
        await store.remove("ab/one")
    with pytest.raises(ObjectMissingError):
        await read(store, "ab/one", 0, 1)


async def test_a_read_that_is_left_early_holds_nothing_open(store: ObjectStore, tmp_path: Path) -> None:
    await put(store, "ab/large", LARGE, tmp_path)
    pieces = store.read("ab/large", 0, len(LARGE))
    assert LARGE.startswith(await anext(pieces))
    await pieces.aclose()
    await store.remove("ab/large")


async def test_objects_of_a_bucket_stay_below_the_prefix(server: S3Server, tmp_path: Path) -> None:
    server.empty()
    await put(BucketStore(access(server.url, prefix="/some/where/")), "ab/one", b"x", tmp_path)
    assert server.names() == ["some/where/objects/ab/one"]


async def test_a_signed_address_answers_with_type_and_disposition(server: S3Server, tmp_path: Path) -> None:
    store = BucketStore(access(server.url))
    await put(store, "ab/one", b"x", tmp_path)
    link = await store.link("ab/one", seconds=60)
    assert link is not None
    assert "X-Amz-Expires=60" in link

    def fetched() -> tuple[bytes, str | None, str | None]:
        with urllib.request.urlopen(link, timeout=30) as answer:
            return answer.read(), answer.headers["Content-Type"], answer.headers["Content-Disposition"]

    assert await asyncio.to_thread(fetched) == (b"x", "image/png", SHOWN)
    assert await FolderStore(tmp_path).link("ab/one", seconds=60) is None


async def assert_unavailable(store: ObjectStore, folder: Path) -> None:
    with anyio.fail_after(60):
        for work in (store.check(), read(store, "ab/one", 0, 1), put(store, "ab/one", b"x", folder)):
            with pytest.raises(StoreUnavailableError):
                await work


async def test_a_dead_endpoint_is_told_soon(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}"
    await assert_unavailable(BucketStore(access(url)), tmp_path)
    with pytest.raises(StoreUnavailableError):
        await BucketStore(access(url)).remove("ab/one")


async def test_an_endpoint_that_never_answers_is_given_up(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = BucketStore(access(f"http://127.0.0.1:{silent.getsockname()[1]}"), answer_seconds=0.2)
        with anyio.fail_after(60), pytest.raises(StoreUnavailableError):
            await store.check()


async def test_a_bucket_that_is_not_there_is_not_made(server: S3Server, tmp_path: Path) -> None:
    store = BucketStore(access(server.url, bucket="another-bucket"))
    with pytest.raises(StoreUnavailableError):
        await store.check()
    with pytest.raises(StoreUnavailableError):
        await put(store, "ab/large", LARGE, tmp_path)


async def test_a_folder_that_takes_nothing_is_told(tmp_path: Path) -> None:
    (tmp_path / "objects").write_text("in the way")
    with pytest.raises(StoreUnavailableError):
        await put(FolderStore(tmp_path / "objects"), "ab/one", b"x", tmp_path)


async def test_a_content_that_somebody_cut_is_missing_not_short(tmp_path: Path) -> None:
    store = FolderStore(tmp_path / "objects")
    await put(store, "ab/one", b"abc", tmp_path)
    (tmp_path / "objects" / "ab" / "one").write_bytes(b"a")
    with pytest.raises(ObjectMissingError):
        await read(store, "ab/one", 0, 3)
    assert sorted(each.name for each in (tmp_path / "objects" / "ab").iterdir()) == ["one"]
