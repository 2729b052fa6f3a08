"""Clients: from configuration, by administrators, registered by themselves (platform.md 6.1, 6.7)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.audit.service import SYSTEM, Act, Actor, AuditLog, AuditObject, changes
from clary.features.oauth2.errors import (
    ClientExistsError,
    ClientLockedError,
    ClientNotFoundError,
    GrantNotFoundError,
)
from clary.features.oauth2.policy import DEFAULT_SCOPE, GRANT_TYPES
from clary.features.oauth2.reader import AccessTokenReader
from clary.features.oauth2.repository import OAuthRepository
from clary.features.oauth2.tables import OAuthClientRow
from clary.features.permissions.service import Identity
from clary.http.paging import Page
from clary.http.problems import ValidationFailedError
from clary.kit.clock import Clock, wire_time
from clary.kit.crypto import hash_token
from clary.kit.ids import new_hex, new_token
from clary.kit.text import Text

Json = dict[str, Any]
FIELDS = ("client_name", "client_uri", "redirect_uris", "skip_consent", "require_pkce", "introspect_all", "enabled")
UNUSED_LIFE = timedelta(days=90)
TOKENLESS_LIFE = timedelta(hours=24)
_PUBLIC = Text("公开客户端没有密钥", "a public client has no secret")


@dataclass(frozen=True, slots=True)
class MadeClient:
    """A client with its secret, which is shown this once; None for a public one."""

    shown: Json
    secret: str | None


class ClientRegistry:
    """The clients of this server, and what people let them do."""

    def __init__(self, *, database: Database, reader: AccessTokenReader, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._reader = reader
        self._audit = audit
        self._clock = clock

    async def synchronise(self, entries: Sequence[Mapping[str, Any]]) -> None:
        """Makes the clients of the configuration what it says; one that vanished from it is disabled."""
        async with self._database.write() as db:
            clients = OAuthRepository(db)
            for entry in entries:
                row = await clients.find_client(entry["client_id"])
                if row is None:
                    row = self._row(entry, source="config")
                    await clients.add_client(row)
                _put(row, entry)
                row.source, row.enabled = "config", entry["enabled"]
                row.secret_hash = hash_token(entry["client_secret"]) if entry["client_secret"] else None
            named = {entry["client_id"] for entry in entries}
            for row in await clients.list_configured():
                row.enabled = row.enabled and row.client_id in named

    async def list_page(self, db: Session, *, page: Page, text: str | None) -> Json:
        """Clients by name."""
        rows, total = await OAuthRepository(db).list_clients(offset=page.offset, limit=page.size, text=text)
        return {"items": [client_object(row) for row in rows], "total": total}

    async def create(self, db: Session, *, fields: Json, by: Actor, source: str = "admin") -> MadeClient:
        """A new client; `fields` are those of 6.1, already checked one by one.

        Raises:
            ClientExistsError
        """
        row = self._row({**fields, "client_id": fields.get("client_id") or "oc_" + new_hex(24)}, source=source)
        secret = None if row.auth_method == "none" else fields.get("client_secret") or new_token()
        row.secret_hash = hash_token(secret) if secret is not None else None
        if not await OAuthRepository(db).add_client(row):
            raise ClientExistsError
        await self._record(db, by, "oauth2.client_created", row, {"name": row.client_name, "source": source})
        return MadeClient(client_object(row), secret)

    async def update(self, db: Session, *, client_id: str, fields: Json, by: Actor) -> Json:
        """Changes what was sent; less scope or fewer redirects act at once.

        Raises:
            ClientNotFoundError, ClientLockedError
        """
        row = await self._editable(db, client_id)
        before = client_object(row)
        _put(row, fields)
        if "enabled" in fields:
            row.enabled = fields["enabled"]
        after_commit(db, lambda: self._reader.forget_client(client_id))
        await self._record(db, by, "oauth2.client_updated", row, changes(before, client_object(row)))
        return client_object(row)

    async def renew_secret(self, db: Session, *, client_id: str, overlap_seconds: int, by: Actor) -> str:
        """A new secret; the old one works for a while, or not at all.

        Raises:
            ClientNotFoundError, ClientLockedError, ValidationFailedError: a public client has no secret.
        """
        row, secret = await self._editable(db, client_id), new_token()
        if row.auth_method == "none":
            raise ValidationFailedError(_PUBLIC.render())
        row.old_secret_hash = row.secret_hash if overlap_seconds else None
        row.old_secret_until = self._clock.now() + timedelta(seconds=overlap_seconds) if overlap_seconds else None
        row.secret_hash = hash_token(secret)
        await self._record(db, by, "oauth2.client_updated", row, {"client_secret": "replaced"})
        return secret

    async def delete(self, db: Session, *, client_id: str, by: Actor) -> None:
        """Removes a client with its codes, tokens and consents.

        Raises:
            ClientNotFoundError, ClientLockedError
        """
        row = await self._editable(db, client_id)
        await OAuthRepository(db).remove_client(client_id)
        after_commit(db, lambda: self._reader.forget_client(client_id))
        await self._record(db, by, "oauth2.client_deleted", row, {"name": row.client_name})

    async def list_grants(self, db: Session, *, identity: Identity) -> list[Json]:
        """What the caller lets clients do, newest first."""
        return [
            {
                "client_id": row.client_id,
                "client_name": name,
                "scope": row.scope,
                "resource": row.resource or None,
                "created_at": wire_time(row.created_at),
                "last_used_at": wire_time(row.last_used_at),
            }
            for row, name in await OAuthRepository(db).list_consents(identity.user_id)
        ]

    async def remove_grant(self, db: Session, *, identity: Identity, client_id: str) -> None:
        """Ends what a client may do for the caller, with all its tokens.

        Raises:
            GrantNotFoundError
        """
        tokens = OAuthRepository(db)
        if not await tokens.remove_consents(identity.user_id, client_id):
            raise GrantNotFoundError
        await tokens.end_tokens(identity.user_id, client_id)
        after_commit(db, lambda: self._reader.forget_user(identity.user_id))
        target = AuditObject("oauth2_client", client_id, identity.user_id)
        await self._audit.record(db, Act("oauth2.grant_removed", Actor.of(identity), target))

    async def end_tokens(self, db: Session, *, user_id: str) -> None:
        """Ends all codes and tokens of a person (the port `TokensElsewhere` of accounts)."""
        await OAuthRepository(db).end_tokens(user_id)

    async def sweep(self) -> None:
        """Deletes what has lost its meaning, and clients that registered themselves and are not used (6.7)."""
        now = self._clock.now()
        async with self._database.write() as db:
            clients = OAuthRepository(db)
            await clients.sweep(now, now - timedelta(hours=1))
            for row in await clients.list_idle(created_before=now - TOKENLESS_LIFE, used_before=now - UNUSED_LIFE):
                await clients.remove_client(row.client_id)
                await self._record(db, SYSTEM, "oauth2.client_deleted", row, {"name": row.client_name})

    async def _editable(self, db: Session, client_id: str) -> OAuthClientRow:
        row = await OAuthRepository(db).find_client(client_id)
        if row is None:
            raise ClientNotFoundError
        if row.source == "config":
            raise ClientLockedError
        return row

    def _row(self, fields: Mapping[str, Any], *, source: str) -> OAuthClientRow:
        row = OAuthClientRow(
            client_id=fields["client_id"],
            client_name=fields["client_id"],
            client_uri=None,
            redirect_uris=[],
            auth_method="client_secret_basic",
            secret_hash=None,
            old_secret_hash=None,
            old_secret_until=None,
            grant_types=list(GRANT_TYPES),
            scope=" ".join(DEFAULT_SCOPE),
            skip_consent=False,
            require_pkce=False,
            introspect_all=False,
            enabled=True,
            source=source,
            created_at=self._clock.now(),
            last_used_at=None,
        )
        _put(row, fields)
        return row

    async def _record(self, db: Session, by: Actor, action: str, row: OAuthClientRow, detail: Json) -> None:
        await self._audit.record(db, Act(action, by, AuditObject("oauth2_client", row.client_id), detail=detail))


def _put(row: OAuthClientRow, fields: Mapping[str, Any]) -> None:
    """Spreads the fields that are there; None means the default."""
    for name in FIELDS[:-1]:
        if fields.get(name) is not None:
            setattr(row, name, fields[name])
    if fields.get("token_endpoint_auth_method") is not None:
        row.auth_method = fields["token_endpoint_auth_method"]
    if fields.get("grant_types") is not None:
        row.grant_types = list(fields["grant_types"])
    if fields.get("scope") is not None:
        row.scope = " ".join(fields["scope"])


def client_object(row: OAuthClientRow) -> Json:
    """Client of 6.1, without its secret."""
    return {
        "client_id": row.client_id,
        "client_name": row.client_name,
        "client_uri": row.client_uri,
        "redirect_uris": row.redirect_uris,
        "token_endpoint_auth_method": row.auth_method,
        "grant_types": row.grant_types,
        "response_types": ["code"],
        "scope": row.scope,
        "skip_consent": row.skip_consent,
        "require_pkce": row.require_pkce,
        "introspect_all": row.introspect_all,
        "enabled": row.enabled,
        "source": row.source,
        "created_at": wire_time(row.created_at),
        "last_used_at": wire_time(row.last_used_at),
    }
