"""The door of the slice."""

from clary.db.session import Session
from clary.features.audit.policy import ANONYMOUS, CLI, SYSTEM, Act, Actor, AuditObject
from clary.features.audit.repository import AuditRepository
from clary.features.audit.tables import AuditRow
from clary.kit.clock import Clock
from clary.kit.origin import RequestOrigin, current_origin

__all__ = ["ANONYMOUS", "CLI", "SYSTEM", "Act", "Actor", "AuditLog", "AuditObject"]


class AuditLog:
    """Written in the transaction of the act: what cannot be audited does not happen."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock

    async def record(self, db: Session, act: Act) -> None:
        """Appends an entry in the caller's transaction."""
        origin = current_origin.get() or RequestOrigin()
        repository = AuditRepository(db)
        await repository.add(
            AuditRow(
                seq=await repository.next_seq(),
                at=self._clock.now(),
                action=act.action,
                outcome=act.outcome,
                actor_user_id=act.actor.user_id,
                entry={"detail": act.detail, "address": origin.address, "request_id": origin.request_id},
            )
        )
