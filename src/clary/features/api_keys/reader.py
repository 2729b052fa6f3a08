"""Finds whose key a Bearer is (platform.md 2.1, 7.1). An answer is kept for at most a second."""

from dataclasses import dataclass
from datetime import datetime
from typing import cast

from clary.db.database import Database
from clary.features.accounts.service import Caller, Credentials
from clary.features.api_keys.policy import PREFIX, SECRET, is_from, to_minute
from clary.features.api_keys.repository import ApiKeyRepository
from clary.features.api_keys.tables import ApiKeyRow
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity
from clary.http.problems import NotSignedInError
from clary.kit.clock import Clock
from clary.kit.crypto import hash_token
from clary.kit.text import Text

KEEP_SECONDS = 1.0
MAX_KEPT = 10_000


@dataclass(frozen=True, slots=True)
class _Known:
    """A key and its owner as they were read, until when they count."""

    row: ApiKeyRow
    owner: Caller | None
    until: float


class KeyReader:
    """Fills the port `BearerReader` of accounts."""

    prefix = PREFIX

    def __init__(self, *, database: Database, credentials: Credentials, audit: AuditLog, clock: Clock) -> None:
        self._database = database
        self._credentials = credentials
        self._audit = audit
        self._clock = clock
        self._kept: dict[str, _Known] = {}
        self._noted: dict[tuple[str, str], datetime] = {}
        self._generation = 0

    def forget_key(self, key_id: str) -> None:
        """A key changed: nothing kept of it counts any more."""
        self._generation += 1
        self._kept = {secret: known for secret, known in self._kept.items() if known.row.id != key_id}

    def forget_user(self, user_id: str) -> None:
        """See the port."""
        self._generation += 1
        self._kept = {secret: known for secret, known in self._kept.items() if known.row.user_id != user_id}

    async def identify(self, token: str, *, address: str) -> Identity | Text:
        """See the port."""
        if SECRET.fullmatch(token) is None:
            return NotSignedInError.MALFORMED
        secret_hash = hash_token(token)
        known = await self._find(secret_hash)
        if known is None:
            return NotSignedInError.EXPIRED
        reason = self._refusal(known, secret_hash, address)
        if reason is not None:
            await self._record_refusal(known.row, reason)
            return NotSignedInError.EXPIRED
        await self._note_use(known.row, address)
        return _identity(known.row, cast("Caller", known.owner))

    async def _find(self, secret_hash: str) -> _Known | None:
        known = self._kept.get(secret_hash)
        if known is not None and known.until > self._clock.monotonic():
            return known
        generation = self._generation
        async with self._database.read() as db:
            row = await ApiKeyRepository(db).find_by_hash(secret_hash)
            owner = await self._credentials.find_caller(db, user_id=row.user_id) if row is not None else None
        if row is None:
            return None
        known = _Known(row, owner, self._clock.monotonic() + KEEP_SECONDS)
        if generation == self._generation:
            if len(self._kept) > MAX_KEPT:
                self._kept.clear()
            self._kept[secret_hash] = known
        return known

    def _refusal(self, known: _Known, secret_hash: str, address: str) -> str | None:
        """Why a key does not count at this moment."""
        row, now = known.row, self._clock.now()
        if known.owner is None:
            return "user_disabled"
        if row.secret_hash != secret_hash and (row.old_until is None or row.old_until <= now):
            return "rotated"
        if row.expires_at is not None and row.expires_at <= now:
            return "expired"
        return None if is_from(row.addresses, address) else "address"

    async def _record_refusal(self, row: ApiKeyRow, reason: str) -> None:
        actor, target = Actor("key", row.user_id, key_id=row.id), AuditObject("key", row.id, row.user_id)
        await self._audit.record_refusal(Act("key.refused", actor, target, "denied", {"reason": reason}))

    async def _note_use(self, row: ApiKeyRow, address: str) -> None:
        """Notes the minute and the address of a use; the first use of a day from an address is an entry as well."""
        now = self._clock.now()
        noted = (row.id, address)
        if self._noted.get(noted) == to_minute(now):
            return
        if len(self._noted) > MAX_KEPT:
            self._noted.clear()
        self._noted[noted] = to_minute(now)
        async with self._database.write() as db:
            fresh = await ApiKeyRepository(db).find(row.id)
            if fresh is None:
                return
            use = _use(fresh)
            is_first = not await self._audit.was_recorded(db, use, since=_midnight(now), address=address)
            fresh.last_used_at, fresh.last_used_address = to_minute(now), address[:64]
            if is_first:
                await self._audit.record(db, use)


def _use(row: ApiKeyRow) -> Act:
    actor = Actor("key", row.user_id, key_id=row.id)
    return Act("key.used", actor, AuditObject("key", row.id, row.user_id))


def _midnight(moment: datetime) -> datetime:
    return moment.replace(hour=0, minute=0, second=0, microsecond=0)


def _identity(row: ApiKeyRow, owner: Caller) -> Identity:
    scopes = frozenset(row.scopes) - (frozenset() if owner.role == "admin" else {"admin"})
    agents = frozenset(row.agent_ids) if row.agent_ids else None
    return Identity(
        owner.user_id,
        owner.username,
        owner.role,
        "api_key",
        scopes=scopes,
        key_id=row.id,
        agent_ids=agents,
        group_ids=owner.group_ids,
    )
