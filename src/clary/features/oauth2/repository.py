"""Every SQL statement of the authorization server."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import Session as SyncSession

from clary.db.session import Session, add_unless_taken
from clary.features.oauth2.ports import Client, CodeGrant, RefreshGrant
from clary.features.oauth2.tables import (
    OAuthAccessRow,
    OAuthClientRow,
    OAuthCodeRow,
    OAuthConsentRow,
    OAuthRefreshRow,
    OAuthRequestRow,
)
from clary.kit.crypto import hash_token


def client_of(row: OAuthClientRow, now: datetime) -> Client:
    """A row as the protocol sees it at this moment."""
    old = row.old_secret_hash if row.old_secret_until is not None and row.old_secret_until > now else None
    return Client(
        client_id=row.client_id,
        name=row.client_name,
        uri=row.client_uri,
        redirect_uris=tuple(row.redirect_uris),
        auth_method=row.auth_method,
        secret_hashes=tuple(each for each in (row.secret_hash, old) if each is not None),
        grant_types=frozenset(row.grant_types),
        scope=tuple(row.scope.split()),
        skip_consent=row.skip_consent,
        require_pkce=row.require_pkce,
        introspect_all=row.introspect_all,
        source=row.source,
    )


class SqlProtocolStore:
    """Fills the port `ProtocolStore` inside one transaction; remembers what was found, for what follows.

    `code`: the living code that was named, even by a wrong client. `replayed`: the family of a spent code or refresh
    token that came again.
    """

    def __init__(self, session: SyncSession, now: datetime) -> None:
        self._session = session
        self._now = now
        self.code: OAuthCodeRow | None = None
        self.replayed: OAuthCodeRow | OAuthRefreshRow | None = None

    def find_client(self, client_id: str) -> Client | None:
        """See the port."""
        row = self._session.get(OAuthClientRow, client_id)
        return client_of(row, self._now) if row is not None and row.enabled else None

    def holder_of(self, code: str) -> str | None:
        """The client a code was issued to, whatever became of it."""
        row = self._session.get(OAuthCodeRow, hash_token(code))
        return row.client_id if row is not None else None

    def find_code(self, code: str, client_id: str) -> CodeGrant | None:
        """See the port. The row is locked: of any number of requests at once one goes on."""
        row = self._session.get(OAuthCodeRow, hash_token(code), with_for_update=True)
        if row is None or row.expires_at <= self._now:
            return None
        if row.spent_at is not None:
            self.replayed = row
            return None
        self.code = row
        if row.client_id != client_id:
            return None
        return CodeGrant(
            row.code_hash,
            row.client_id,
            row.user_id,
            row.sent_redirect_uri,
            tuple(row.scope.split()),
            row.resource,
            row.nonce,
            row.challenge,
            row.challenge_method,
            row.auth_time,
            row.login_session_id,
            row.family_id,
        )

    def find_refresh(self, token: str, client_id: str) -> RefreshGrant | None:
        """See the port. The row is locked."""
        row = self._session.get(OAuthRefreshRow, hash_token(token), with_for_update=True)
        if row is None or row.client_id != client_id:
            return None
        if row.spent_at is not None:
            self.replayed = row
            return None
        if min(row.expires_at, row.family_ends_at) <= self._now:
            return None
        scope = tuple(row.scope.split())
        return RefreshGrant(
            row.token_hash,
            row.client_id,
            row.user_id,
            scope,
            row.resource,
            row.auth_time,
            row.family_id,
            row.family_ends_at,
        )


class OAuthRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find_client(self, client_id: str) -> OAuthClientRow | None:
        """A client, enabled or not."""
        return await self._session.get(OAuthClientRow, client_id)

    async def add_client(self, row: OAuthClientRow) -> bool:
        """Adds a client; False when its id is taken."""
        return await add_unless_taken(self._session, row)

    async def list_clients(self, *, offset: int, limit: int, text: str | None) -> tuple[Sequence[OAuthClientRow], int]:
        """(page, total), by name."""
        query = select(OAuthClientRow)
        if text:
            query = query.where(
                or_(
                    OAuthClientRow.client_name.icontains(text, autoescape=True),
                    OAuthClientRow.client_id.icontains(text, autoescape=True),
                )
            )
        total = await self._session.scalar(select(func.count()).select_from(query.subquery()))
        ordered = query.order_by(OAuthClientRow.client_name, OAuthClientRow.client_id)
        return (await self._session.scalars(ordered.offset(offset).limit(limit))).all(), int(total or 0)

    async def list_configured(self) -> Sequence[OAuthClientRow]:
        """Clients of the configuration."""
        return (await self._session.scalars(select(OAuthClientRow).where(OAuthClientRow.source == "config"))).all()

    async def list_idle(self, *, created_before: datetime, used_before: datetime) -> Sequence[OAuthClientRow]:
        """Clients that registered themselves and never got a token, or none for long."""
        query = select(OAuthClientRow).where(
            OAuthClientRow.source == "registered",
            or_(
                and_(OAuthClientRow.last_used_at.is_(None), OAuthClientRow.created_at < created_before),
                OAuthClientRow.last_used_at < used_before,
            ),
        )
        return (await self._session.scalars(query)).all()

    async def remove_client(self, client_id: str) -> None:
        """Deletes a client; codes, tokens and consents go by cascade."""
        await self._session.execute(delete(OAuthClientRow).where(OAuthClientRow.client_id == client_id))

    async def find_request(self, request_hash: str) -> OAuthRequestRow | None:
        """A request that waits for consent."""
        return await self._session.get(OAuthRequestRow, request_hash)

    async def consume_request(self, request_hash: str) -> bool:
        """Uses a request up; of several at once one succeeds."""
        gone = await self._session.scalars(
            delete(OAuthRequestRow)
            .where(OAuthRequestRow.request_hash == request_hash)
            .returning(OAuthRequestRow.request_hash)
        )
        return gone.first() is not None

    async def find_consent(self, user_id: str, client_id: str, resource: str) -> OAuthConsentRow | None:
        """What a person lets a client do."""
        return await self._session.get(OAuthConsentRow, (user_id, client_id, resource))

    async def list_consents(self, user_id: str) -> Sequence[tuple[OAuthConsentRow, str]]:
        """A person's consents with the names of the clients, newest first."""
        query = (
            select(OAuthConsentRow, OAuthClientRow.client_name)
            .join(OAuthClientRow, OAuthClientRow.client_id == OAuthConsentRow.client_id)
            .where(OAuthConsentRow.user_id == user_id)
            .order_by(OAuthConsentRow.created_at.desc(), OAuthConsentRow.client_id)
        )
        return [(row, name) for row, name in await self._session.execute(query)]

    def add(self, row: OAuthRequestRow | OAuthConsentRow | OAuthCodeRow | OAuthAccessRow | OAuthRefreshRow) -> None:
        """Adds a row."""
        self._session.add(row)

    async def find_access(self, token_hash: str) -> OAuthAccessRow | None:
        """An access token."""
        return await self._session.get(OAuthAccessRow, token_hash)

    async def find_refresh(self, token_hash: str) -> OAuthRefreshRow | None:
        """A refresh token."""
        return await self._session.get(OAuthRefreshRow, token_hash)

    async def spend_refresh(self, token_hash: str, now: datetime) -> bool:
        """Spends a refresh token; of several at once one succeeds."""
        spent = await self._session.scalars(
            update(OAuthRefreshRow)
            .where(OAuthRefreshRow.token_hash == token_hash, OAuthRefreshRow.spent_at.is_(None))
            .values(spent_at=now)
            .returning(OAuthRefreshRow.token_hash)
        )
        return spent.first() is not None

    async def spend_code(self, code_hash: str, now: datetime) -> bool:
        """Spends a code; of several at once one succeeds."""
        spent = await self._session.scalars(
            update(OAuthCodeRow)
            .where(OAuthCodeRow.code_hash == code_hash, OAuthCodeRow.spent_at.is_(None))
            .values(spent_at=now)
            .returning(OAuthCodeRow.code_hash)
        )
        return spent.first() is not None

    async def remove_code(self, code_hash: str) -> None:
        """Destroys a code."""
        await self._session.execute(delete(OAuthCodeRow).where(OAuthCodeRow.code_hash == code_hash))

    async def end_access(self, token_hash: str) -> None:
        """Ends an access token."""
        await self._session.execute(delete(OAuthAccessRow).where(OAuthAccessRow.token_hash == token_hash))

    async def end_family(self, family_id: str) -> None:
        """Ends every token that came of one authorization."""
        for table in (OAuthAccessRow, OAuthRefreshRow):
            await self._session.execute(delete(table).where(table.family_id == family_id))

    async def end_tokens(self, user_id: str, client_id: str | None = None) -> None:
        """Ends all codes and tokens of a person, or those for one client."""
        for table in (OAuthCodeRow, OAuthAccessRow, OAuthRefreshRow):
            query = delete(table).where(table.user_id == user_id)
            await self._session.execute(query if client_id is None else query.where(table.client_id == client_id))

    async def remove_consents(self, user_id: str, client_id: str) -> int:
        """Withdraws what a person let a client do; returns how many there were."""
        gone = await self._session.scalars(
            delete(OAuthConsentRow)
            .where(OAuthConsentRow.user_id == user_id, OAuthConsentRow.client_id == client_id)
            .returning(OAuthConsentRow.client_id)
        )
        return len(gone.all())

    async def sweep(self, now: datetime, requests_before: datetime) -> None:
        """Deletes what has lost its meaning."""
        for statement in (
            delete(OAuthRequestRow).where(OAuthRequestRow.created_at < requests_before),
            delete(OAuthCodeRow).where(OAuthCodeRow.expires_at < now),
            delete(OAuthAccessRow).where(OAuthAccessRow.expires_at < now),
            delete(OAuthRefreshRow).where(OAuthRefreshRow.family_ends_at < now),
        ):
            await self._session.execute(statement)
