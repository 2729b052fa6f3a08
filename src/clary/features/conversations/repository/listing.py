"""The list of conversations and its search (product.md 2.2): the owner part of every statement."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Select, and_, exists, func, or_, select
from sqlalchemy.ext.asyncio import AsyncSession

from clary.features.conversations.policy import snippet_of, text_of
from clary.features.conversations.tables import ConversationRow, MessageRow, ShareRow
from clary.features.permissions.service import Identity, owned_by, visible_to
from clary.http.paging import Page

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
    statement = _ordered(select(ConversationRow).where(*where), query.sort_by)
    if query.words:
        return await _find_and_count(session, statement, query.page, where)
    rows = (await session.scalars(statement.offset(query.page.offset).limit(query.page.size))).all()
    return rows, await _count(session, where)


async def _find_and_count(
    session: AsyncSession, statement: "Select[ConversationRow]", page: Page, where: list[ColumnElement[bool]]
) -> tuple[Sequence[ConversationRow], int]:
    """The count rides on the page, so that a search reads the messages once and not twice."""
    counted = statement.add_columns(func.count().over())
    found = (await session.execute(counted.offset(page.offset).limit(page.size))).all()
    if found:
        return [row for row, _ in found], int(found[0][1])
    return [], 0 if page.number == 1 else await _count(session, where)


async def _count(session: AsyncSession, where: list[ColumnElement[bool]]) -> int:
    return int(await session.scalar(select(func.count()).select_from(ConversationRow).where(*where)) or 0)


async def find_shared(
    session: AsyncSession, rows: Sequence[ConversationRow], now: datetime, *, by_link: bool
) -> frozenset[int]:
    """Which of these conversations people without a login can read; `by_link`: see product.md 2.3, mode `link`."""
    keys = [row.conversation_id for row in rows]
    if not keys:
        return frozenset()
    found = await session.execute(
        select(ShareRow.conversation_id, ShareRow.expires_at).where(ShareRow.conversation_id.in_(keys))
    )
    expiry = {each.conversation_id: each.expires_at for each in found}
    shared = {key for key, expires_at in expiry.items() if expires_at is None or expires_at > now}
    if by_link:
        alone = await session.scalars(
            select(ConversationRow.session_id)
            .where(ConversationRow.session_id.in_([row.session_id for row in rows]))
            .group_by(ConversationRow.session_id)
            .having(func.count() == 1)
        )
        single = frozenset(alone)
        shared |= {
            row.conversation_id
            for row in rows
            if row.conversation_id not in expiry and not row.link_off and row.session_id in single
        }
    return frozenset(shared)


async def find_snippets(
    session: AsyncSession, rows: Sequence[ConversationRow], words: Sequence[str]
) -> dict[int, str | None]:
    """Plain text around the first hit of each conversation: the title first, then the messages."""
    snippets = {row.conversation_id: snippet_of(row.title, words) for row in rows}
    untitled = [key for key, snippet in snippets.items() if snippet is None]
    first_hits = (
        select(func.min(MessageRow.row_id))
        .where(
            MessageRow.conversation_id.in_(untitled),
            MessageRow.archived.is_(False),
            or_(*(MessageRow.folded.contains(word, autoescape=True) for word in words)),
        )
        .group_by(MessageRow.conversation_id)
    )
    found = await session.execute(
        select(MessageRow.conversation_id, MessageRow.content).where(MessageRow.row_id.in_(first_hits))
    )
    for each in found:
        snippets[each.conversation_id] = snippet_of(text_of(each.content), words)
    return snippets


def _conditions(identity: Identity, query: ListQuery) -> list[ColumnElement[bool]]:
    owner = ConversationRow.user_id
    only_one = query.owner_id if identity.is_admin else None
    where = [owned_by(only_one, owner) if only_one else visible_to(identity, owner)]
    where.append(ConversationRow.parent_id.is_(None))
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
    # Several users may hold one session id, so the surrogate key makes the order of an admin's list total.
    ties = (ConversationRow.session_id.asc(), ConversationRow.conversation_id.asc())
    if sort_by == "title":
        return statement.order_by(ConversationRow.title.asc(), *ties)
    if sort_by == "messages":
        return statement.order_by((ConversationRow.user_count + ConversationRow.agent_count).desc(), *ties)
    return statement.order_by(ConversationRow.updated_at.desc(), *ties)
