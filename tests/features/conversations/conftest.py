"""The services of the slice on an empty database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from clary.adapters.event_log import event_log_on
from clary.db.database import Database
from clary.db.notices import Notices
from features.conversations.world import SetClock, World
from support.schema import database_url, put_schema


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Services on an empty database."""
    address = database_url(tmp_path)
    put_schema(address)
    database = Database(address)
    event_log = event_log_on(database, Notices(database))
    await event_log.start()
    yield World(database, event_log, SetClock())
    await event_log.stop()
    await database.close()
