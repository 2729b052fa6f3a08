"""What the tests of the client share."""

from collections.abc import AsyncIterator

import pytest

from support.mcp_servers import Stranger, stranger


@pytest.fixture
async def other() -> AsyncIterator[Stranger]:
    """A server that does what a test says."""
    async with stranger() as made:
        yield made
