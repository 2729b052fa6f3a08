"""The words the slices use for a transaction."""

from collections.abc import Callable

import sqlalchemy
from sqlalchemy import event, orm
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.orm import ORMExecuteState

from clary.db.columns import Row

Session = AsyncSession
"""A request's transaction."""

Connection = sqlalchemy.Connection
"""The event log's transaction, as work that commits with lines gets it."""


class ReadingSession(orm.Session):
    """A transaction that only reads. Nowhere can it lock rows, though SQLite would not notice."""


def _refuse_locks(state: ORMExecuteState) -> None:
    if getattr(state.statement, "_for_update_arg", None) is not None:
        raise LockWithoutWriteError


event.listen(ReadingSession, "do_orm_execute", _refuse_locks)


class LockWithoutWriteError(RuntimeError):
    """Rows were to be locked by a transaction that may not change them."""


WRITES = "clary_writes"
"""Where a transaction keeps that it may change things."""


def is_writing(session: Session) -> bool:
    """Whether the transaction may change things: in such a one a second one would wait for the first for ever."""
    return WRITES in session.info


async def add_unless_taken(session: Session, row: Row) -> bool:
    """Adds a row, written at once; False when something unique in it was taken in the same moment."""
    try:
        async with session.begin_nested():
            session.add(row)
    except IntegrityError:
        return False
    return True


def after_commit(session: Session, action: Callable[[], None]) -> None:
    """Does something in memory once the transaction is durable; not at all when it is rolled back."""

    def once(_session: object) -> None:
        action()

    event.listen(session.sync_session, "after_commit", once, once=True)
