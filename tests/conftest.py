"""What every test shares."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import structlog

from clary.db.database import Database
from clary.features.accounts import deletion
from support import postgresql
from support.compiled_sql import share_compiled_sql
from support.crowd import Crowd
from support.house import House, house_in
from support.schema import database_url, put_schema


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL nothing is tested that is about SQLite's file."""
    if postgresql.IS_CHOSEN:
        left_out = [item for item in items if item.get_closest_marker("sqlite")]
        items[:] = [item for item in items if not item.get_closest_marker("sqlite")]
        config.hook.pytest_deselected(items=left_out)


@pytest.fixture
def anyio_backend() -> str:
    """The loop that the product runs on."""
    return "asyncio"


@pytest.fixture(autouse=True, scope="session")
def plain_logs() -> None:
    """Ordinary tracebacks: drawing the coloured ones, with every local value, takes seconds each."""
    structlog.configure(processors=[structlog.processors.format_exc_info, structlog.processors.KeyValueRenderer()])


@pytest.fixture(autouse=True, scope="session")
def sql_compiled_once() -> None:
    """A third of what a house costs."""
    share_compiled_sql()


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings of the person who runs the tests must not reach them."""
    for name in [name for name in os.environ if name.startswith("CLARY_")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def deletions_end_with_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """However busy the machine is; a test of those that take longer says so itself."""
    monkeypatch.setattr(deletion, "ANSWER_SECONDS", 60.0)


@pytest.fixture(autouse=True)
def no_databases_left(tmp_path: Path) -> Iterator[None]:
    """What a test made on a server goes with it."""
    yield
    if postgresql.IS_CHOSEN:
        postgresql.forget_postgresql_in(tmp_path)


@pytest.fixture
async def database(tmp_path: Path) -> AsyncIterator[Database]:
    """A fresh database with every table, and nothing that works on it."""
    url = database_url(tmp_path)
    put_schema(url)
    built = Database(url)
    yield built
    await built.close()


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """The whole product on a fresh data directory."""
    async with house_in(tmp_path) as built:
        yield built


@pytest.fixture
async def crowd(house: House) -> AsyncIterator[Crowd]:
    """Nobody yet but the admin."""
    async with AsyncExitStack() as stack:
        yield Crowd(house, stack)
