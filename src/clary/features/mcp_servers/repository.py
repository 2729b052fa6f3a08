"""Every SQL statement about MCP servers; who may see a row is part of the query."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import CursorResult, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from clary.db.session import Session
from clary.features.mcp_servers.errors import McpServerExistsError
from clary.features.mcp_servers.tables import McpAuthorizationRow, McpServerRow, McpTokenRow
from clary.features.permissions.service import Identity, owned_by, visible_to

OLDEST_FIRST = (McpServerRow.created_at, McpServerRow.id)


class McpServerRepository:
    """Rows of `mcp_servers` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def save(self, row: McpServerRow) -> None:
        """Writes a new or changed row.

        Raises:
            McpServerExistsError: its owner has another server of this name.
        """
        name = row.name
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError:
            raise McpServerExistsError(name) from None

    async def remove(self, row: McpServerRow) -> None:
        """Deletes a row with its tokens and authorizations."""
        await self._session.delete(row)
        await self._session.flush()

    async def find(self, server_id: str) -> McpServerRow | None:
        """A row of anybody, for what the program does by itself."""
        return await self._session.get(McpServerRow, server_id)

    async def find_owned(self, name: str, *, owner_id: str) -> McpServerRow | None:
        """A person's server."""
        query = select(McpServerRow).where(McpServerRow.name == name, owned_by(owner_id, McpServerRow.owner_id))
        return await self._session.scalar(query)

    async def list_named(self, name: str, identity: Identity, *, owner_id: str | None = None) -> Sequence[McpServerRow]:
        """All servers of a name that the caller may see, or those of one owner among them."""
        query = select(McpServerRow).where(McpServerRow.name == name, visible_to(identity, McpServerRow.owner_id))
        if owner_id:
            query = query.where(McpServerRow.owner_id == owner_id)
        return (await self._session.scalars(query.order_by(*OLDEST_FIRST))).all()

    async def list_seen(self, identity: Identity) -> Sequence[McpServerRow]:
        """Own servers, everybody's for an admin; oldest first."""
        query = select(McpServerRow).where(visible_to(identity, McpServerRow.owner_id)).order_by(*OLDEST_FIRST)
        return (await self._session.scalars(query)).all()

    async def list_owned(self, owner_id: str) -> Sequence[McpServerRow]:
        """A person's servers, oldest first: the order in which they claim the names of tools."""
        query = select(McpServerRow).where(owned_by(owner_id, McpServerRow.owner_id)).order_by(*OLDEST_FIRST)
        return (await self._session.scalars(query)).all()

    async def count_owned(self, owner_id: str) -> int:
        """Number of a person's servers."""
        query = select(func.count()).select_from(McpServerRow).where(owned_by(owner_id, McpServerRow.owner_id))
        return (await self._session.scalar(query)) or 0

    async def list_due(self, now: datetime, limit: int) -> Sequence[McpServerRow]:
        """Unreachable servers whose time has come."""
        query = (
            select(McpServerRow)
            .where(McpServerRow.next_try_at <= now, McpServerRow.disabled.is_(False))
            .order_by(McpServerRow.next_try_at)
            .limit(limit)
        )
        return (await self._session.scalars(query)).all()

    async def take_due(self, row: McpServerRow, *, until: datetime) -> bool:
        """Puts the next attempt off for everybody else; False when another process was faster."""
        done = await self._session.execute(
            update(McpServerRow)
            .where(McpServerRow.id == row.id, McpServerRow.next_try_at == row.next_try_at)
            .values(next_try_at=until)
        )
        return cast("CursorResult[Any]", done).rowcount == 1


class McpTokenRepository:
    """Rows of `mcp_tokens` and `mcp_authorizations` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, server_id: str, user_id: str) -> McpTokenRow | None:
        """What a person has for a server."""
        return await self._session.get(McpTokenRow, (server_id, user_id))

    async def save(self, row: McpTokenRow) -> None:
        """Writes a person's tokens, in place of older ones."""
        await self._session.merge(row)
        await self._session.flush()

    async def remove(self, server_id: str, user_id: str | None = None) -> None:
        """Forgets a person's tokens for a server, or everybody's."""
        query = delete(McpTokenRow).where(McpTokenRow.server_id == server_id)
        await self._session.execute(query if user_id is None else query.where(McpTokenRow.user_id == user_id))

    async def remove_all_of(self, user_id: str) -> None:
        """Forgets everything a person was given or has begun."""
        await self._session.execute(delete(McpTokenRow).where(McpTokenRow.user_id == user_id))
        await self._session.execute(delete(McpAuthorizationRow).where(McpAuthorizationRow.user_id == user_id))

    async def holders(self, server_ids: Sequence[str]) -> set[tuple[str, str]]:
        """(server, person) of the tokens for these servers."""
        query = select(McpTokenRow.server_id, McpTokenRow.user_id).where(McpTokenRow.server_id.in_(server_ids))
        return {(server_id, user_id) for server_id, user_id in (await self._session.execute(query)).all()}

    def begin(self, row: McpAuthorizationRow) -> None:
        """Adds an authorization."""
        self._session.add(row)

    async def remove_begun(self, *, before: datetime, server_id: str | None = None) -> None:
        """Removes authorizations that are too old, and those of a server if one is named."""
        old = McpAuthorizationRow.created_at < before
        await self._session.execute(
            delete(McpAuthorizationRow).where(
                old if server_id is None else or_(old, McpAuthorizationRow.server_id == server_id)
            )
        )

    async def take(self, state_hash: str, *, user_id: str) -> McpAuthorizationRow | None:
        """What a person has begun under a state, which is over by that; nobody else can take it."""
        row = await self._session.get(McpAuthorizationRow, state_hash, with_for_update=True)
        if row is None or row.user_id != user_id:
            return None
        await self._session.delete(row)
        await self._session.flush()
        return row
