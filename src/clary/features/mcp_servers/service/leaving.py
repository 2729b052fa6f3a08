"""What becomes of the servers of a user who is deleted (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.mcp_servers.policy import MAX_NAME
from clary.features.mcp_servers.ports import McpClient
from clary.features.mcp_servers.repository import McpServerRepository, McpTokenRepository
from clary.kit.clock import Clock


class McpServerLeaving:
    """Fills the port `OwnedThings` of accounts. What a person was given elsewhere goes with them."""

    def __init__(self, *, database: Database, client: McpClient, clock: Clock) -> None:
        self._database = database
        self._client = client
        self._clock = clock

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """Removes servers, or hands them on with `transfer`."""
        async with self._database.write() as db:
            servers = McpServerRepository(db)
            rows = await servers.list_owned(user_id)
            await McpTokenRepository(db).remove_all_of(user_id)
            is_handed_on = heir.mode == "transfer" and heir.heir_id is not None
            taken = {row.name for row in await servers.list_owned(heir.heir_id)} if heir.heir_id else set[str]()
            for row in rows:
                if is_handed_on and heir.heir_id is not None:
                    row.name = _free(row.name, taken)
                    taken.add(row.name)
                    row.owner_id, row.updated_at = heir.heir_id, self._clock.now()
                    await servers.save(row)
                else:
                    await servers.remove(row)
        for row in rows:
            await self._client.forget(row.id)
        handed_on = len(rows) if is_handed_on else 0
        return {"mcp_servers_handed_on": handed_on, "mcp_servers_deleted": len(rows) - handed_on}


def _free(name: str, taken: set[str]) -> str:
    free, number = name, 2
    while free in taken:
        mark = f" {number}"
        free, number = name[: MAX_NAME - len(mark)] + mark, number + 1
    return free
