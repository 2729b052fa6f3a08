"""A chat with a model that answers at once."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from features.chat.world import Chat, chat_in


@pytest.fixture
async def chat(tmp_path: Path) -> AsyncIterator[Chat]:
    """A house, Alice, and a model with the default answer."""
    async with chat_in(tmp_path) as built:
        yield built
