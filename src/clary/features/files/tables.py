"""Rows of stored files."""

from datetime import datetime
from typing import Literal

from sqlalchemy import BigInteger, ForeignKey, Index, String
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Row, UtcTime


class FileRow(Row):
    """One object. `blob` names its content in the store. `kind`: `random`, `named` or `bundle`, by its key.

    A bundle belongs to the server: its owner is only who brought it.
    """

    __tablename__ = "files"
    __table_args__ = (Index("ix_files_owner", "owner_id", "created_at"),)

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    key: Mapped[str] = mapped_column(String(1024), unique=True)
    # Not CASCADE: a content must not lose the row by which it is found and removed.
    owner_id: Mapped[str | None] = mapped_column(ForeignKey("users.user_id", ondelete="SET NULL"))
    kind: Mapped[Literal["random", "named", "bundle"]] = mapped_column(String(8))
    filename: Mapped[str] = mapped_column(String(512))
    size: Mapped[int] = mapped_column(BigInteger)
    content_type: Mapped[str] = mapped_column(String(128))
    sha256: Mapped[str] = mapped_column(String(64))
    blob: Mapped[str] = mapped_column(String(64), unique=True)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class LooseContentRow(Row):
    """A content that no object points to: about to get one, or to be removed."""

    __tablename__ = "file_contents_loose"

    blob: Mapped[str] = mapped_column(String(64), primary_key=True)
    since: Mapped[datetime] = mapped_column(UtcTime, index=True)


class FilePlaceRow(Row):
    """What is locked while objects of one place change, so that its quota holds: a user id, or `bundle`."""

    __tablename__ = "file_places"

    place: Mapped[str] = mapped_column(String(64), primary_key=True)
