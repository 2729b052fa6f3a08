"""The event log on SQLite: one writer thread, group commit, lines of one run in one commit share a row."""

from clary.adapters.event_log.memory import MemoryEventLog
from clary.adapters.event_log.sqlite import SqliteEventLog

__all__ = ["MemoryEventLog", "SqliteEventLog"]
