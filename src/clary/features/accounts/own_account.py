"""What people change about themselves, and where they are signed in (platform.md 4.8)."""

from datetime import datetime
from typing import Any

from clary.db.session import Session, after_commit
from clary.features.accounts.credentials import Credentials
from clary.features.accounts.errors import IdentityNotFoundError, LastCredentialError, LoginSessionNotFoundError
from clary.features.accounts.policy import REFRESH_LIFE, AuthMode
from clary.features.accounts.repository import AccountRepository, IdentityRepository
from clary.features.accounts.tables import LoginSessionRow, UserRow
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject, changes
from clary.features.permissions.service import Identity
from clary.http.problems import NotSignedInError
from clary.kit.clock import Clock, wire_time

PROFILE = frozenset({"nickname", "phonenum", "avatar_url"})
Json = dict[str, Any]


class OwnAccount:
    """Every method works in the caller's transaction, on nobody but the caller."""

    def __init__(self, *, credentials: Credentials, audit: AuditLog, clock: Clock, mode: AuthMode = "native") -> None:
        self._mode: AuthMode = mode
        self._credentials = credentials
        self._audit = audit
        self._clock = clock

    async def update_profile(self, db: Session, *, identity: Identity, fields: dict[str, str]) -> UserRow:
        """Changes what was sent of nickname, phone number and avatar; an empty text clears."""
        user = await AccountRepository(db).find_user(identity.user_id)
        if user is None:
            raise NotSignedInError(NotSignedInError.EXPIRED)
        wanted = {key: fields[key] or None for key in fields.keys() & PROFILE}
        detail = changes({key: getattr(user, key) for key in wanted}, wanted)
        for key, value in wanted.items():
            setattr(user, key, value)
        user.updated_at = self._clock.now() if detail else user.updated_at
        if detail:
            target = AuditObject("user", user.user_id, user.user_id)
            await self._audit.record(db, Act("user.updated", Actor.of(identity), target, detail=detail, person=PROFILE))
        return user

    async def list_sessions(self, db: Session, *, identity: Identity) -> list[Json]:
        """Login sessions that may still be used, the latest sign of life first."""
        rows = await AccountRepository(db).list_sessions(
            identity.user_id, now=self._clock.now(), silent_since=self._silent_since()
        )
        return [_session_object(row, identity) for row in rows]

    async def end_session(self, db: Session, *, identity: Identity, session_id: str) -> None:
        """Ends one of the caller's sessions; the present one too.

        Raises:
            LoginSessionNotFoundError
        """
        accounts = AccountRepository(db)
        row = await accounts.find_session(session_id)
        if row is None or row.user_id != identity.user_id:
            raise LoginSessionNotFoundError
        await accounts.end_session(session_id)
        after_commit(db, lambda: self._credentials.forget_session(session_id))
        await self._record_end(db, identity, {"count": 1})

    async def end_other_sessions(self, db: Session, *, identity: Identity) -> int:
        """Ends all sessions of the caller but the present one; returns how many."""
        ended = await AccountRepository(db).end_other_sessions(identity.user_id, keep=identity.login_session_id)
        after_commit(db, lambda: self._credentials.forget_user(identity.user_id))
        if ended:
            await self._record_end(db, identity, {"count": len(ended)})
        return len(ended)

    async def list_identities(self, db: Session, *, identity: Identity) -> list[Json]:
        """The caller as other services know them."""
        rows = await IdentityRepository(db).list_of(identity.user_id)
        return [
            {
                "provider_id": row.provider_id,
                "name": row.name,
                "username": row.username,
                "email": row.email,
                "linked_at": wire_time(row.linked_at),
            }
            for row in rows
        ]

    async def unlink(self, db: Session, *, identity: Identity, provider_id: str) -> None:
        """Takes a linked identity away, if another way to sign in remains.

        Raises:
            IdentityNotFoundError, LastCredentialError
        """
        identities = IdentityRepository(db)
        linked = {row.provider_id for row in await identities.list_of(identity.user_id)}
        if provider_id not in linked:
            raise IdentityNotFoundError
        user = await AccountRepository(db).find_user(identity.user_id)
        if len(linked) == 1 and not self._has_password(user):
            raise LastCredentialError
        await identities.remove(identity.user_id, provider_id)
        target = AuditObject("user", identity.user_id, identity.user_id)
        await self._audit.record(
            db, Act("auth.identity_removed", Actor.of(identity), target, detail={"provider_id": provider_id})
        )

    def _has_password(self, user: UserRow | None) -> bool:
        """Whether there is a password that this server lets the person sign in with (3.1)."""
        if user is None or user.password_hash is None:
            return False
        return self._mode == "native" or (self._mode == "trusted_proxy" and user.role == "admin")

    async def _record_end(self, db: Session, identity: Identity, detail: Json) -> None:
        target = AuditObject("user", identity.user_id, identity.user_id)
        await self._audit.record(db, Act("auth.session_ended", Actor.of(identity), target, detail=detail))

    def _silent_since(self) -> datetime:
        return self._clock.now() - REFRESH_LIFE


def _session_object(row: LoginSessionRow, identity: Identity) -> Json:
    return {
        "id": row.session_id,
        "current": row.session_id == identity.login_session_id,
        "method": row.method,
        "address": row.address,
        "user_agent": row.user_agent,
        "created_at": wire_time(row.created_at),
        "last_seen_at": wire_time(row.last_seen_at),
        "expires_at": wire_time(row.expires_at),
    }
