"""Writes the ledger."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from clary.features.usage.tables import UsageRow


def insert_entry(connection: Connection, values: dict[str, Any]) -> None:
    """Adds a row in the log's transaction."""
    connection.execute(insert(UsageRow).values(**values))
