"""The door of the slice."""

from datetime import datetime

from clary.db.session import Session
from clary.features.conversations.errors import SessionAmbiguousError, SessionNotFoundError
from clary.features.conversations.message_store import MessageReader, add_compaction, add_message, touch
from clary.features.conversations.policy import NewMessage, text_of, title_from
from clary.features.conversations.repository import ConversationRepository
from clary.features.conversations.tables import ConversationRow, MessageRow
from clary.features.conversations.todos import TodoStore
from clary.features.permissions.service import Identity

__all__ = [
    "ConversationRow",
    "ConversationService",
    "MessageReader",
    "MessageRow",
    "NewMessage",
    "TodoStore",
    "add_compaction",
    "add_message",
    "set_title_from",
    "text_of",
    "touch",
]


class ConversationService:
    """Finds and makes conversations."""

    async def find_own(self, db: Session, *, session_id: str, user_id: str) -> ConversationRow | None:
        """The caller's own conversation of this id."""
        return await ConversationRepository(db).find_owned(session_id, user_id)

    async def find_accessible(
        self, db: Session, *, session_id: str, identity: Identity, user_id: str | None = None
    ) -> ConversationRow | None:
        """The own one; for an admin else the only holder's, or that of `user_id` (stream-runtime.md 1).

        Raises:
            SessionAmbiguousError: an admin named an id that several users hold.
        """
        conversations = ConversationRepository(db)
        if identity.is_admin and user_id:
            return await conversations.find_owned(session_id, user_id)
        own = await conversations.find_owned(session_id, identity.user_id)
        if own is not None or not identity.is_admin:
            return own
        holders = await conversations.list_holders(session_id)
        if len(holders) > 1:
            raise SessionAmbiguousError
        return holders[0] if holders else None

    async def get_accessible(
        self, db: Session, *, session_id: str, identity: Identity, user_id: str | None = None
    ) -> ConversationRow:
        """Like `find_accessible`.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        found = await self.find_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        if found is None:
            raise SessionNotFoundError(session_id)
        return found

    async def ensure_conversation(
        self, db: Session, *, user_id: str, session_id: str, agent_id: str, agent_name: str, now: datetime
    ) -> ConversationRow:
        """Gets or creates; two at once give one row."""
        return await ConversationRepository(db).ensure(
            user_id=user_id, session_id=session_id, agent_id=agent_id, agent_name=agent_name, now=now
        )


def set_title_from(conversation: ConversationRow, message: NewMessage) -> None:
    """Names a new conversation after its first user message (stream-runtime.md 3.3)."""
    conversation.title = title_from(message.content)
    conversation.title_folded = conversation.title.casefold()
    conversation.title_message_id = message.message_id
