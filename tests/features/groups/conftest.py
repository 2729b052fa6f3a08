"""What tests of groups share."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from features.groups.crowd import Crowd
from support.house import House


@pytest.fixture
async def crowd(house: House) -> AsyncIterator[Crowd]:
    """Nobody yet but the admin."""
    async with AsyncExitStack() as stack:
        yield Crowd(house, stack)
