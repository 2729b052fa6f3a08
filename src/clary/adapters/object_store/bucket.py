"""Contents in one private bucket, over obstore.

Nothing waits for long: a dead endpoint would otherwise be retried for three minutes. The bucket is never made here, nor
opened to anybody.
"""

import asyncio
from collections.abc import AsyncGenerator, Generator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any, Final, cast

import obstore
from obstore.exceptions import BaseError

from clary.adapters.object_store.opening import BucketAccess, open_bucket, prefix_of
from clary.features.files.ports import ObjectMissingError, StoreUnavailableError

PIECE_BYTES: Final = 4 * 1024 * 1024
PART_BYTES: Final = 8 * 1024 * 1024
PARTS_AT_ONCE: Final = 4
ANSWER_SECONDS: Final = 10.0
"""How long a small request may take in all (platform.md 1.1)."""


class BucketStore:
    """Fills the port `ObjectStore`."""

    def __init__(self, access: BucketAccess, *, answer_seconds: float = ANSWER_SECONDS) -> None:
        self._store = open_bucket(access)
        self._prefix = prefix_of(access)
        self._answer_seconds = answer_seconds

    async def put(self, name: str, source: Path, *, content_type: str, disposition: str) -> None:
        """See the port. Large files go in parts, which the store joins at the end, or drops."""
        attributes: dict[str, str] = {"Content-Type": content_type, "Content-Disposition": _ascii(disposition)}
        try:
            with _refusals():
                await obstore.put_async(
                    self._store,
                    self._name(name),
                    source,
                    attributes=attributes,
                    chunk_size=PART_BYTES,
                    max_concurrency=PARTS_AT_ONCE,
                )
        except FileNotFoundError as error:
            # There is no such bucket.
            raise StoreUnavailableError from error

    async def read(self, name: str, start: int, end: int) -> AsyncGenerator[bytes]:
        """See the port. A request for each piece: a slow reader holds no connection, and no time limit ends it."""
        while start < end:
            upto = min(start + PIECE_BYTES, end)
            try:
                with _refusals():
                    got = await obstore.get_range_async(self._store, self._name(name), start=start, end=upto)
            except FileNotFoundError:
                raise ObjectMissingError from None
            yield bytes(got)
            start = upto

    async def remove(self, name: str) -> None:
        """See the port."""
        try:
            with _refusals():
                async with asyncio.timeout(self._answer_seconds):
                    await obstore.delete_async(self._store, self._name(name))
        except FileNotFoundError:
            return

    async def link(self, name: str, *, seconds: int) -> str | None:
        """See the port; signed here, without a request."""
        with _refusals():
            return await obstore.sign_async(self._store, "GET", self._name(name), timedelta(seconds=seconds))

    async def check(self) -> None:
        """See the port: the bucket is there and its key is accepted."""
        try:
            with _refusals():
                async with asyncio.timeout(self._answer_seconds):
                    # Nothing is there; a bucket that cannot be listed is an error.
                    await cast("Any", self._store).list_with_delimiter_async(self._name("check"))
        except FileNotFoundError as error:
            raise StoreUnavailableError from error

    def _name(self, name: str) -> str:
        return f"{self._prefix}objects/{name}"


def _ascii(disposition: str) -> str:
    # Headers of objects are ASCII; what is longer in there is percent-encoded already.
    return disposition.encode("ascii", "replace").decode("ascii")


@contextmanager
def _refusals() -> Generator[None]:
    """What is not there is left to the caller; the library's texts name addresses and keys.

    Raises:
        StoreUnavailableError, FileNotFoundError
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError, TimeoutError) as error:
        raise StoreUnavailableError from error
