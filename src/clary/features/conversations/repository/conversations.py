"""Statements about conversation rows and task lists; the owner is part of each."""

from collections.abc import Sequence

from sqlalchemy import bindparam, delete, func, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from clary.db.session import add_unless_taken
from clary.features.conversations.tables import (
    CitationRow,
    CompactionRow,
    ConversationRow,
    MessageRow,
    ShareRow,
    SourceRow,
    TodoRow,
)

# Built once: these are part of every start of a run.
FIND_OWNED = select(ConversationRow).where(
    ConversationRow.user_id == bindparam("of_user"), ConversationRow.session_id == bindparam("of_session")
)
LIST_TODOS = select(TodoRow).where(TodoRow.conversation_id == bindparam("of_conversation")).order_by(TodoRow.position)


class ConversationRepository:
    """Reads and writes inside one transaction."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def find_owned(self, session_id: str, user_id: str) -> ConversationRow | None:
        """A person's own conversation."""
        if not user_id:
            return None
        return await self._session.scalar(FIND_OWNED, {"of_user": user_id, "of_session": session_id})

    async def list_session_ids(self, user_id: str, prefix: str) -> Sequence[str]:
        """A person's own session ids that begin with something."""
        rows = await self._session.scalars(
            select(ConversationRow.session_id).where(
                ConversationRow.user_id == user_id, ConversationRow.session_id.startswith(prefix, autoescape=True)
            )
        )
        return rows.all()

    async def list_of(self, user_id: str, *, limit: int) -> Sequence[ConversationRow]:
        """Some conversations of a person, the oldest first; those of children go with their parents."""
        rows = await self._session.scalars(
            select(ConversationRow)
            .where(ConversationRow.user_id == user_id, ConversationRow.parent_id.is_(None))
            .order_by(ConversationRow.conversation_id)
            .limit(limit)
        )
        return rows.all()

    async def count_all(self) -> int:
        """Conversations of everybody, without those of sub-agents."""
        query = select(func.count()).select_from(ConversationRow).where(ConversationRow.parent_id.is_(None))
        return await self._session.scalar(query) or 0

    async def list_holders(self, session_id: str) -> Sequence[ConversationRow]:
        """Every conversation of this id, whoever holds it; at most three."""
        rows = await self._session.scalars(
            select(ConversationRow).where(ConversationRow.session_id == session_id).limit(3)
        )
        return rows.all()

    async def add(self, row: ConversationRow) -> bool:
        """Adds a new conversation; False when its owner got one of this id in the same moment.

        The caller must then give up the whole transaction.
        """
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError:
            return False
        return True

    async def list_todos(self, conversation_id: int) -> Sequence[TodoRow]:
        """A task list in order."""
        return (await self._session.scalars(LIST_TODOS, {"of_conversation": conversation_id})).all()

    async def clear_todos(self, conversation_id: int) -> None:
        """Removes a task list."""
        await self._session.execute(delete(TodoRow).where(TodoRow.conversation_id == conversation_id))

    def add_todo(self, row: TodoRow) -> None:
        """Adds an item."""
        self._session.add(row)

    async def find_share(self, conversation_id: int) -> ShareRow | None:
        """The share of a conversation."""
        return await self._session.scalar(select(ShareRow).where(ShareRow.conversation_id == conversation_id))

    async def find_share_named(self, name: str) -> ShareRow | None:
        """A share by its id, or by the session id unless it is secret.

        The share id comes first: nobody can put a conversation of that name in front of somebody else's share.
        """
        by_id = await self._session.get(ShareRow, name)
        if by_id is not None:
            return by_id
        return await self._session.scalar(
            select(ShareRow).where(ShareRow.session_id == name, ShareRow.secret.is_(False))
        )

    async def find_share_of_name(self, session_id: str) -> ShareRow | None:
        """The share of a session id, whoever's it is."""
        return await self._session.scalar(select(ShareRow).where(ShareRow.session_id == session_id))

    async def add_share(self, row: ShareRow) -> bool:
        """Adds a share; False when somebody else's share of this session id came first."""
        return await add_unless_taken(self._session, row)

    async def delete_share(self, conversation_id: int) -> None:
        """Ends a share."""
        await self._session.execute(delete(ShareRow).where(ShareRow.conversation_id == conversation_id))

    async def get(self, conversation_id: int) -> ConversationRow | None:
        """By the surrogate key."""
        return await self._session.get(ConversationRow, conversation_id)

    async def list_below(self, conversation_id: int) -> list[ConversationRow]:
        """The conversations of children, of theirs and so on; parents before their children."""
        found: list[ConversationRow] = []
        level = [conversation_id]
        while level:
            rows = await self._session.scalars(
                select(ConversationRow)
                .where(ConversationRow.parent_id.in_(level))
                .order_by(ConversationRow.conversation_id)
            )
            children = list(rows.all())
            found += children
            level = [row.conversation_id for row in children]
        return found

    async def delete(self, conversation: ConversationRow) -> None:
        """Removes a conversation with everything that hangs on it."""
        key = conversation.conversation_id
        for table in (MessageRow, TodoRow, CompactionRow, ShareRow, CitationRow, SourceRow):
            await self._session.execute(delete(table).where(table.conversation_id == key))
        await self._session.execute(delete(ConversationRow).where(ConversationRow.conversation_id == key))
