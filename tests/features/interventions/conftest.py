"""A run that is under way."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.interventions.world import Held, held_run


@pytest.fixture
async def held(tmp_path: Path) -> AsyncIterator[Held]:
    """Alice's run, held in the middle of its answer."""
    async with held_run(tmp_path) as built:
        yield built
