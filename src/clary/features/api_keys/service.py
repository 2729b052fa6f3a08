"""Use cases on API keys (platform.md 7.1)."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clary.db.session import Session, after_commit
from clary.features.accounts.errors import UserNotFoundError
from clary.features.accounts.service import AccountService
from clary.features.api_keys.errors import KeyLimitError, KeyNotFoundError
from clary.features.api_keys.policy import MAX_KEYS, PREFIX, SHOWN_CHARACTERS, last_moment
from clary.features.api_keys.reader import KeyReader
from clary.features.api_keys.repository import ApiKeyRepository
from clary.features.api_keys.tables import ApiKeyRow
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject, changes
from clary.features.groups.ports import CurrencyRates
from clary.features.permissions.service import Identity, Target
from clary.http.problems import RoleMissingError, ValidationFailedError
from clary.kit.clock import Clock, wire_time
from clary.kit.crypto import hash_token
from clary.kit.ids import new_hex, new_token
from clary.kit.text import Text

__all__ = ["ApiKeyService", "KeyReader", "Limits", "MadeKey"]

Json = dict[str, Any]
NOT_AHEAD = Text("expires_at: 必须是将来的时间", "expires_at: must lie ahead")
TOO_FAR = Text("expires_at: 超过允许的期限", "expires_at: further ahead than allowed")


@dataclass(frozen=True, slots=True)
class Limits:
    """Scopes of a key, and the agents it is limited to (None: no limit)."""

    scopes: frozenset[str]
    agent_ids: frozenset[str] | None


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key with its secret, which is shown this once."""

    shown: Json
    secret: str


class ApiKeyService:
    """The door of the slice. A foreign key is like one that never existed; admins see and remove those of others."""

    def __init__(
        self,
        *,
        reader: KeyReader,
        accounts: AccountService,
        rates: CurrencyRates,
        audit: AuditLog,
        clock: Clock,
        max_days: Callable[[], int],
    ) -> None:
        self._reader = reader
        self._accounts = accounts
        self._rates = rates
        self._audit = audit
        self._clock = clock
        self._max_days = max_days
        self._watchers: list[Callable[[], None]] = []

    def watch(self, changed: Callable[[], None]) -> None:
        """Has this called after each change of keys."""
        self._watchers.append(changed)

    async def list_budgeted(self, db: Session) -> Sequence[str]:
        """Ids of the keys that have a budget."""
        return await ApiKeyRepository(db).list_budgeted()

    async def list_by_ids(self, db: Session, *, ids: Collection[str]) -> Sequence[ApiKeyRow]:
        """Those of these keys that exist. At most 30,000."""
        return await ApiKeyRepository(db).list_by_ids(ids)

    async def list_keys(self, db: Session, *, user_id: str) -> list[Json]:
        """A person's keys, newest first, never a secret.

        Raises:
            UserNotFoundError
        """
        await self._require_user(db, user_id)
        return [key_object(row, self._clock.now()) for row in await ApiKeyRepository(db).list_owned(user_id)]

    async def create(self, db: Session, *, user_id: str, is_admin: bool, fields: Json, by: Actor) -> MadeKey:
        """Makes a key of a person. `fields` are those of a key, already checked one by one.

        Raises:
            KeyLimitError, RoleMissingError: scope `admin` for somebody who is none; ValidationFailedError
        """
        keys = ApiKeyRepository(db)
        fields = self._allowed(fields, is_admin=is_admin)
        if await keys.count_owned(user_id) >= MAX_KEYS:
            raise KeyLimitError
        now, secret = self._clock.now(), new_token(PREFIX)
        row = ApiKeyRow(
            id=new_hex(32),
            user_id=user_id,
            prefix=secret[:SHOWN_CHARACTERS],
            secret_hash=hash_token(secret),
            created_at=now,
            **{**fields, "expires_at": fields["expires_at"] or last_moment(self._max_days(), now)},
        )
        row.scopes, row.agent_ids = list(dict.fromkeys(row.scopes)), list(dict.fromkeys(row.agent_ids))
        keys.add(row)
        await self._record(db, by, "key.created", row, {"name": row.name, "scopes": row.scopes})
        return MadeKey(key_object(row, now), secret)

    async def update(self, db: Session, *, identity: Identity, key_id: str, fields: Json) -> Json:
        """Changes what was sent; it acts within a second.

        Raises:
            KeyNotFoundError, RoleMissingError, ValidationFailedError
        """
        row = await self._own(db, identity.user_id, key_id)
        if "expires_at" in fields:
            fields["expires_at"] = fields["expires_at"] or last_moment(self._max_days(), self._clock.now())
        fields = self._allowed(fields, is_admin=identity.is_admin)
        detail = changes({name: _plain(getattr(row, name)) for name in fields}, _plainly(fields))
        for name, value in fields.items():
            setattr(row, name, value)
        row.scopes, row.agent_ids = list(dict.fromkeys(row.scopes)), list(dict.fromkeys(row.agent_ids))
        await self._changed(db, row, Actor.of(identity), "key.updated", detail)
        return key_object(row, self._clock.now())

    async def rotate(self, db: Session, *, identity: Identity, key_id: str, overlap_seconds: int) -> MadeKey:
        """A new secret for the same key; the old one works for a while, or not at all.

        Raises:
            KeyNotFoundError
        """
        row, now = await self._own(db, identity.user_id, key_id), self._clock.now()
        secret = new_token(PREFIX)
        row.old_hash = row.secret_hash if overlap_seconds else None
        row.old_until = now + timedelta(seconds=overlap_seconds) if overlap_seconds else None
        row.secret_hash, row.prefix = hash_token(secret), secret[:SHOWN_CHARACTERS]
        await self._changed(db, row, Actor.of(identity), "key.rotated", {"overlap_seconds": overlap_seconds})
        return MadeKey(key_object(row, now), secret)

    async def delete(self, db: Session, *, user_id: str, key_id: str, by: Actor) -> None:
        """Revokes a person's key.

        Raises:
            UserNotFoundError, KeyNotFoundError
        """
        await self._require_user(db, user_id)
        row = await self._own(db, user_id, key_id)
        await ApiKeyRepository(db).remove(key_id)
        await self._changed(db, row, by, "key.deleted", {"name": row.name})

    async def find_limits(self, db: Session, *, user_id: str, key_id: str) -> Limits | None:
        """What a person's key leaves of the person's rights; None: no such key."""
        row = await ApiKeyRepository(db).find_owned(key_id, user_id=user_id)
        if row is None:
            return None
        return Limits(frozenset(row.scopes), frozenset(row.agent_ids) if row.agent_ids else None)

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a key."""
        row = await ApiKeyRepository(db).find(object_id)
        return Target("key", object_id, row.user_id) if row is not None else None

    def _allowed(self, fields: Json, *, is_admin: bool) -> Json:
        """The fields with the budget in the server's currency."""
        if "admin" in fields.get("scopes", ()) and not is_admin:
            raise RoleMissingError
        budget, expires_at, now = fields.get("budget"), fields.get("expires_at"), self._clock.now()
        if expires_at is not None and expires_at <= now:
            raise ValidationFailedError(NOT_AHEAD.render())
        latest = last_moment(self._max_days(), now)
        if expires_at is not None and latest is not None and expires_at > latest:
            raise ValidationFailedError(TOO_FAR.render())
        return fields if budget is None else {**fields, "budget": self._rates.converted(budget)}

    async def _own(self, db: Session, user_id: str, key_id: str) -> ApiKeyRow:
        row = await ApiKeyRepository(db).find_owned(key_id, user_id=user_id)
        if row is None:
            raise KeyNotFoundError
        return row

    async def _require_user(self, db: Session, user_id: str) -> None:
        if not await self._accounts.list_people(db, user_ids=[user_id]):
            raise UserNotFoundError

    async def _changed(self, db: Session, row: ApiKeyRow, by: Actor, action: str, detail: Json) -> None:
        after_commit(db, lambda: self._reader.forget_key(row.id))
        await self._record(db, by, action, row, detail)

    async def _record(self, db: Session, by: Actor, action: str, row: ApiKeyRow, detail: Json) -> None:
        await self._audit.record(db, Act(action, by, AuditObject("key", row.id, row.user_id), detail=detail))
        for watcher in self._watchers:
            after_commit(db, watcher)


def _plain(value: Any) -> Any:
    return wire_time(value) if isinstance(value, datetime) else value


def _plainly(fields: Json) -> Json:
    return {name: _plain(value) for name, value in fields.items()}


def key_object(row: ApiKeyRow, now: datetime) -> Json:
    """Key of 7.1."""
    shown: dict[str, Sequence[str] | str | Json | None] = {
        "id": row.id,
        "name": row.name,
        "prefix": row.prefix,
        "scopes": row.scopes,
        "agent_ids": row.agent_ids,
        "addresses": row.addresses,
        "budget": row.budget,
        "status": "expired" if row.expires_at is not None and row.expires_at <= now else "active",
        "expires_at": wire_time(row.expires_at),
        "created_at": wire_time(row.created_at),
        "last_used_at": wire_time(row.last_used_at),
        "last_used_address": row.last_used_address,
    }
    return shown
