"""The list of conversations and its search (product.md 2.2): one statement a page, the owner part of it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from clary.features.conversations.policy import text_of
from clary.features.conversations.tables import ConversationRow, MessageRow, ShareRow
from clary.features.permissions.service import Identity, owned_by, visible_to
from clary.http.paging import Page

SNIPPET_CHARACTERS = 160
SNIPPET_BEFORE = 40

SortBy = Literal["date", "title", "messages"]


@dataclass(frozen=True, slots=True)
class ListQuery:
    """What was asked for. `words` are case-folded literal substrings, all of which must occur."""

    page: Page
    words: tuple[str, ...] = ()
    agent_id: str | None = None
    owner_id: str | None = None
    sort_by: SortBy = "date"


async def find_page(
    session: AsyncSession, identity: Identity, query: ListQuery
) -> tuple[Sequence[ConversationRow], int]:
    """(rows of the page, total)."""
    where = _conditions(identity, query)
    total = await session.scalar(select(func.count()).select_from(ConversationRow).where(*where))
    rows = await session.scalars(
        _ordered(select(ConversationRow).where(*where), query.sort_by).offset(query.page.offset).limit(query.page.size)
    )
    return rows.all(), int(total or 0)


async def find_shared(session: AsyncSession, conversation_ids: Sequence[int]) -> frozenset[int]:
    """Which of these conversations have a share row."""
    if not conversation_ids:
        return frozenset()
    rows = await session.scalars(select(ShareRow.conversation_id).where(ShareRow.conversation_id.in_(conversation_ids)))
    return frozenset(rows)


async def find_snippet(session: AsyncSession, row: ConversationRow, words: Sequence[str]) -> str:
    """Plain text around the first hit: title first, then messages."""
    for word in words:
        if word in row.title_folded:
            return row.title[:SNIPPET_CHARACTERS]
    content = await session.scalar(
        select(MessageRow.content)
        .where(
            MessageRow.conversation_id == row.conversation_id,
            MessageRow.archived.is_(False),
            or_(*(MessageRow.folded.contains(word, autoescape=True) for word in words)),
        )
        .order_by(MessageRow.row_id)
        .limit(1)
    )
    text = " ".join(text_of(content).split())
    # Folding may change lengths by a character or two; for a window of text that is near enough.
    folded = text.casefold()
    at = min((folded.find(word) for word in words if word in folded), default=0)
    start = max(0, at - SNIPPET_BEFORE)
    return text[start : start + SNIPPET_CHARACTERS]


def _conditions(identity: Identity, query: ListQuery) -> list[ColumnElement[bool]]:
    owner = ConversationRow.user_id
    only_one = query.owner_id if identity.is_admin else None
    where = [owned_by(only_one, owner) if only_one else visible_to(identity, owner)]
    if query.agent_id is not None:
        where.append(ConversationRow.agent_id == query.agent_id)
    for word in query.words:
        in_message = exists().where(
            and_(
                MessageRow.conversation_id == ConversationRow.conversation_id,
                MessageRow.archived.is_(False),
                MessageRow.folded.contains(word, autoescape=True),
            )
        )
        where.append(or_(ConversationRow.title_folded.contains(word, autoescape=True), in_message))
    return where


def _ordered(statement: "Select[ConversationRow]", sort_by: SortBy) -> "Select[ConversationRow]":
    tie = ConversationRow.session_id.asc()
    if sort_by == "title":
        return statement.order_by(ConversationRow.title.asc(), tie)
    if sort_by == "messages":
        return statement.order_by((ConversationRow.user_count + ConversationRow.agent_count).desc(), tie)
    return statement.order_by(ConversationRow.updated_at.desc(), tie)
