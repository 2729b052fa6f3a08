"""Versions of skills in the bucket. Fills the port `SkillArchives`; everything here blocks."""

from collections.abc import Collection, Generator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO, Final, cast

import obstore
from obstore.exceptions import BaseError

from clary.adapters.object_store.opening import BucketAccess, open_bucket, prefix_of
from clary.db.database import UnavailableError

_ENDING: Final = ".zip"
_PIECE: Final = 1024 * 1024


class BucketOfSkills:
    """One object for each hash."""

    def __init__(self, access: BucketAccess) -> None:
        self._store = open_bucket(access)
        self._prefix = f"{prefix_of(access)}skills/"

    def put(self, version: str, archive: BinaryIO) -> None:
        """See the port."""
        try:
            with _refusals():
                obstore.put(self._store, self._name(version), archive)
        except FileNotFoundError as error:
            # There is no such bucket.
            raise UnavailableError from error

    def fetch(self, version: str, target: Path) -> bool:
        """See the port."""
        try:
            with _refusals():
                found = obstore.get(self._store, self._name(version))
                with target.open("xb") as file:
                    for piece in found.stream(min_chunk_size=_PIECE):
                        file.write(bytes(piece))
        except FileNotFoundError:
            return False
        return True

    def keep_only(self, versions: Collection[str], *, min_age_seconds: int) -> None:
        """See the port."""
        oldest = datetime.now(UTC) - timedelta(seconds=min_age_seconds)
        with _refusals():
            for portion in cast("Any", obstore).list(self._store, prefix=self._prefix):
                for each in portion:
                    version = each["path"].removeprefix(self._prefix).removesuffix(_ENDING)
                    if version not in versions and each["last_modified"] <= oldest:
                        obstore.delete(self._store, each["path"])

    def _name(self, version: str) -> str:
        return f"{self._prefix}{version}{_ENDING}"


@contextmanager
def _refusals() -> Generator[None]:
    """The library's texts name addresses and keys.

    Raises:
        UnavailableError, FileNotFoundError
    """
    try:
        yield
    except FileNotFoundError:
        raise
    except (BaseError, OSError, ValueError, TimeoutError) as error:
        raise UnavailableError from error
