"""The door of the slice."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import structlog

from clary.db.database import Database
from clary.db.session import Session, after_commit, is_writing
from clary.features.audit.policy import (
    ANONYMOUS,
    CLI,
    SYSTEM,
    Act,
    Actor,
    AuditObject,
    Filters,
    Head,
    Json,
    actor_object,
    bounded,
    canonical,
    changes,
    commitments_of,
    hash_of,
    object_of,
    person_of,
    replaced,
)
from clary.features.audit.reading import AuditReading, Form
from clary.features.audit.repeats import Repeats
from clary.features.audit.repository import AuditRepository
from clary.features.audit.tables import AuditPersonRow, AuditRow
from clary.features.audit.verification import walk_export
from clary.features.permissions.service import Identity
from clary.kit import measures
from clary.kit.clock import Clock, wire_time
from clary.kit.origin import RequestOrigin, current_origin

__all__ = [
    "ANONYMOUS",
    "CLI",
    "SYSTEM",
    "Act",
    "Actor",
    "AuditLog",
    "AuditObject",
    "AuditReading",
    "Filters",
    "Form",
    "Head",
    "changes",
    "walk_export",
]

log = structlog.get_logger()

ONCE = timedelta(hours=1)


class AuditLog:
    """Written in the transaction of the act: what cannot be audited does not happen."""

    def __init__(self, *, database: Database, clock: Clock, new_salt: Callable[[], str], keep_days: int = 0) -> None:
        self._database = database
        self._clock = clock
        self._new_salt = new_salt
        self._keep_days = keep_days
        self._repeats = Repeats()

    async def record(self, db: Session, act: Act) -> None:
        """Appends an entry in the caller's transaction; its number follows the last one without a gap."""
        await self._append(db, act, current_origin.get() or RequestOrigin())

    async def record_refusal(self, act: Act) -> None:
        """Appends an entry about something that did not happen, in a transaction of its own.

        More than ten equal ones in a minute (action, actor, address) become one entry with `count`.
        """
        origin = current_origin.get() or RequestOrigin()
        if not self._repeats.is_joined(act, origin, self._clock.monotonic()):
            async with self._database.write() as db:
                await self._append(db, act, origin)

    async def record_once(self, act: Act, *, within: Session | None = None) -> None:
        """Appends an entry, unless the same person did the same to this object lately.

        `within`: the transaction the caller has open. If it writes, the entry is part of it, because a second one would
        wait for it; otherwise the entry gets a transaction of its own.
        """
        since = self._clock.now() - ONCE
        if within is None:
            async with self._database.read() as db:
                if await AuditRepository(db).was_recorded(act, since=since):
                    return
            async with self._database.write() as db:
                await self._record_unless_recorded(db, act, since)
        elif is_writing(within):
            await self._record_unless_recorded(within, act, since)
        elif not await AuditRepository(within).was_recorded(act, since=since):
            async with self._database.write(while_reading=True) as db:
                await self._record_unless_recorded(db, act, since)

    async def record_admin_read(
        self, identity: Identity, target: AuditObject, *, within: Session | None = None
    ) -> None:
        """Notes that an administrator looked at an object of somebody else, once an hour. See `record_once`."""
        if identity.is_admin and target.owner_id and target.owner_id != identity.user_id:
            await self.record_once(Act("admin.read", Actor.of(identity), target), within=within)

    async def _record_unless_recorded(self, db: Session, act: Act, since: datetime) -> None:
        if not await AuditRepository(db).was_recorded(act, since=since):
            await self.record(db, act)

    async def was_recorded(self, db: Session, act: Act, *, since: datetime, address: str | None = None) -> bool:
        """Whether the same actor did the same to the same object since then, from this address if one is named."""
        return await AuditRepository(db).was_recorded(act, since=since, address=address)

    async def erase_person(self, db: Session, *, user_id: str) -> None:
        """Removes the clear values of a person; entries keep their commitments, so the chain still verifies."""
        await AuditRepository(db).erase_person(user_id)

    async def tend(self, *, is_last: bool = False) -> None:
        """Writes what was joined in minutes that are over; removes entries that are too old, from the front only.

        `is_last`: the process ends, so the present minute is over too.
        """
        for act, origin, count in self._repeats.take_finished(math.inf if is_last else self._clock.monotonic()):
            async with self._database.write() as db:
                await self._append(db, replace(act, detail={**act.detail, "count": count}), origin)
        if self._keep_days:
            await self._prune()

    async def log_head(self) -> None:
        """Writes the end of the chain to the program's log, so that a cut tail shows against it."""
        async with self._database.read() as db:
            head = await AuditRepository(db).find_head()
        if head is not None:
            log.info("audit_head", seq=head.seq, hash=head.hash)

    async def _prune(self) -> None:
        async with self._database.write() as db:
            audit = AuditRepository(db)
            last = await audit.find_last_before(self._clock.now() - timedelta(days=self._keep_days))
            if last is None:
                return
            head = await audit.lock_head()
            removed = last.seq - head.pruned_seq
            head.pruned_seq, head.pruned_hash = last.seq, last.hash
            await audit.delete_up_to(last.seq)
            await self._append(db, Act("audit.pruned", SYSTEM, detail={"removed": removed}), RequestOrigin())

    async def _append(self, db: Session, act: Act, origin: RequestOrigin) -> None:
        audit, now = AuditRepository(db), self._clock.now()
        after_commit(db, lambda: measures.count("clary_audit_entries_total"))
        head = await audit.lock_head()
        detail = bounded(act.detail)
        commitments = commitments_of(
            act, address=origin.address, user_agent=origin.user_agent, new_salt=self._new_salt, detail=detail
        )
        entry: Json = {
            "seq": head.seq + 1,
            "at": wire_time(now),
            "actor": actor_object(act.actor),
            "action": act.action,
            "outcome": act.outcome,
            "object": object_of(act.object),
            "address": None,
            "user_agent": None,
            "request_id": origin.request_id or None,
            "detail": dict(detail),
            "commitments": sorted(commitments),
            "prev_hash": head.hash,
        }
        for name, commitment in commitments.items():
            replaced(entry, name, commitment.digest)
        entry["hash"] = hash_of(entry)
        row = AuditRow(
            seq=entry["seq"],
            at=now,
            action=act.action,
            outcome=act.outcome,
            actor_user_id=act.actor.user_id,
            object_type=act.object.type if act.object else None,
            object_id=act.object.id if act.object else None,
            stored=canonical(entry).decode(),
            hash=entry["hash"],
        )
        people = [
            AuditPersonRow(seq=entry["seq"], field=name, user_id=person_of(act, name), salt=each.salt, value=each.value)
            for name, each in commitments.items()
        ]
        await audit.add(row, people)
        head.seq, head.hash = entry["seq"], entry["hash"]
