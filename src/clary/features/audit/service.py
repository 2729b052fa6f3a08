"""The door of the slice."""

from collections.abc import Callable

from clary.db.session import Session
from clary.features.audit.policy import (
    ANONYMOUS,
    CLI,
    SYSTEM,
    Act,
    Actor,
    AuditObject,
    Json,
    actor_object,
    bounded,
    canonical,
    commitments_of,
    hash_of,
    object_of,
    person_of,
    replaced,
)
from clary.features.audit.repository import AuditRepository
from clary.features.audit.tables import AuditPersonRow, AuditRow
from clary.kit.clock import Clock, wire_time
from clary.kit.origin import RequestOrigin, current_origin

__all__ = ["ANONYMOUS", "CLI", "SYSTEM", "Act", "Actor", "AuditLog", "AuditObject"]


class AuditLog:
    """Written in the transaction of the act: what cannot be audited does not happen."""

    def __init__(self, *, clock: Clock, new_salt: Callable[[], str]) -> None:
        self._clock = clock
        self._new_salt = new_salt

    async def record(self, db: Session, act: Act) -> None:
        """Appends an entry in the caller's transaction; its number follows the last one without a gap."""
        await self._append(db, act, current_origin.get() or RequestOrigin())

    async def _append(self, db: Session, act: Act, origin: RequestOrigin) -> None:
        audit, now = AuditRepository(db), self._clock.now()
        head = await audit.lock_head()
        detail = bounded(act.detail)
        entry: Json = {
            "seq": head.seq + 1,
            "at": wire_time(now),
            "actor": actor_object(act.actor),
            "action": act.action,
            "outcome": act.outcome,
            "object": object_of(act.object),
            "address": origin.address or None,
            "user_agent": origin.user_agent or None,
            "request_id": origin.request_id or None,
            "detail": dict(detail),
            "prev_hash": head.hash,
        }
        commitments = commitments_of(
            act, address=origin.address, user_agent=origin.user_agent, new_salt=self._new_salt, detail=detail
        )
        for name, commitment in commitments.items():
            replaced(entry, name, commitment.digest)
        entry["hash"] = hash_of(entry)
        people = [
            AuditPersonRow(
                seq=entry["seq"],
                field=name,
                user_id=person_of(act, name),
                salt=commitment.salt,
                value=commitment.value,
            )
            for name, commitment in commitments.items()
        ]
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
        await audit.add(row, people)
        head.seq, head.hash = entry["seq"], entry["hash"]
