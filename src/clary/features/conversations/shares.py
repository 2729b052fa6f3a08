"""Sharing a conversation with people without a login (product.md 2.3)."""

from collections import defaultdict, deque
from datetime import datetime
from typing import Any, Literal

from clary.db.database import Database
from clary.db.session import Session
from clary.features.conversations.errors import (
    SessionNotFoundError,
    ShareConflictError,
    ShareGuessingError,
)
from clary.features.conversations.history import HistoryReader
from clary.features.conversations.payloads import share_object
from clary.features.conversations.repository.conversations import ConversationRepository
from clary.features.conversations.service import ConversationService, without_index
from clary.features.conversations.tables import ConversationRow, ShareRow
from clary.features.permissions.service import Identity
from clary.kit.clock import Clock
from clary.kit.ids import new_hex

MISSES_PER_MINUTE = 30
WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000


class GuessCounter:
    """Misses of the shared view per address within a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._misses: defaultdict[str, deque[float]] = defaultdict(deque)

    def require_room(self, address: str) -> None:
        """Refuses an address that missed too often, also for what it would hit.

        Raises:
            ShareGuessingError
        """
        recent = self._recent(address)
        if len(recent) >= MISSES_PER_MINUTE:
            raise ShareGuessingError(max(1, round(recent[0] + WINDOW_SECONDS - self._clock.monotonic())))

    def missed(self, address: str) -> None:
        """Counts a miss."""
        if len(self._misses) > MAX_ADDRESSES:
            self._misses.clear()
        self._misses[address].append(self._clock.monotonic())

    def _recent(self, address: str) -> deque[float]:
        recent = self._misses.get(address)
        if recent is None:
            return deque()
        while recent and recent[0] < self._clock.monotonic() - WINDOW_SECONDS:
            recent.popleft()
        return recent


class ShareService:
    """Shares of conversations."""

    def __init__(
        self,
        *,
        database: Database,
        conversations: ConversationService,
        history: HistoryReader,
        clock: Clock,
        mode: Literal["explicit", "link"],
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._history = history
        self._clock = clock
        self._mode = mode
        self._guesses = GuessCounter(clock)

    async def share(
        self, db: Session, *, identity: Identity, session_id: str, expires_at: datetime | None, secret: bool
    ) -> dict[str, Any]:
        """Shares an own conversation, or changes how it is shared.

        Raises:
            SessionNotFoundError, ShareConflictError
        """
        row = await self._conversations.find_own(db, session_id=session_id, user_id=identity.user_id)
        if row is None:
            raise SessionNotFoundError(session_id)
        conversations = ConversationRepository(db)
        share = await conversations.find_share(row.conversation_id)
        if share is None:
            share = ShareRow(
                share_id=new_hex(32),
                conversation_id=row.conversation_id,
                session_id=session_id,
                created_at=self._clock.now(),
            )
            conversations.add_share(share)
        share.secret, share.expires_at = secret, expires_at
        row.link_off = False
        if not await conversations.is_unique():
            raise ShareConflictError
        return share_object(share, session_id)

    async def describe(self, db: Session, *, identity: Identity, session_id: str) -> dict[str, Any]:
        """How a conversation is shared.

        Raises:
            SessionNotFoundError
        """
        row = await self._conversations.get_accessible(db, session_id=session_id, identity=identity)
        share = await ConversationRepository(db).find_share(row.conversation_id)
        return share_object(share if share is not None and self._is_live(share) else None, session_id)

    async def end(self, db: Session, *, identity: Identity, session_id: str) -> dict[str, Any]:
        """Ends a share at once; a new one gets a new id.

        Raises:
            SessionNotFoundError
        """
        row = await self._conversations.get_accessible(db, session_id=session_id, identity=identity)
        await ConversationRepository(db).delete_share(row.conversation_id)
        row.link_off = True
        return share_object(None, session_id)

    async def view(self, *, name: str, address: str) -> dict[str, Any]:
        """The shared view by share id or session id: messages and nothing else.

        Raises:
            SessionNotFoundError, ShareGuessingError
        """
        self._guesses.require_room(address)
        async with self._database.read() as db:
            row = await self._find_shared(ConversationRepository(db), name)
        if row is None:
            self._guesses.missed(address)
            raise SessionNotFoundError(name)
        return without_index(await self._history.read(row))

    async def _find_shared(self, conversations: ConversationRepository, name: str) -> ConversationRow | None:
        share = await conversations.find_share_named(name)
        if share is not None:
            return await conversations.get(share.conversation_id) if self._is_live(share) else None
        if self._mode != "link":
            return None
        holders = await conversations.list_holders(name)
        if len(holders) != 1 or holders[0].link_off:
            return None
        secret = await conversations.find_share(holders[0].conversation_id)
        return None if secret is not None else holders[0]

    def _is_live(self, share: ShareRow) -> bool:
        return share.expires_at is None or share.expires_at > self._clock.now()
