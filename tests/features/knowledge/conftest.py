"""A fresh library for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.knowledge.library import Library, library_in


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with library_in(tmp_path) as built:
        yield built
