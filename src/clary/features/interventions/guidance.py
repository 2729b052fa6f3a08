"""Words of people for the run under way, or for the next one."""

import hashlib
from typing import Any

from clary.db.session import Session
from clary.features.conversations.errors import SessionNotFoundError
from clary.features.conversations.service import ConversationRow, ConversationService
from clary.features.interventions.errors import (
    ContentEmptyError,
    GuidanceConflictError,
    GuidanceLimitError,
    GuidanceNotFoundError,
)
from clary.features.interventions.payloads import GuidanceChange, GuidanceRequest, Json, guidance_item
from clary.features.interventions.repository.guidance import GuidanceRepository
from clary.features.interventions.tables import GuidanceRow
from clary.features.permissions.service import Identity
from clary.features.runs.service import RunRepository, is_active
from clary.http.content import has_content, has_known_images, plain_content
from clary.http.problems import ValidationFailedError
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.ids import new_uuid
from clary.kit.text import Text

MAX_PENDING = 20
_IMAGE = Text("content: 图片地址不被接受", "content: this image address is not accepted")


class GuidanceService:
    """Use cases of whoever guides; only the owner does. Each item is used once, by one run."""

    def __init__(self, *, conversations: ConversationService, clock: Clock) -> None:
        self._conversations = conversations
        self._clock = clock

    async def inject(self, db: Session, *, identity: Identity, session_id: str, request: GuidanceRequest) -> Json:
        """Adds an item behind the others; the same id with the same content again changes nothing.

        Raises:
            SessionNotFoundError, ContentEmptyError, ValidationFailedError, GuidanceConflictError, GuidanceLimitError
        """
        conversation = await self._own(db, identity, session_id)
        content = _read(request)
        guidance_id, guidance = request.guidance_id or new_uuid(), GuidanceRepository(db)
        known = await guidance.find(conversation.conversation_id, guidance_id) if request.guidance_id else None
        if known is not None and known.content_hash != _hash_of(content):
            raise GuidanceConflictError
        if known is None:
            if await guidance.count_pending(conversation.conversation_id) >= MAX_PENDING:
                raise GuidanceLimitError
            guidance.add(self._row(conversation, guidance_id, content, dict(request.metadata)))
        return {"session_id": session_id, "guidance_id": guidance_id, "accepted": True, "user_id": identity.user_id}

    async def list_pending(
        self, db: Session, *, identity: Identity, session_id: str, user_id: str | None = None
    ) -> Json:
        """What waits, oldest first; owner or admin.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        conversation = await self._conversations.get_accessible(
            db, session_id=session_id, identity=identity, user_id=user_id
        )
        rows = await GuidanceRepository(db).list_pending(conversation.conversation_id)
        return {"session_id": session_id, "items": [guidance_item(row) for row in rows]}

    async def change(
        self, db: Session, *, identity: Identity, session_id: str, guidance_id: str, request: GuidanceChange
    ) -> Json:
        """Other words in the same place.

        Raises:
            SessionNotFoundError, GuidanceNotFoundError, ContentEmptyError, ValidationFailedError
        """
        row = await self._changeable(db, identity, session_id, guidance_id)
        content = _read(request)
        await GuidanceRepository(db).change(row, content, _hash_of(content))
        return {"session_id": session_id, "guidance_id": guidance_id, "updated": True}

    async def withdraw(self, db: Session, *, identity: Identity, session_id: str, guidance_id: str) -> Json:
        """Takes an item back.

        Raises:
            SessionNotFoundError, GuidanceNotFoundError
        """
        row = await self._changeable(db, identity, session_id, guidance_id)
        await GuidanceRepository(db).delete(row)
        return {"session_id": session_id, "guidance_id": guidance_id, "deleted": True}

    def _row(self, conversation: ConversationRow, guidance_id: str, content: Any, metadata: Json) -> GuidanceRow:
        return GuidanceRow(
            guidance_id=guidance_id,
            conversation_id=conversation.conversation_id,
            user_id=conversation.user_id,
            content=content,
            content_hash=_hash_of(content),
            details=metadata,
            created_at=self._clock.epoch(),
            consumed=False,
        )

    async def _own(self, db: Session, identity: Identity, session_id: str) -> ConversationRow:
        found = await self._conversations.find_own(db, session_id=session_id, user_id=identity.user_id)
        if found is None:
            raise SessionNotFoundError(session_id)
        return found

    async def _changeable(self, db: Session, identity: Identity, session_id: str, guidance_id: str) -> GuidanceRow:
        conversation = await self._own(db, identity, session_id)
        row = await GuidanceRepository(db).find(conversation.conversation_id, guidance_id)
        if row is None or row.consumed or await _is_held(db, row):
            raise GuidanceNotFoundError
        return row


async def _is_held(db: Session, row: GuidanceRow) -> bool:
    """Whether a run is about to use it; what a run that ended held is free again."""
    run = await RunRepository(db).find(row.held_by) if row.held_by is not None else None
    return run is not None and is_active(run.status)


def _read(request: GuidanceRequest | GuidanceChange) -> Any:
    content = plain_content(request.content)
    if not has_content(content):
        raise ContentEmptyError
    if not has_known_images(request.content):
        raise ValidationFailedError(_IMAGE.render())
    return content


def _hash_of(content: Any) -> str:
    return hashlib.sha256(json_text.dumps(content)).hexdigest()
