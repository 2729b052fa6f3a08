"""The services of the slice on an empty database."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import sqlalchemy

from clary.adapters.event_log import SqliteEventLog
from clary.db.columns import Row
from clary.db.database import Database, set_write_ahead
from features.conversations.world import SetClock, World


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Services on an empty database."""
    address = f"sqlite:///{tmp_path / 'clary.db'}"
    set_write_ahead(tmp_path / "clary.db")
    engine = sqlalchemy.create_engine(address)
    Row.metadata.create_all(engine)
    engine.dispose()
    database = Database(address)
    event_log = SqliteEventLog(database)
    await event_log.start()
    yield World(database, event_log, SetClock())
    await event_log.stop()
    await database.close()
