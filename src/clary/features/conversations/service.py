"""The door of the slice."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.conversations.errors import SessionAmbiguousError, SessionNotFoundError, TitleEmptyError
from clary.features.conversations.export import as_markdown
from clary.features.conversations.history import HistoryReader, page_of
from clary.features.conversations.payloads import list_item, task_item
from clary.features.conversations.policy import (
    APPROVAL_CALL,
    EMPTY_TITLE,
    CitedPassage,
    MessageRole,
    NewMessage,
    clean_title,
    counts_of,
    in_words,
    text_of,
    title_from,
)
from clary.features.conversations.ports import ConversationKeeper, RunStopper, SessionWorkspaces
from clary.features.conversations.repository.citations import add_citations, has_sources, mark_shown
from clary.features.conversations.repository.conversations import ConversationRepository
from clary.features.conversations.repository.listing import ListQuery, find_page, find_shared, find_snippets
from clary.features.conversations.repository.messages import (
    MessageReader,
    add_compaction,
    add_message,
    row_before,
    touch,
)
from clary.features.conversations.sources import SourceBook, cited_numbers
from clary.features.conversations.tables import CompactionRow, ConversationRow, MessageRow
from clary.features.conversations.todos import TodoStore, todo_of
from clary.features.permissions.service import Identity
from clary.features.runs.errors import SessionReleasingError
from clary.features.runs.service import RunService
from clary.http.problems import InvalidTextError, ValidationFailedError
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.text import Text, has_control_characters

__all__ = [
    "APPROVAL_CALL",
    "CitedPassage",
    "CompactionRow",
    "ConversationRow",
    "ConversationService",
    "HistoryReader",
    "ListQuery",
    "MessageReader",
    "MessageRole",
    "MessageRow",
    "NewMessage",
    "SourceBook",
    "TodoStore",
    "add_citations",
    "add_compaction",
    "add_counts",
    "add_message",
    "cited_numbers",
    "has_sources",
    "in_words",
    "mark_shown",
    "new_conversation",
    "row_before",
    "is_named",
    "set_title_from",
    "text_of",
    "touch",
]


MAX_TITLE = 255
DELETE_ATTEMPTS = 5
TITLE_TOO_LONG = Text("长度超限", "at most 255 characters")
TITLE_CONTROLS = Text("不能包含控制字符", "control characters are not allowed")

Json = dict[str, Any]


class ConversationService:
    """Use cases on conversations; executing a run is not one of them."""

    def __init__(
        self,
        *,
        database: Database,
        runs: RunService,
        history: HistoryReader,
        workspaces: SessionWorkspaces,
        audit: AuditLog,
        clock: Clock,
        shares_by_link: Callable[[], bool],
    ) -> None:
        self._database = database
        self._runs = runs
        self._history = history
        self._workspaces = workspaces
        self._audit = audit
        self._clock = clock
        self._shares_by_link = shares_by_link
        self._stopper: RunStopper | None = None
        self._keepers: list[ConversationKeeper] = []

    def stop_runs_with(self, stopper: RunStopper) -> None:
        """Names who ends a run when its conversation goes."""
        self._stopper = stopper

    def forget_with(self, keeper: ConversationKeeper) -> None:
        """Names somebody who keeps things of a conversation that go with it."""
        self._keepers.append(keeper)

    async def list_page(self, *, identity: Identity, query: ListQuery) -> Json:
        """One page of product.md 2.2."""
        if any("\x00" in word for word in query.words):
            raise InvalidTextError
        async with self._database.read() as db:
            rows, total = await find_page(db, identity, query)
            keys = [row.conversation_id for row in rows]
            statuses = await self._runs.statuses(db, conversation_ids=keys)
            shared = await find_shared(db, rows, self._clock.now(), by_link=self._shares_by_link())
            snippets = await find_snippets(db, rows, query.words) if query.words else {}
        items = [
            list_item(
                row,
                status=statuses.get(row.conversation_id, "idle"),
                shared=row.conversation_id in shared,
                snippet=(snippets.get(row.conversation_id) or "") if query.words else None,
            )
            for row in rows
        ]
        page, pages = query.page, -(-total // query.page.size)
        everybody = identity.is_admin and query.owner_id is None
        return {
            "list": items,
            "total": total,
            "page": page.number,
            "page_size": page.size,
            "total_pages": pages,
            "has_next": page.number < pages,
            "has_prev": page.number > 1 and total > 0,
            "user_id": None if everybody else identity.user_id,
        }

    async def read_history(
        self,
        *,
        identity: Identity,
        session_id: str,
        user_id: str | None = None,
        limit: int | None = None,
        before: str | None = None,
    ) -> Json:
        """The history answer.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        async with self._database.read() as db:
            row = await self.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        data = await self._history.read(row)
        if limit is not None or before is not None:
            data["messages"], data["has_more"] = page_of(data["messages"], limit=limit, before=before)
            data["message_count"] = len(data["messages"])
        return data

    async def rename(
        self, db: Session, *, identity: Identity, session_id: str, title: str, user_id: str | None = None
    ) -> Json:
        """Gives a title; `updated_at` stays.

        Raises:
            SessionNotFoundError, SessionAmbiguousError, TitleEmptyError, ValidationFailedError
        """
        clean = clean_title(title)
        if len(clean) > MAX_TITLE:
            raise _bad_title(TITLE_TOO_LONG)
        if has_control_characters(clean):
            raise _bad_title(TITLE_CONTROLS)
        row = await self.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        if not clean:
            raise TitleEmptyError
        row.title, row.title_folded, row.title_message_id = clean, clean.casefold(), None
        return {"session_id": session_id, "title": clean}

    async def delete(self, *, identity: Identity, session_id: str, user_id: str | None = None) -> Json:
        """Stops the run, then removes everything of the conversation in one transaction.

        Takes no transaction of the caller: none may be open while a run is waited for.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
            SessionReleasingError: runs were started again and again meanwhile, or one does not end.
        """
        for _ in range(DELETE_ATTEMPTS):
            async with self._database.write() as db:
                row = await self.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
                is_child = row.parent_id is not None
                run = await self._runs.find_active(db, conversation_id=row.conversation_id, is_child=is_child)
                if run is None:
                    await self._delete_with_children(db, row)
                    actor, target = Actor.of(identity), AuditObject("conversation", session_id, row.user_id)
                    await self._audit.record(db, Act("conversation.deleted", actor, target))
            if run is None:
                await self._workspaces.delete_session_workspace(row.user_id, session_id)
                return {"session_id": session_id}
            if self._stopper is not None:
                await self._stopper.stop_and_wait(run.run_id)
        raise SessionReleasingError

    async def _delete_with_children(self, db: Session, row: ConversationRow) -> None:
        conversations = ConversationRepository(db)
        for each in (*reversed(await conversations.list_below(row.conversation_id)), row):
            await self._runs.delete_of_conversation(db, conversation_id=each.conversation_id)
            for keeper in self._keepers:
                await keeper.forget_conversation(db, conversation_id=each.conversation_id)
            await conversations.delete(each)

    async def tasks_status(
        self, db: Session, *, identity: Identity, session_id: str, user_id: str | None = None
    ) -> Json:
        """The task list (stream-runtime.md 7).

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        row = await self.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        todos = await ConversationRepository(db).list_todos(row.conversation_id)
        tasks = [task_item(todo_of(each), index, each.created_at, each.updated_at) for index, each in enumerate(todos)]
        return {"session_id": session_id, "tasks_status": {"tasks": tasks}, "user_id": row.user_id}

    async def archive(self, *, identity: Identity, session_id: str, user_id: str | None = None) -> dict[str, bytes]:
        """Files of the download: history, runs, tasks, the histories of children.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        data = await self.read_history(identity=identity, session_id=session_id, user_id=user_id)
        async with self._database.read() as db:
            row = await self.get_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
            tasks = await self.tasks_status(db, identity=identity, session_id=session_id, user_id=user_id)
            children = await ConversationRepository(db).list_below(row.conversation_id)
        runs = await self._runs.list_objects(conversation_id=row.conversation_id)
        return {
            "conversation.json": json_text.dumps(without_index(data)),
            "conversation.md": as_markdown(row.title, data["messages"]).encode(),
            "runs.json": json_text.dumps(runs),
            "tasks.json": json_text.dumps(tasks["tasks_status"]),
            **{
                f"children/{child.session_id}.json": json_text.dumps(without_index(await self._history.read(child)))
                for child in children
            },
        }

    async def count_all(self, db: Session) -> int:
        """How many there are on the server, without those of sub-agents."""
        return await ConversationRepository(db).count_all()

    async def find_own(self, db: Session, *, session_id: str, user_id: str) -> ConversationRow | None:
        """The caller's own conversation of this id."""
        return await ConversationRepository(db).find_owned(session_id, user_id)

    async def list_sessions_after(self, db: Session, *, user_id: str, prefix: str) -> Sequence[str]:
        """The caller's own session ids that begin so."""
        return await ConversationRepository(db).list_session_ids(user_id, prefix)

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
        """Like `find_accessible`; what an admin does with conversations of others is written down (product.md 1).

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        found = await self.find_accessible(db, session_id=session_id, identity=identity, user_id=user_id)
        if found is None:
            raise SessionNotFoundError(session_id)
        await self._audit.record_admin_read(identity, AuditObject("conversation", session_id, found.user_id), within=db)
        return found

    async def save_new(self, db: Session, conversation: ConversationRow) -> bool:
        """Adds a conversation; False when its owner got one of this id in the same moment."""
        return await ConversationRepository(db).add(conversation)


def new_conversation(
    *, user_id: str, session_id: str, agent_id: str, agent_name: str, now: datetime, title: str | None = None
) -> ConversationRow:
    """An empty conversation, not yet saved."""
    name = title or EMPTY_TITLE
    return ConversationRow(
        user_id=user_id,
        session_id=session_id,
        agent_id=agent_id,
        agent_name=agent_name,
        title=name,
        title_folded=name.casefold(),
        user_count=0,
        agent_count=0,
        system_context={},
        link_off=False,
        created_at=now,
        updated_at=now,
    )


def is_named(conversation: ConversationRow) -> bool:
    """Whether somebody gave it a title, so that its first words do not."""
    return conversation.title != EMPTY_TITLE and conversation.title_message_id is None


def set_title_from(conversation: ConversationRow, message: NewMessage) -> None:
    """Names a new conversation after its first user message (stream-runtime.md 3.3)."""
    conversation.title = title_from(message.content)
    conversation.title_folded = conversation.title.casefold()
    conversation.title_message_id = message.message_id


def add_counts(conversation: ConversationRow, messages: Sequence[NewMessage]) -> None:
    """Moves the counts of a conversation by messages that are about to be stored."""
    for message in messages:
        users, agents = counts_of(message)
        conversation.user_count += users
        conversation.agent_count += agents


def _bad_title(reason: Text) -> ValidationFailedError:
    entry = {"type": "value_error", "loc": ["body", "title"], "msg": reason.render()}
    return ValidationFailedError(f"title: {reason.render()}", [entry])


def without_index(data: Json) -> Json:
    """A history answer for those who cannot resume."""
    return {key: value for key, value in data.items() if not key.startswith("next_stream_")}
