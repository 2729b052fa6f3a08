"""Fresh stacks for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.knowledge.stacks import Stacks, stacks_in


@pytest.fixture
async def stacks(tmp_path: Path) -> AsyncIterator[Stacks]:
    async with stacks_in(tmp_path) as built:
        yield built
