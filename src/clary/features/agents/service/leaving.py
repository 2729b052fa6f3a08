"""What becomes of the agents of a user who is deleted (platform.md 4.8)."""

from collections.abc import Collection, Sequence

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.ports import Heir
from clary.features.agents.ports import AgentThings
from clary.features.agents.repository import AgentRepository
from clary.features.agents.tables import AgentRow
from clary.features.permissions.service import Grants
from clary.kit.clock import Clock

MAX_NAME = 100


class AgentLeaving:
    """Fills the port `OwnedThings` of accounts."""

    def __init__(self, *, database: Database, grants: Grants, clock: Clock, things: Sequence[AgentThings] = ()) -> None:
        self._things = things
        self._database = database
        self._grants = grants
        self._clock = clock

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """Hands agents on, or removes them: with `delete` the shared ones live on, with `transfer` all do."""
        async with self._database.write() as db:
            agents = AgentRepository(db)
            rows = await agents.list_owned(user_id)
            kept = await self._kept(db, rows, heir)
            taken = {row.name for row in await agents.list_owned(heir.heir_id)} if heir.heir_id else set[str]()
            for row in rows:
                if row.id in kept and heir.heir_id is not None:
                    row.name = free_name(row.name, taken)
                    taken.add(row.name)
                    row.owner_id, row.is_default, row.updated_at = heir.heir_id, False, self._clock.now()
                    await agents.save(row)
                else:
                    await agents.forget_sub_agent(row.id)
                    await self._grants.forget_object(db, object_type="agent", object_id=row.id)
                    for each in self._things:
                        await each.forget_agent(db, agent_id=row.id)
                    await agents.remove(row)
        return {"agents_handed_on": len(kept), "agents_deleted": len(rows) - len(kept)}

    async def _kept(self, db: Session, rows: Collection[AgentRow], heir: Heir) -> frozenset[str]:
        ids = frozenset(row.id for row in rows)
        if heir.heir_id is None:
            return frozenset()
        return (
            ids if heir.mode == "transfer" else await self._grants.find_shared(db, object_type="agent", object_ids=ids)
        )


def free_name(name: str, taken: Collection[str]) -> str:
    """The name, with a number where the new owner has one like it."""
    free, number = name, 2
    while free in taken:
        mark = f" ({number})"
        free, number = name[: MAX_NAME - len(mark)] + mark, number + 1
    return free
