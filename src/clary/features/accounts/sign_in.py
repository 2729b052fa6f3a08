"""Signing in and out (platform.md 4.3, 4.6). Hashing never happens inside a transaction."""

import re
from dataclasses import dataclass

from clary.db.database import Database
from clary.db.session import Session, after_commit
from clary.features.accounts.credentials import Credentials
from clary.features.accounts.errors import (
    AccountDisabledError,
    AdminOnlyLoginError,
    InvalidCredentialsError,
    LocalLoginDisabledError,
    RefreshReusedError,
)
from clary.features.accounts.policy import (
    ACCESS_SECONDS,
    REFRESH_LIFE,
    REFRESHES_PER_MINUTE,
    SESSION_ABSOLUTE,
    AuthMode,
    throttle_address,
    username_key,
)
from clary.features.accounts.ports import PasswordHashing, SignOutElsewhere
from clary.features.accounts.repository import AccountRepository
from clary.features.accounts.tables import LoginSessionRow, RefreshTokenRow, UserRow
from clary.features.accounts.throttling import AttemptQueue, LoginBrake, require_rate
from clary.features.audit.service import ANONYMOUS, Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity
from clary.http.problems import NotSignedInError
from clary.kit import measures
from clary.kit.clock import Clock
from clary.kit.crypto import hash_token
from clary.kit.ids import new_hex, new_token

_REFRESH_TOKEN = re.compile(r"clt_[A-Za-z0-9_-]{43}")


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a sign-in comes from; cookies as sent, None where absent."""

    address: str
    user_agent: str
    session_cookie: str | None
    device_cookie: str | None


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a client gets: access token, refresh token, life of the first in seconds."""

    access_token: str
    refresh_token: str
    expires_in: int = ACCESS_SECONDS


@dataclass(frozen=True, slots=True)
class SignedIn:
    """Tokens, and the cookies to set."""

    tokens: Tokens
    session_cookie: str
    device_cookie: str


class SignIn:
    """Use cases of login, refresh and logout."""

    def __init__(
        self,
        *,
        database: Database,
        passwords: PasswordHashing,
        credentials: Credentials,
        audit: AuditLog,
        clock: Clock,
        mode: AuthMode = "native",
        proxy_logout_url: str | None = None,
    ) -> None:
        self._database = database
        self._passwords = passwords
        self._credentials = credentials
        self._audit = audit
        self._clock = clock
        self._mode: AuthMode = mode
        self._proxy_logout_url = proxy_logout_url
        self._elsewhere: SignOutElsewhere | None = None
        self._attempts = AttemptQueue()

    def sign_out_through(self, elsewhere: SignOutElsewhere) -> None:
        """Tells who knows about signing out of other services."""
        self._elsewhere = elsewhere

    def require_local(self) -> None:
        """Nobody signs in with a password where only other services are asked.

        Raises:
            LocalLoginDisabledError
        """
        if self._mode == "oauth":
            raise LocalLoginDisabledError

    async def login(self, *, account: str, password: str, origin: Origin) -> SignedIn:
        """Checks a password and opens a session.

        Raises:
            LocalLoginDisabledError, LoginThrottledError, InvalidCredentialsError, AccountDisabledError,
            AdminOnlyLoginError
        """
        self.require_local()
        async with self._attempts.turn(origin.address):
            user = await self._check(account, password, origin)
        stored, renewed = user.password_hash, None
        if user.status != "active":
            target = AuditObject("user", user.user_id, user.user_id)
            await self._audit.record_refusal(Act("auth.login_failed", ANONYMOUS, target, outcome="denied"))
            measures.count("clary_logins_total", method="password", outcome="denied")
            raise AccountDisabledError
        if self._mode == "trusted_proxy" and user.role != "admin":
            target = AuditObject("user", user.user_id, user.user_id)
            await self._audit.record_refusal(Act("auth.login_failed", ANONYMOUS, target, outcome="denied"))
            measures.count("clary_logins_total", method="password", outcome="denied")
            raise AdminOnlyLoginError
        if stored is not None and self._passwords.is_outdated(stored):
            renewed = await self._passwords.hash(password)
        return await self._open(user.user_id, stored, renewed, account, origin)

    async def _check(self, account: str, password: str, origin: Origin) -> UserRow:
        """The user whose password this is; a failure is counted, and costs the same whether there is one or not."""
        device_hash = hash_token(origin.device_cookie) if origin.device_cookie else None
        async with self._database.write() as db:
            user = await self._find(db, account)
            brake = LoginBrake(db, self._clock.now(), account=account, address=origin.address)
            await brake.require_attempt(user_id=user.user_id if user else None, device_hash=device_hash)
        stored = user.password_hash if user is not None else None
        fits = await self._passwords.verify(password, stored)
        if not fits or user is None:
            async with self._database.write() as db:
                await LoginBrake(db, self._clock.now(), account=account, address=origin.address).failed()
            await self._record_failure(user)
            raise InvalidCredentialsError
        return user

    async def _record_failure(self, user: UserRow | None) -> None:
        """Nothing of what was typed is kept: people type passwords into the wrong field."""
        measures.count("clary_logins_total", method="password", outcome="failed")
        target = AuditObject("user", user.user_id, user.user_id) if user is not None else None
        await self._audit.record_refusal(Act("auth.login_failed", ANONYMOUS, target, outcome="failed"))

    async def refresh(self, *, refresh_token: str, address: str) -> Tokens:
        """A new pair for a refresh token, which is spent by it.

        Raises:
            NotSignedInError, RefreshReusedError, ThrottledError
        """
        token_hash, now = hash_token(refresh_token), self._clock.now()
        reused: str | None = None
        async with self._database.write() as db:
            await require_rate(db, now, kind="refresh", key=throttle_address(address), limit=REFRESHES_PER_MINUTE)
        async with self._database.write() as db:
            accounts = AccountRepository(db)
            row = await accounts.find_refresh(token_hash)
            session = await accounts.find_session(row.session_id) if row is not None else None
            if row is None or session is None:
                # Tokens go with their session; what was never one of ours has another form.
                is_ours = _REFRESH_TOKEN.fullmatch(refresh_token) is not None
                raise NotSignedInError(NotSignedInError.EXPIRED if is_ours else NotSignedInError.MALFORMED)
            if row.spent_at is not None or not await accounts.spend_refresh(token_hash, now):
                reused = session.session_id
                await accounts.end_session(session.session_id)
                target = AuditObject("user", session.user_id, session.user_id)
                await self._audit.record(db, Act("auth.refresh_reused", ANONYMOUS, target, outcome="denied"))
            else:
                user = await accounts.find_user(session.user_id)
                dead = user is None or user.status != "active" or row.expires_at <= now or session.expires_at <= now
                if dead:
                    raise NotSignedInError(NotSignedInError.EXPIRED)
                session.last_seen_at = now
                return self._issue(accounts, session)
        self._credentials.forget_session(reused)
        raise RefreshReusedError

    async def logout(self, db: Session, *, identity: Identity, peer_origin: str) -> dict[str, str]:
        """Ends the session of the caller; `logout_url`: where to go on, if the way of signing in wants that (5.1)."""
        session_id, onward = identity.login_session_id, None
        if session_id is not None:
            session = await AccountRepository(db).find_session(session_id)
            if session is not None and self._elsewhere is not None:
                onward = self._elsewhere.logout_url(
                    method=session.method, sealed=session.sealed, user_id=session.user_id, peer_origin=peer_origin
                )
            await AccountRepository(db).end_session(session_id)
            after_commit(db, lambda: self._credentials.forget_session(session_id))
            target = AuditObject("user", identity.user_id, identity.user_id)
            await self._audit.record(db, Act("auth.logout", Actor.of(identity), target))
        if identity.credential == "proxy" and self._proxy_logout_url:
            onward = self._proxy_logout_url
        return {"logout_url": onward} if onward else {}

    async def _find(self, db: Session, account: str) -> UserRow | None:
        accounts = AccountRepository(db)
        if "@" in account:
            return await accounts.find_by_email(account.strip().lower())
        return await accounts.find_by_name(username_key(account))

    async def open_from_outside(
        self, db: Session, *, user_id: str, method: str, origin: Origin, sealed: str | None = None
    ) -> SignedIn:
        """Opens a session for somebody another service vouches for, in the caller's transaction (5.2).

        `method`: `upstream:<id>`. `sealed`: what that way of signing in keeps with the session, sealed.

        Raises:
            AccountDisabledError
        """
        user = await AccountRepository(db).find_user(user_id)
        if user is None or user.status != "active":
            raise AccountDisabledError
        return await self._open_session(db, user, method, origin, sealed)

    async def _open(
        self, user_id: str, stored: str | None, renewed: str | None, account: str, origin: Origin
    ) -> SignedIn:
        async with self._database.write() as db:
            user = await AccountRepository(db).find_user(user_id)
            # The account may have changed while the password was checked.
            if user is None or user.password_hash != stored or user.status != "active":
                raise InvalidCredentialsError
            user.password_hash = renewed or user.password_hash
            await LoginBrake(db, self._clock.now(), account=account, address=origin.address).succeeded()
            return await self._open_session(db, user, "password", origin, None)

    async def _open_session(
        self, db: Session, user: UserRow, method: str, origin: Origin, sealed: str | None
    ) -> SignedIn:
        """A new session with new cookies; the session of the cookie that came along ends (platform.md 2.3)."""
        now, cookie, device = self._clock.now(), new_token(), new_token()
        accounts = AccountRepository(db)
        # A browser keeps its mark only if it is one of this account: a planted value must not become known.
        if origin.device_cookie and await accounts.is_known_device(user.user_id, hash_token(origin.device_cookie)):
            device = origin.device_cookie
        user.last_login_at = now
        await accounts.remember_place(user.user_id, throttle_address(origin.address), hash_token(device), now)
        if origin.session_cookie:
            old = await accounts.find_session_by_cookie(hash_token(origin.session_cookie))
            if old is not None:
                await accounts.end_session(old.session_id)
                ended = old.session_id
                after_commit(db, lambda: self._credentials.forget_session(ended))
        session = LoginSessionRow(
            session_id=new_hex(32),
            user_id=user.user_id,
            cookie_hash=hash_token(cookie),
            method=method,
            sealed=sealed,
            address=origin.address[:64],
            user_agent=origin.user_agent[:256],
            created_at=now,
            last_seen_at=now,
            cookie_issued_at=now,
            expires_at=now + SESSION_ABSOLUTE,
        )
        accounts.add(session)
        await accounts.flush()
        actor, target = Actor("user", user.user_id, user.username), AuditObject("user", user.user_id, user.user_id)
        # Which of the providers outside it was is the operator's naming, not a label's.
        way = method.split(":")[0]
        after_commit(db, lambda: measures.count("clary_logins_total", method=way, outcome="ok"))
        await self._audit.record(db, Act("auth.login", actor, target, detail={"method": method}))
        return SignedIn(self._issue(accounts, session), cookie, device)

    def _issue(self, accounts: AccountRepository, session: LoginSessionRow) -> Tokens:
        now, refresh = self._clock.now(), new_token("clt_")
        accounts.add(
            RefreshTokenRow(
                token_hash=hash_token(refresh),
                session_id=session.session_id,
                expires_at=min(now + REFRESH_LIFE, session.expires_at),
                spent_at=None,
            )
        )
        access = self._credentials.issue(session.user_id, session.session_id, now)
        return Tokens(access, refresh)
