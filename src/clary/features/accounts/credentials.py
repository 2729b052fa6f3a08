"""Finds the caller of a request (platform.md 2.1): Bearer first, then the cookie.

An answer is kept for at most a second; what ends a session in this process is seen at once.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import cast

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.accounts.policy import ACCESS_SECONDS, COOKIE_RENEWAL, SESSION_IDLE
from clary.features.accounts.ports import (
    AccessClaims,
    AccessTokens,
    BearerReader,
    ExpiredTokenError,
    GroupDirectory,
    KeepsIdentities,
    MalformedTokenError,
)
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import LoginSessionRow
from clary.features.permissions.service import Credential, Identity, Role
from clary.http.problems import NotSignedInError
from clary.kit.clock import Clock
from clary.kit.crypto import hash_token
from clary.kit.text import Text

_COOKIE = re.compile(r"[A-Za-z0-9_-]{43}")
KEEP_SECONDS = 1.0
MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class Found:
    """Who it is; else what was wrong with the credential. `renew_cookie`: the cookie should be sent again."""

    identity: Identity | None
    fault: Text | None = None
    renew_cookie: bool = False


@dataclass(frozen=True, slots=True)
class Caller:
    """A person who may act at this moment."""

    user_id: str
    username: str
    role: Role
    group_ids: frozenset[str]


@dataclass(frozen=True, slots=True)
class _Kept:
    identity: Identity
    until: float


class Credentials:
    """See the module."""

    def __init__(
        self,
        *,
        database: Database,
        tokens: Callable[[], AccessTokens],
        groups: GroupDirectory,
        clock: Clock,
    ) -> None:
        self._database = database
        self._groups = groups
        self._tokens = tokens
        self._clock = clock
        self._readers: list[BearerReader] = []
        self._listeners: list[KeepsIdentities] = []
        self._kept: dict[str, _Kept] = {}
        self._generation = 0

    def add_reader(self, reader: BearerReader) -> None:
        """Makes another kind of Bearer known."""
        self._readers.append(reader)

    def add_listener(self, listener: KeepsIdentities) -> None:
        """Makes somebody known who keeps identities for a moment, too."""
        self._listeners.append(listener)

    async def find(self, *, bearer: str | None, cookie: str | None, address: str = "") -> Found:
        """The caller of a request with these credentials; the text for a bad one where there is no caller."""
        fault: Text | None = None
        if bearer is not None:
            by_token = await self._by_bearer(bearer, address)
            if isinstance(by_token, Identity):
                return Found(by_token)
            fault = by_token
        if cookie:
            found = await self._by_cookie(cookie)
            if found.identity is not None:
                return found
            fault = fault or (NotSignedInError.EXPIRED if _COOKIE.fullmatch(cookie) else NotSignedInError.MALFORMED)
        return Found(None, fault)

    def issue(self, user_id: str, session_id: str, now: datetime) -> str:
        """A login access token of a session."""
        return self._tokens().issue(AccessClaims(user_id, session_id, now, now + timedelta(seconds=ACCESS_SECONDS)))

    def forget_session(self, session_id: str) -> None:
        """A session ended: nothing kept of it counts any more."""
        self._generation += 1
        self._kept = {key: kept for key, kept in self._kept.items() if kept.identity.login_session_id != session_id}

    def forget_user(self, user_id: str) -> None:
        """Something about a user changed."""
        for keeper in (*self._readers, *self._listeners):
            keeper.forget_user(user_id)
        self._generation += 1
        self._kept = {key: kept for key, kept in self._kept.items() if kept.identity.user_id != user_id}

    def forget_user_after_commit(self, db: Session, user_id: str) -> None:
        """Something about a user changes with this transaction."""
        after_commit(db, lambda: self.forget_user(user_id))

    async def is_session_alive(self, db: Session, *, session_id: str) -> bool:
        """Whether a login session goes on."""
        row = await AccountRepository(db).find_session(session_id)
        return row is not None and row.expires_at > self._clock.now()

    async def find_session_start(self, session_id: str) -> datetime | None:
        """When a login session was opened."""
        async with self._database.read() as db:
            row = await AccountRepository(db).find_session(session_id)
        return row.created_at if row is not None else None

    def now(self) -> datetime:
        """This moment."""
        return self._clock.now()

    async def _by_bearer(self, token: str, address: str) -> Identity | Text:
        for reader in self._readers:
            if token.startswith(reader.prefix):
                return await reader.identify(token, address=address)
        return await self._by_token(token)

    async def _by_token(self, token: str) -> Identity | Text:
        try:
            claims = self._tokens().read(token, now=self._clock.now())
        except ExpiredTokenError:
            return NotSignedInError.EXPIRED
        except MalformedTokenError:
            return NotSignedInError.MALFORMED
        key = "token:" + claims.session_id
        kept = self._recent(key)
        if kept is not None and kept.user_id == claims.user_id:
            return kept
        generation = self._generation
        async with self._database.read() as db:
            session = await AccountRepository(db).find_session(claims.session_id)
            identity = await self._alive(db, session, "access_token")
        if identity is None or identity.user_id != claims.user_id:
            return NotSignedInError.EXPIRED
        return self._keep(key, identity, generation)

    async def _by_cookie(self, cookie: str) -> Found:
        cookie_hash = hash_token(cookie)
        key = "cookie:" + cookie_hash
        kept = self._recent(key)
        if kept is not None:
            return Found(kept)
        generation = self._generation
        async with self._database.read() as db:
            session = await AccountRepository(db).find_session_by_cookie(cookie_hash)
            identity = await self._alive(db, session, "cookie")
        if identity is None or session is None:
            return Found(None)
        stale = self._clock.now() - session.cookie_issued_at > COOKIE_RENEWAL
        if stale:
            await self._touch(session.session_id)
        return Found(self._keep(key, identity, generation), renew_cookie=stale)

    async def _alive(self, db: Session, session: LoginSessionRow | None, credential: Credential) -> Identity | None:
        now = self._clock.now()
        if session is None or session.expires_at <= now:
            return None
        if credential == "cookie" and now - session.last_seen_at > SESSION_IDLE:
            return None
        caller = await self.find_caller(db, user_id=session.user_id)
        if caller is None:
            return None
        return Identity(
            caller.user_id,
            caller.username,
            caller.role,
            credential,
            login_session_id=session.session_id,
            group_ids=caller.group_ids,
        )

    async def find_caller(self, db: Session, *, user_id: str) -> Caller | None:
        """The person behind a session, key or token; None when disabled or gone."""
        user = await AccountRepository(db).find_user(user_id)
        if user is None or user.status != "active":
            return None
        groups = await self._groups.groups_of(db, user_id=user_id)
        return Caller(user.user_id, user.username, cast("Role", user.role), groups)

    async def _touch(self, session_id: str) -> None:
        async with self._database.write() as db:
            session = await AccountRepository(db).find_session(session_id)
            if session is not None:
                session.last_seen_at = session.cookie_issued_at = self._clock.now()

    def _recent(self, key: str) -> Identity | None:
        kept = self._kept.get(key)
        return kept.identity if kept is not None and kept.until > self._clock.monotonic() else None

    def _keep(self, key: str, identity: Identity, generation: int) -> Identity:
        # Something ended while this was read: the answer counts for this request only.
        if generation != self._generation:
            return identity
        if len(self._kept) > MAX_KEPT:
            self._kept.clear()
        self._kept[key] = _Kept(identity, self._clock.monotonic() + KEEP_SECONDS)
        return identity
