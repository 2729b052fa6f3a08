"""The words the slices use for a transaction."""

from collections.abc import Callable

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncSession

Session = AsyncSession
"""A request's transaction."""

Connection = sqlalchemy.Connection
"""The event log's transaction, as work that commits with lines gets it."""


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Does something in memory once the transaction is durable; not at all when it is rolled back."""

    def once(_session: object) -> None:
        action()

    event.listen(session.sync_session, "after_commit", once, once=True)
