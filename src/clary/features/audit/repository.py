"""Every SQL statement about the audit log."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, delete, func, select

from clary.db.session import Session
from clary.features.audit.policy import FIRST_HASH, Act, AuditObject, Filters
from clary.features.audit.tables import AuditHeadRow, AuditPersonRow, AuditRow

HEAD_ID = 1


class AuditRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def lock_head(self) -> AuditHeadRow:
        """The end of the chain, held until the transaction ends."""
        head = await self._session.scalar(select(AuditHeadRow).where(AuditHeadRow.head_id == HEAD_ID).with_for_update())
        if head is None:
            head = AuditHeadRow(head_id=HEAD_ID, seq=0, hash=FIRST_HASH, pruned_seq=0, pruned_hash=FIRST_HASH)
            self._session.add(head)
        return head

    async def find(self, seq: int) -> AuditRow | None:
        """An entry."""
        return await self._session.get(AuditRow, seq)

    async def find_head(self) -> AuditHeadRow | None:
        """The end of the chain; None before the first entry."""
        return await self._session.get(AuditHeadRow, HEAD_ID)

    async def add(self, row: AuditRow, people: Sequence[AuditPersonRow]) -> None:
        """Appends an entry with its clear values."""
        self._session.add_all([row, *people])
        await self._session.flush()

    async def list_page(self, filters: Filters, *, offset: int, limit: int) -> tuple[Sequence[AuditRow], int]:
        """Newest first, and how many there are."""
        query = _filtered(filters)
        total = await self._session.scalar(select(func.count()).select_from(query.subquery()))
        rows = await self._session.scalars(query.order_by(AuditRow.seq.desc()).offset(offset).limit(limit))
        return rows.all(), int(total or 0)

    async def list_after(self, seq: int, *, filters: Filters | None = None, limit: int = 500) -> Sequence[AuditRow]:
        """The next entries in order."""
        query = _filtered(filters or Filters()).where(AuditRow.seq > seq)
        return (await self._session.scalars(query.order_by(AuditRow.seq).limit(limit))).all()

    async def list_people(self, seqs: Sequence[int]) -> dict[int, list[AuditPersonRow]]:
        """Clear values by entry."""
        found: dict[int, list[AuditPersonRow]] = {}
        for row in await self._session.scalars(select(AuditPersonRow).where(AuditPersonRow.seq.in_(seqs))):
            found.setdefault(row.seq, []).append(row)
        return found

    async def was_recorded(self, act: Act, *, since: datetime, address: str | None = None) -> bool:
        """Whether the same person did the same to the same object since then, from this address if one is named."""
        target = act.object or AuditObject("", "")
        query = select(AuditRow.seq).where(
            AuditRow.actor_user_id == act.actor.user_id,
            AuditRow.action == act.action,
            AuditRow.object_type == target.type,
            AuditRow.object_id == target.id,
            AuditRow.at >= since,
        )
        if address is not None:
            query = query.where(AuditRow.seq.in_(_seen_from(address)))
        return await self._session.scalar(query.limit(1)) is not None

    async def erase_person(self, user_id: str) -> None:
        """Removes the clear values of a person."""
        await self._session.execute(delete(AuditPersonRow).where(AuditPersonRow.user_id == user_id))

    async def find_last_before(self, moment: datetime) -> AuditRow | None:
        """The newest entry older than a moment."""
        query = select(AuditRow).where(AuditRow.at < moment).order_by(AuditRow.seq.desc()).limit(1)
        return await self._session.scalar(query)

    async def delete_up_to(self, seq: int) -> None:
        """Removes entries from the front, with their clear values."""
        await self._session.execute(delete(AuditPersonRow).where(AuditPersonRow.seq <= seq))
        await self._session.execute(delete(AuditRow).where(AuditRow.seq <= seq))


def _filtered(filters: Filters) -> Select[AuditRow]:
    query = select(AuditRow)
    for column, value in (
        (AuditRow.actor_user_id, filters.user_id),
        (AuditRow.object_type, filters.object_type),
        (AuditRow.object_id, filters.object_id),
        (AuditRow.outcome, filters.outcome),
    ):
        if value is not None:
            query = query.where(column == value)
    if filters.action is not None:
        is_prefix = filters.action.endswith(".")
        same = AuditRow.action.startswith(filters.action, autoescape=True) if is_prefix else None
        query = query.where(AuditRow.action == filters.action if same is None else same)
    if filters.since is not None:
        query = query.where(AuditRow.at >= filters.since)
    if filters.until is not None:
        query = query.where(AuditRow.at < filters.until)
    if filters.address is not None:
        query = query.where(AuditRow.seq.in_(_seen_from(filters.address)))
    return query


def _seen_from(address: str) -> Select[int]:
    return select(AuditPersonRow.seq).where(AuditPersonRow.field == "address", AuditPersonRow.value == address)
