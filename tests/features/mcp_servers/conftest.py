"""A fresh stage for each test."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.mcp_servers.stage import Stage, staged


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """See `staged`."""
    async with staged(tmp_path) as made:
        yield made
