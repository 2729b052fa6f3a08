"""Statements about guidance. What a run holds nobody changes; what it consumed stays as a name."""

from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import bindparam, delete, func, select, update

from clary.db.columns import table_of
from clary.db.session import Connection, Session
from clary.features.interventions.tables import GuidanceRow

GUIDANCE = table_of(GuidanceRow)
CONSUME = (
    update(GUIDANCE)
    .where(
        GUIDANCE.c.conversation_id == bindparam("of_conversation"),
        GUIDANCE.c.guidance_id == bindparam("of_id"),
        GUIDANCE.c.consumed.is_(False),
    )
    .values(consumed=True, content=None)
)
# Locks what the next statement changes, oldest first as everywhere: PostgreSQL changes rows in the order it finds them,
# so that a run that ends and one that begins could each wait for a row of the other.
_LOCK_HELD = (
    select(GUIDANCE.c.position)
    .where(GUIDANCE.c.held_by == bindparam("of_run"), GUIDANCE.c.consumed.is_(False))
    .order_by(GUIDANCE.c.position)
    .with_for_update()
)
RELEASE = (
    update(GUIDANCE)
    .where(GUIDANCE.c.held_by == bindparam("of_run"), GUIDANCE.c.consumed.is_(False))
    .values(held_by=None)
)


def consume_guidance(connection: Connection, conversation_id: int, guidance_ids: Sequence[str]) -> list[str]:
    """Marks items as used; returns those that were not used before."""
    return [
        guidance_id
        for guidance_id in guidance_ids
        if connection.execute(CONSUME, {"of_conversation": conversation_id, "of_id": guidance_id}).rowcount == 1
    ]


def release_guidance(connection: Connection, run_id: str) -> None:
    """Gives back what a run that ends held and did not use."""
    if connection.execute(_LOCK_HELD, {"of_run": run_id}).all():
        connection.execute(RELEASE, {"of_run": run_id})


class GuidanceRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, conversation_id: int, guidance_id: str) -> GuidanceRow | None:
        """By its name in a conversation, used or not."""
        return await self._session.scalar(
            select(GuidanceRow).where(
                GuidanceRow.conversation_id == conversation_id, GuidanceRow.guidance_id == guidance_id
            )
        )

    async def list_pending(self, conversation_id: int, *, locked: bool = False) -> Sequence[GuidanceRow]:
        """What no run has used, oldest first; `locked` until the transaction ends, for a caller that changes it."""
        query = (
            select(GuidanceRow)
            .where(GuidanceRow.conversation_id == conversation_id, GuidanceRow.consumed.is_(False))
            .order_by(GuidanceRow.position)
        )
        return (await self._session.scalars(query.with_for_update() if locked else query)).all()

    async def count_pending(self, conversation_id: int) -> int:
        """How many no run has used."""
        where = (GuidanceRow.conversation_id == conversation_id, GuidanceRow.consumed.is_(False))
        return int(await self._session.scalar(select(func.count()).select_from(GuidanceRow).where(*where)) or 0)

    def add(self, row: GuidanceRow) -> None:
        """Adds an item behind the others."""
        self._session.add(row)

    async def hold(self, rows: Collection[GuidanceRow], run_id: str) -> None:
        """Marks items, locked before, as about to be used by a run."""
        positions = [row.position for row in rows]
        await self._session.execute(
            update(GuidanceRow).where(GuidanceRow.position.in_(positions)).values(held_by=run_id)
        )

    async def change(self, row: GuidanceRow, content: Any, content_hash: str) -> None:
        """Other words in the same place."""
        row.content, row.content_hash = content, content_hash
        await self._session.flush()

    async def delete(self, row: GuidanceRow) -> None:
        """Takes an item back."""
        await self._session.delete(row)

    async def delete_of_conversation(self, conversation_id: int) -> None:
        """Removes all of a conversation."""
        await self._session.execute(delete(GuidanceRow).where(GuidanceRow.conversation_id == conversation_id))
