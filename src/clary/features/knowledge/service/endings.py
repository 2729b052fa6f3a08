"""What an attempt writes: always everything in one transaction, and nothing when it is too late."""

from typing import Any

from clary.db.session import Session
from clary.features.knowledge.policy.attempts import retry_after
from clary.features.knowledge.policy.documents import FAILED, PENDING, SUCCESS
from clary.features.knowledge.repository.ingestions import IngestionRepository, Replaced
from clary.features.knowledge.repository.passages import PassageRepository
from clary.features.knowledge.repository.removals import RemovalRepository
from clary.features.knowledge.service.claims import Claim
from clary.features.knowledge.service.reading import Read, Refused, Trouble
from clary.kit.clock import Clock

LET_GO: dict[str, Any] = {"lease_owner": None, "lease_expires_at": None}


class Written:
    """What follows the commit: files that go, and whether vectors are wanted."""

    def __init__(self, *, is_held: bool, replaced: list[Replaced] | None = None, wants_vectors: bool = False) -> None:
        self.is_held = is_held
        self.replaced = replaced or []
        self.wants_vectors = wants_vectors


class EndingWriter:
    """Writes endings under the generation of their attempt."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    async def write(self, db: Session, claim: Claim, ending: Read | Refused | Trouble) -> Written:
        """In the caller's transaction; the base's row is locked if the ending is a success."""
        if isinstance(ending, Read):
            return await self._succeed(db, claim, ending)
        values = self._refused(ending) if isinstance(ending, Refused) else self._failed(claim, ending)
        return Written(is_held=await self._change(db, claim, **values))

    async def _succeed(self, db: Session, claim: Claim, found: Read) -> Written:
        ingestions, passages = IngestionRepository(db), PassageRepository(db)
        if not await self._change(db, claim, status=SUCCESS, outcome="ok", error_kind=None, progress=100):
            return Written(is_held=False)
        await ingestions.put_text(
            claim.doc_id, text=found.document.text, layout=found.layout, is_first=not claim.has_text
        )
        wants_vectors, vectors, count = False, "none", 0
        for version in found.plan.versions:
            stored = await passages.replace_document(
                kdb_id=claim.kdb_id,
                version=version.version,
                doc_id=claim.doc_id,
                passages=found.passages[version.version],
            )
            is_pending = version.has_vectors and await ingestions.has_pending_vectors(claim.doc_id, version.version)
            wants_vectors |= is_pending
            if version.is_current:
                count = stored
                vectors = ("pending" if is_pending else "complete") if version.has_vectors else "none"
        replaced = await ingestions.list_replaced(claim.doc_id) if claim.replaces else []
        for each in replaced:
            await RemovalRepository(db).remove_document(claim.kdb_id, each.doc_id)
        await ingestions.describe(
            claim.doc_id,
            text_ready=True,
            passages=count,
            pages=len(found.document.pages) or None,
            vectors=vectors,
            details=found.document.metadata,
            replaces_id=None,
        )
        return Written(is_held=True, replaced=replaced, wants_vectors=wants_vectors)

    def _refused(self, ending: Refused) -> dict[str, Any]:
        return {"status": FAILED, "outcome": ending.outcome, "error_kind": None}

    def _failed(self, claim: Claim, ending: Trouble) -> dict[str, Any]:
        wait = retry_after(claim.attempts)
        if wait is None:
            return {"status": FAILED, "outcome": None, "error_kind": ending.kind}
        return {"status": PENDING, "due_at": self._clock.epoch() + wait}

    async def _change(self, db: Session, claim: Claim, **values: Any) -> bool:
        ingestions = IngestionRepository(db)
        return await ingestions.change_held(
            claim.doc_id, claim.generation, **values, **LET_GO, updated_at=self._clock.now()
        )
