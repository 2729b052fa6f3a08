"""Fresh libraries and stacks for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.knowledge.library import Library, library_in
from features.knowledge.stacks import Stacks, stacks_in


@pytest.fixture
async def library(tmp_path: Path) -> AsyncIterator[Library]:
    async with library_in(tmp_path) as built:
        yield built


@pytest.fixture
async def stacks(tmp_path: Path) -> AsyncIterator[Stacks]:
    async with stacks_in(tmp_path) as built:
        yield built
