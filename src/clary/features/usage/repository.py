"""Writes the ledger."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.engine import Connection

from clary.db.columns import table_of
from clary.features.usage.tables import UsageRow

ADD_ENTRY = insert(table_of(UsageRow))


def insert_entry(connection: Connection, values: dict[str, Any]) -> None:
    """Adds a row in the log's transaction."""
    connection.execute(ADD_ENTRY, values)
