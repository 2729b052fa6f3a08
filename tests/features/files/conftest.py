"""A fresh desk for each test, on either store."""

from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from features.files.desk import Desk, desk_in
from support.s3_server import S3Server, s3_server


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk_in(tmp_path) as built:
        yield built


@pytest.fixture(scope="session")
def running_s3() -> Iterator[S3Server]:
    with s3_server() as started:
        yield started


@pytest.fixture
def s3(running_s3: S3Server) -> S3Server:
    """An empty bucket."""
    running_s3.empty()
    return running_s3
