"""Rows of the event log.

A row id table with an index writes a sixth of the bytes of a clustered one (measured), and lines that wait for the same
commit share a row; they never share a line.
"""

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Row

BIG = BigInteger().with_variant(Integer, "sqlite")


class EventLogRow(Row):
    """Head of one log; `generation` is the fence."""

    __tablename__ = "event_logs"
    # A reader may hold the id of a log that was deleted; it must never find another run's lines there.
    __table_args__ = ({"sqlite_autoincrement": True},)

    log_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    key: Mapped[str] = mapped_column(String(64), unique=True)
    length: Mapped[int] = mapped_column(Integer, default=0)
    size_bytes: Mapped[int] = mapped_column(BigInteger, default=0)
    generation: Mapped[int] = mapped_column(Integer, default=1)
    ended: Mapped[bool] = mapped_column(Boolean, default=False)


class EventLinesRow(Row):
    """`count` lines from number `first` on, joined by line feeds."""

    __tablename__ = "event_lines"
    __table_args__ = (Index("ix_event_lines_log_first", "log_id", "first", unique=True),)

    row_id: Mapped[int] = mapped_column(BIG, primary_key=True, autoincrement=True)
    log_id: Mapped[int] = mapped_column(BigInteger)
    first: Mapped[int] = mapped_column(Integer)
    count: Mapped[int] = mapped_column(Integer)
    lines: Mapped[bytes] = mapped_column(LargeBinary)
