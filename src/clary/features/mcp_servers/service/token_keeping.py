"""People's tokens for servers: used, renewed before they expire, forgotten when they are refused (product.md 8.5)."""

import asyncio
from dataclasses import asdict
from datetime import timedelta
from weakref import WeakValueDictionary

from clary.db.database import Database
from clary.db.session import Session
from clary.features.mcp_servers.ports import (
    AuthorizationDoor,
    AuthorizationServer,
    McpFailedError,
    OAuthClient,
    Tokens,
)
from clary.features.mcp_servers.repository import McpTokenRepository
from clary.features.mcp_servers.service.vault import McpVault, token_fields
from clary.features.mcp_servers.tables import McpServerRow, McpTokenRow
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError

EARLY = timedelta(seconds=60)


class TokenKeeper:
    """The only reader of tokens."""

    def __init__(self, *, database: Database, vault: McpVault, door: AuthorizationDoor, clock: Clock) -> None:
        self._database = database
        self._vault = vault
        self._door = door
        self._clock = clock
        self._turns: WeakValueDictionary[tuple[str, str], asyncio.Lock] = WeakValueDictionary()

    async def access_token(self, row: McpServerRow, *, user_id: str) -> str:
        """A token that is good for a while.

        Raises:
            McpFailedError: `unauthorized` when the person has none, or it cannot be renewed.
        """
        turn = self._turns.setdefault((row.id, user_id), asyncio.Lock())
        async with turn:
            async with self._database.read() as db:
                kept = await McpTokenRepository(db).find(row.id, user_id)
            if kept is None:
                raise McpFailedError("unauthorized")
            try:
                fields = self._vault.open_tokens(kept)
            except DecryptionError:
                raise McpFailedError("unauthorized") from None
            if kept.expires_at is None or kept.expires_at - EARLY > self._clock.now():
                return fields["access_token"]
            return await self._renewed(row, user_id, fields)

    async def keep(
        self,
        db: Session,
        *,
        server_id: str,
        user_id: str,
        tokens: Tokens,
        server: AuthorizationServer,
        client: OAuthClient,
    ) -> None:
        """Stores what an authorization server gave."""
        fields = token_fields(tokens, server=asdict(server), client=asdict(client))
        now, seconds = self._clock.now(), tokens.expires_in
        await McpTokenRepository(db).save(
            McpTokenRow(
                server_id=server_id,
                user_id=user_id,
                sealed=self._vault.seal_tokens(fields, server_id=server_id, user_id=user_id),
                expires_at=None if seconds is None else now + timedelta(seconds=seconds),
                updated_at=now,
            )
        )

    async def _renewed(self, row: McpServerRow, user_id: str, fields: dict[str, object]) -> str:
        server = AuthorizationServer(**fields["server"])  # pyright: ignore[reportCallIssue]
        client = OAuthClient(**fields["client"])  # pyright: ignore[reportCallIssue]
        refresh_token = fields["refresh_token"]
        try:
            if not isinstance(refresh_token, str):
                raise McpFailedError("unauthorized")
            tokens = await self._door.refresh(server, client, refresh_token=refresh_token)
        except McpFailedError as failure:
            if failure.kind == "unauthorized":
                async with self._database.write() as db:
                    await McpTokenRepository(db).remove(row.id, user_id)
            raise
        # A server that gives no new refresh token means the old one to go on.
        tokens = Tokens(tokens.access_token, tokens.refresh_token or refresh_token, tokens.expires_in)
        async with self._database.write() as db:
            await self.keep(db, server_id=row.id, user_id=user_id, tokens=tokens, server=server, client=client)
        return tokens.access_token
