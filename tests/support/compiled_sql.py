"""Lets all engines of a test process share what SQLAlchemy compiled: each house would otherwise compile it anew."""

from typing import Any

from sqlalchemy import Connection, event
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.engine import Engine
from sqlalchemy.util import LRUCache

_DIALECTS = (SQLiteDialect_aiosqlite, PGDialect_asyncpg)


def share_compiled_sql() -> None:
    """From now on, in this process. Dialects of one kind are alike here: the product configures each in one way."""
    compiled: Any = LRUCache(20_000)

    def share(connection: Connection) -> None:
        if isinstance(connection.dialect, _DIALECTS):
            connection.engine._compiled_cache = compiled

    event.listen(Engine, "engine_connect", share)
    for dialect in _DIALECTS:
        alike: Any = dialect
        alike.__eq__ = lambda one, other: type(one) is type(other)
        alike.__hash__ = lambda one: hash(type(one))
