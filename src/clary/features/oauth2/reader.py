"""Finds whose access token a Bearer is (platform.md 2.1, 6.5). An answer is kept for at most a second."""

from dataclasses import dataclass
from datetime import datetime

from clary.db.database import Database
from clary.features.accounts.service import Caller, Credentials
from clary.features.oauth2.policy import ACCESS_PREFIX
from clary.features.oauth2.repository import OAuthRepository
from clary.features.permissions.service import ALL_SCOPES, Identity
from clary.http.problems import NotSignedInError
from clary.kit.clock import Clock
from clary.kit.crypto import hash_token
from clary.kit.text import Text

KEEP_SECONDS = 1.0
MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    identity: Identity
    expires_at: datetime
    until: float


class AccessTokenReader:
    """Fills the port `BearerReader` of accounts."""

    prefix = ACCESS_PREFIX

    def __init__(self, *, database: Database, credentials: Credentials, clock: Clock) -> None:
        self._database = database
        self._credentials = credentials
        self._clock = clock
        self._kept: dict[str, _Known] = {}
        self._generation = 0

    def forget_user(self, user_id: str) -> None:
        """See the port."""
        self._generation += 1
        self._kept = {token: known for token, known in self._kept.items() if known.identity.user_id != user_id}

    def forget_client(self, client_id: str) -> None:
        """A client changed."""
        self._generation += 1
        self._kept = {token: known for token, known in self._kept.items() if known.identity.client_id != client_id}

    async def identify(self, token: str, *, address: str) -> Identity | Text:
        """See the port."""
        token_hash = hash_token(token)
        known = self._kept.get(token_hash)
        if known is None or known.until <= self._clock.monotonic():
            found = await self._look(token_hash)
            if found is None:
                return NotSignedInError.EXPIRED
            known = found
        return known.identity if known.expires_at > self._clock.now() else NotSignedInError.EXPIRED

    async def _look(self, token_hash: str) -> _Known | None:
        generation = self._generation
        async with self._database.read() as db:
            tokens = OAuthRepository(db)
            row = await tokens.find_access(token_hash)
            client = await tokens.find_client(row.client_id) if row is not None else None
            owner = await self._credentials.find_caller(db, user_id=row.user_id) if row is not None else None
        if row is None or client is None or not client.enabled or owner is None:
            return None
        # A token for the MCP face opens nothing here.
        if (row.resource or "").endswith("/mcp"):
            return None
        identity = _identity(owner, row.scope.split(), client.client_id, has_resource=row.resource is not None)
        known = _Known(identity, row.expires_at, self._clock.monotonic() + KEEP_SECONDS)
        if generation == self._generation:
            if len(self._kept) > MAX_KEPT:
                self._kept.clear()
            self._kept[token_hash] = known
        return known


def _identity(owner: Caller, scope: list[str], client_id: str, *, has_resource: bool) -> Identity:
    scopes = frozenset(scope) & ALL_SCOPES
    if has_resource:
        scopes -= {"mcp"}
    if owner.role != "admin":
        scopes -= {"admin"}
    return Identity(
        owner.user_id,
        owner.username,
        owner.role,
        "oauth2_token",
        scopes=scopes,
        client_id=client_id,
        group_ids=owner.group_ids,
    )
