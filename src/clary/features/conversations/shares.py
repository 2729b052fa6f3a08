"""Sharing a conversation with people without a login (product.md 2.3)."""

from collections import OrderedDict, deque
from collections.abc import Callable
from datetime import datetime
from math import ceil
from typing import Any, Literal

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.conversations.errors import (
    SessionNotFoundError,
    ShareConflictError,
    ShareGuessingError,
)
from clary.features.conversations.history import HistoryReader
from clary.features.conversations.payloads import share_object
from clary.features.conversations.policy import APPROVAL_CALL
from clary.features.conversations.repository.conversations import ConversationRepository
from clary.features.conversations.service import ConversationService, without_index
from clary.features.conversations.tables import ConversationRow, ShareRow
from clary.features.permissions.service import Identity, Target
from clary.kit.clock import Clock, wire_time
from clary.kit.ids import new_hex

MISSES_PER_MINUTE = 30
WINDOW_SECONDS = 60.0
MAX_ADDRESSES = 10_000


class GuessCounter:
    """Misses of the shared view per address within a minute."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._misses: OrderedDict[str, deque[float]] = OrderedDict()

    def require_room(self, address: str) -> None:
        """Refuses an address that missed too often, also for what it would hit.

        Raises:
            ShareGuessingError
        """
        recent = self._misses.get(address)
        now = self._clock.monotonic()
        while recent and recent[0] <= now - WINDOW_SECONDS:
            recent.popleft()
        if recent and len(recent) >= MISSES_PER_MINUTE:
            raise ShareGuessingError(max(1, ceil(recent[0] + WINDOW_SECONDS - now)))

    def missed(self, address: str) -> None:
        """Counts a miss."""
        self._misses.setdefault(address, deque()).append(self._clock.monotonic())
        self._misses.move_to_end(address)
        while len(self._misses) > MAX_ADDRESSES:
            self._misses.popitem(last=False)


class ShareService:
    """Shares of conversations."""

    def __init__(
        self,
        *,
        database: Database,
        conversations: ConversationService,
        history: HistoryReader,
        audit: AuditLog,
        clock: Clock,
        mode: Callable[[], Literal["explicit", "link"]],
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._history = history
        self._audit = audit
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
        share = await conversations.find_share_of_name(session_id)
        if share is not None and not self._is_live(share):
            # What has expired is gone: it blocks nobody, and its id never comes back.
            await conversations.delete_share(share.conversation_id)
            share = None
        if share is None:
            share = ShareRow(
                share_id=new_hex(32),
                conversation_id=row.conversation_id,
                session_id=session_id,
                secret=secret,
                expires_at=expires_at,
                created_at=self._clock.now(),
            )
            if not await conversations.add_share(share):
                raise ShareConflictError
        elif share.conversation_id != row.conversation_id:
            raise ShareConflictError
        share.secret, share.expires_at, row.link_off = secret, expires_at, False
        await self._record(db, identity, row, {"shared": True, "expires_at": wire_time(expires_at)})
        return self._shown(share, session_id)

    async def describe(
        self, db: Session, *, identity: Identity, session_id: str, user_id: str | None = None
    ) -> dict[str, Any]:
        """How a conversation is shared.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        row = await self._conversations.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        conversations = ConversationRepository(db)
        share = await conversations.find_share(row.conversation_id)
        if share is None and await self._is_open_by_link(conversations, row):
            return {**share_object(None, session_id), "shared": True, "url": f"/share/{session_id}"}
        return self._shown(share, session_id)

    async def end(
        self, db: Session, *, identity: Identity, session_id: str, user_id: str | None = None
    ) -> dict[str, Any]:
        """Ends a share at once; a new one gets a new id.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        row = await self._conversations.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        await ConversationRepository(db).delete_share(row.conversation_id)
        row.link_off = True
        await self._record(db, identity, row, {"shared": False})
        return share_object(None, session_id)

    async def _record(self, db: Session, identity: Identity, row: ConversationRow, detail: dict[str, Any]) -> None:
        target = AuditObject("conversation", row.session_id, row.user_id)
        await self._audit.record(db, Act("conversation.shared", Actor.of(identity), target, detail=detail))

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a conversation; of several of one name, the oldest."""
        conversations = ConversationRepository(db)
        holders = await conversations.list_holders(object_id)
        if not holders:
            return None
        share = await conversations.find_share(holders[0].conversation_id)
        is_open = share is not None and self._is_live(share)
        return Target("conversation", object_id, holders[0].user_id, is_open=is_open)

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
        return _for_strangers(await self._history.read(row))

    async def _find_shared(self, conversations: ConversationRepository, name: str) -> ConversationRow | None:
        share = await conversations.find_share_named(name)
        if share is not None:
            return await conversations.get(share.conversation_id) if self._is_live(share) else None
        if self._mode() != "link":
            return None
        holders = await conversations.list_holders(name)
        if len(holders) != 1 or await conversations.find_share(holders[0].conversation_id) is not None:
            return None
        # Whoever shares a conversation shares its children inside it; they have no link that would outlast it.
        is_open = holders[0].parent_id is None and not holders[0].link_off
        return holders[0] if is_open else None

    async def _is_open_by_link(self, conversations: ConversationRepository, row: ConversationRow) -> bool:
        """Whether mode `link` shares a conversation without a share of its own."""
        if self._mode() != "link" or row.link_off or row.parent_id is not None:
            return False
        return len(await conversations.list_holders(row.session_id)) == 1

    def _shown(self, share: ShareRow | None, session_id: str) -> dict[str, Any]:
        return share_object(share if share is not None and self._is_live(share) else None, session_id)

    def _is_live(self, share: ShareRow) -> bool:
        return share.expires_at is None or share.expires_at > self._clock.now()


def _for_strangers(history: dict[str, Any]) -> dict[str, Any]:
    """A history without what only its owner may see: the place to resume at, and approvals (stream-runtime.md 8)."""
    shown = [message for message in history["messages"] if not _is_of_approval(message)]
    return {**without_index(history), "messages": shown, "message_count": len(shown)}


def _is_of_approval(message: dict[str, Any]) -> bool:
    call_ids = [message.get("tool_call_id"), *(call.get("id") for call in message.get("tool_calls") or ())]
    return any(str(call_id).startswith(APPROVAL_CALL) for call_id in call_ids)
