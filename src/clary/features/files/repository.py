"""Every SQL statement about stored files."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import delete, func, select, update

from clary.db.session import Session, add_unless_taken
from clary.features.files.tables import FilePlaceRow, FileRow, LooseContentRow
from clary.features.permissions.service import owned_by


class FileRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def add(self, row: FileRow) -> None:
        """Adds an object."""
        self._session.add(row)

    async def find(self, key: str) -> FileRow | None:
        """The object of a key, whoever's it is; the caller judges who may reach it."""
        return await self._session.scalar(select(FileRow).where(FileRow.key == key))

    async def page(self, owner_id: str, *, text: str | None, offset: int, limit: int) -> tuple[Sequence[FileRow], int]:
        """A person's objects, newest first, and how many there are. `text` is looked for in keys."""
        condition = owned_by(owner_id, FileRow.owner_id)  # pyright: ignore[reportArgumentType]
        if text:
            condition &= FileRow.key.icontains(text, autoescape=True)
        total = await self._session.scalar(select(func.count()).select_from(FileRow).where(condition))
        query = select(FileRow).where(condition).order_by(FileRow.created_at.desc(), FileRow.id)
        return (await self._session.scalars(query.offset(offset).limit(limit))).all(), total or 0

    async def used_bytes(self, owner_id: str) -> int:
        """What counts against a person's quota: bundles do not."""
        query = select(func.coalesce(func.sum(FileRow.size), 0)).where(
            FileRow.owner_id == owner_id, FileRow.kind != "bundle"
        )
        return int(await self._session.scalar(query) or 0)

    async def sum_bytes(self) -> int:
        """What all objects take, bundles too."""
        return int(await self._session.scalar(select(func.coalesce(func.sum(FileRow.size), 0))) or 0)

    async def lock_place(self, place: str) -> None:
        """Makes others who change objects of the same place wait until the transaction ends."""
        if await self._session.get(FilePlaceRow, place) is None:
            await add_unless_taken(self._session, FilePlaceRow(place=place))
        await self._session.scalar(select(FilePlaceRow).where(FilePlaceRow.place == place).with_for_update())

    async def remove(self, row: FileRow) -> None:
        """Removes an object; its content stays."""
        await self._session.delete(row)

    async def list_owned(self, owner_id: str, *, limit: int) -> Sequence[FileRow]:
        """Some of the objects that are a person's own; no bundles."""
        query = select(FileRow).where(FileRow.owner_id == owner_id, FileRow.kind != "bundle")
        return (await self._session.scalars(query.order_by(FileRow.id).limit(limit))).all()

    async def list_ownerless(self, *, limit: int) -> Sequence[FileRow]:
        """Objects of people who are gone; no bundles."""
        query = select(FileRow).where(FileRow.owner_id.is_(None), FileRow.kind != "bundle")
        return (await self._session.scalars(query.order_by(FileRow.id).limit(limit))).all()

    async def hand_on(self, owner_id: str, heir_id: str) -> int:
        """Gives all objects of a person to another; returns how many."""
        condition = (FileRow.owner_id == owner_id, FileRow.kind != "bundle")
        count = await self._session.scalar(select(func.count()).select_from(FileRow).where(*condition))
        await self._session.execute(update(FileRow).where(*condition).values(owner_id=heir_id))
        return count or 0

    async def forget_place(self, place: str) -> None:
        """Removes what was locked for a person who is gone."""
        await self._session.execute(delete(FilePlaceRow).where(FilePlaceRow.place == place))

    def add_loose(self, blob: str, since: datetime) -> None:
        """Writes down that no object points to a content."""
        self._session.add(LooseContentRow(blob=blob, since=since))

    async def remove_loose(self, blob: str) -> bool:
        """Takes that back; False when it was not written down (any more)."""
        row = await self._session.get(LooseContentRow, blob)
        if row is not None:
            await self._session.delete(row)
        return row is not None

    async def list_loose(self, before: datetime, *, limit: int) -> Sequence[str]:
        """Contents that have been loose since before a moment."""
        query = select(LooseContentRow.blob).where(LooseContentRow.since < before).limit(limit)
        return (await self._session.scalars(query)).all()
