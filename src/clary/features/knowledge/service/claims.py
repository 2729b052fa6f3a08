"""Who takes which document next, under a lease (contract product 5.5)."""

from dataclasses import dataclass

from clary.db.session import Session
from clary.features.knowledge.policy.attempts import MOST_LOSSES, Turns
from clary.features.knowledge.policy.documents import FAILED, PROCESSING
from clary.features.knowledge.repository.ingestions import IngestionRepository, Plan
from clary.features.knowledge.service.reading import Source
from clary.features.knowledge.tables import KnowledgeDocumentRow
from clary.kit.clock import Clock


@dataclass(frozen=True, slots=True)
class Claim:
    """A document in the hands of a worker. Whoever holds another generation of it writes nothing.

    `has_text`: an earlier attempt has left one. `replaces`: others may have to make room for it.
    """

    doc_id: str
    kdb_id: str
    owner_id: str
    generation: int
    attempts: int
    has_text: bool
    replaces: bool
    source: Source
    plan: Plan


class ClaimDesk:
    """Hands out documents: owners take turns, the oldest document of one comes first."""

    def __init__(self, *, clock: Clock, process_id: str, lease_seconds: float) -> None:
        self._clock = clock
        self._process_id = process_id
        self._lease_seconds = lease_seconds
        self._turns = Turns()

    @property
    def expiry(self) -> float:
        """When a lease that is taken or renewed now runs out."""
        return self._clock.epoch() + self._lease_seconds

    async def has_work(self, db: Session) -> bool:
        """Whether somebody may have a document to be claimed; no more than a look."""
        return bool(await IngestionRepository(db).list_owners(self._clock.epoch()))

    async def claim(self, db: Session) -> Claim | None:
        """The next document, if there is one; its attempt begins with the commit."""
        ingestions, now = IngestionRepository(db), self._clock.epoch()
        for owner_id in self._turns.order(await ingestions.list_owners(now)):
            while (row := await ingestions.take(owner_id, now)) is not None:
                claim = await self._take_over(ingestions, row)
                await db.flush()
                if claim is not None:
                    self._turns.note(owner_id)
                    return claim
        return None

    async def _take_over(self, ingestions: IngestionRepository, row: KnowledgeDocumentRow) -> Claim | None:
        """None: the document has taken too many processes with it, and ends here."""
        was_lost = row.status == PROCESSING
        row.generation, row.updated_at = row.generation + 1, self._clock.now()
        row.losses += was_lost
        plan = await ingestions.find_plan(row.kdb_id)
        if row.losses > MOST_LOSSES or plan is None:
            row.status, row.error_kind = FAILED, "internal"
            row.lease_owner = row.lease_expires_at = None
            return None
        row.status, row.progress = PROCESSING, 0
        # An attempt whose process died says nothing about the document.
        row.attempts += not was_lost
        row.lease_owner, row.lease_expires_at = self._process_id, self.expiry
        source = Source(row.id, row.name, row.file_key)
        return Claim(
            doc_id=row.id,
            kdb_id=row.kdb_id,
            owner_id=row.owner_id,
            generation=row.generation,
            attempts=row.attempts,
            has_text=row.text_ready,
            replaces=row.replaces_id is not None,
            source=source,
            plan=plan,
        )
