"""The event log: one writer, group commit, lines of one run in one commit share a row; on SQLite and PostgreSQL."""

from clary.adapters.event_log.memory import MemoryEventLog
from clary.adapters.event_log.postgresql import PostgresEventLog
from clary.adapters.event_log.sqlite import SqliteEventLog
from clary.db.database import Database
from clary.db.notices import Notices

__all__ = ["MemoryEventLog", "PostgresEventLog", "SqliteEventLog", "event_log_on"]


def event_log_on(database: Database, notices: Notices) -> SqliteEventLog | PostgresEventLog:
    """The log that fits a database."""
    return SqliteEventLog(database) if database.is_sqlite else PostgresEventLog(database, notices)
