"""Which server a name in a path means (product.md 8.1)."""

from clary.db.session import Session
from clary.features.mcp_servers.errors import McpNameAmbiguousError, McpServerNotFoundError
from clary.features.mcp_servers.policy import is_name
from clary.features.mcp_servers.repository import McpServerRepository
from clary.features.mcp_servers.tables import McpServerRow
from clary.features.permissions.service import Identity

ABSENT = frozenset({"", "null", "undefined", "None", "[object Object]"})


async def get_server(
    db: Session, *, identity: Identity, name: str, owner_id: str | None = None, own_only: bool = False
) -> McpServerRow:
    """The caller's own server; for an admin without one the only holder's, or the one of `owner_id`.

    Raises:
        McpServerNotFoundError, McpNameAmbiguousError
    """
    if not is_name(name):
        raise McpServerNotFoundError(name)
    servers = McpServerRepository(db)
    wanted = owner_id if owner_id not in ABSENT and identity.is_admin and not own_only else None
    if wanted is None:
        own = await servers.find_owned(name, owner_id=identity.user_id)
        if own is not None:
            return own
    found = await servers.list_named(name, identity, owner_id=wanted)
    if own_only or not found:
        raise McpServerNotFoundError(name)
    if len(found) > 1:
        raise McpNameAmbiguousError
    return found[0]
