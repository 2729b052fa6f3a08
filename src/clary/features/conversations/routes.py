"""`/api/conversations`, the shared view, task status and downloads (product.md 2.1)."""

import asyncio
from typing import Annotated, Any, Literal

from fastapi import Depends, Query, Request
from starlette.responses import Response

from clary.features.conversations.citations import CitationService
from clary.features.conversations.export import as_markdown, as_zip, disposition
from clary.features.conversations.payloads import RenameRequest, ShareRequest
from clary.features.conversations.policy import search_words
from clary.features.conversations.service import ConversationService, ListQuery, without_index
from clary.features.conversations.shares import ShareService
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs, public
from clary.http.envelope import Envelope, answer, said
from clary.http.paging import PageOf10
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit import json_text

router = slice_router("/api", "conversations")

Json = dict[str, Any]
OwnerId = Annotated[str | None, Query(alias="user_id")]
"""Selects among several holders of one session id; of use to admins only."""
READS_FILE = needs("read", answers="file")


async def _conversations(request: Request) -> ConversationService:
    return request.app.state.conversations


async def _shares(request: Request) -> ShareService:
    return request.app.state.shares


async def _citations(request: Request) -> CitationService:
    return request.app.state.citations


Conversations = Annotated[ConversationService, Depends(_conversations)]
Shares = Annotated[ShareService, Depends(_shares)]
Citations = Annotated[CitationService, Depends(_citations)]


@router.get("/conversations", summary="List conversations", openapi_extra=needs("read"))
async def list_conversations(
    user: CurrentUser,
    conversations: Conversations,
    page: PageOf10,
    search: Annotated[str | None, Query(max_length=200)] = None,
    agent_id: Annotated[str | None, Query()] = None,
    user_id: Annotated[str | None, Query()] = None,
    sort_by: Annotated[str | None, Query()] = None,
) -> Envelope[Json]:
    """Own conversations, for an admin all of them (product.md 2.2)."""
    query = ListQuery(page, search_words(search or ""), agent_id, user_id, _order(sort_by))
    data = await conversations.list_page(identity=user, query=query)
    return answer(data, said("获取会话列表成功"))


@router.get("/conversations/{session_id}/messages", summary="Read a conversation", openapi_extra=needs("read"))
async def read_messages(
    session_id: str,
    user: CurrentUser,
    conversations: Conversations,
    limit: Annotated[int | None, Query(ge=1, le=1000)] = None,
    before: Annotated[str | None, Query()] = None,
    user_id: OwnerId = None,
) -> Envelope[Json]:
    """History with the index to resume at (stream-runtime.md 8)."""
    data = await conversations.read_history(
        identity=user, session_id=session_id, user_id=user_id, limit=limit, before=before
    )
    return answer(data, said("获取消息成功"))


@router.get("/conversations/{session_id}/citations", summary="What answers cite", openapi_extra=needs("read"))
async def list_citations(
    session_id: str, user: CurrentUser, citations: Citations, user_id: OwnerId = None
) -> Envelope[Json]:
    """Every `[n]` in the answers, in order of appearance, with the passage it names (product.md 5.10)."""
    return answer({"items": await citations.list_citations(identity=user, session_id=session_id, user_id=user_id)})


@router.get("/share/conversations/{session_id}/messages", summary="Read a shared one", openapi_extra=public())
async def read_shared(session_id: str, request: Request, shares: Shares) -> Envelope[Json]:
    """Messages of a shared conversation, for anybody; nothing else comes with it."""
    data = await shares.view(name=session_id, address=request.state.peer.address)
    return answer(data, said("获取分享消息成功"))


@router.post("/conversations/{session_id}/share", summary="Share", openapi_extra=needs("write"))
async def share_conversation(
    session_id: str, user: CurrentUser, shares: Shares, db: UnitOfWork, body: ShareRequest | None = None
) -> Envelope[Json]:
    """Shares, or changes expiry and secrecy; owner only."""
    wish = body or ShareRequest()
    data = await shares.share(db, identity=user, session_id=session_id, expires_at=wish.expires_at, secret=wish.secret)
    return answer(data)


@router.get("/conversations/{session_id}/share", summary="Read the share", openapi_extra=needs("read"))
async def read_share(
    session_id: str, user: CurrentUser, shares: Shares, db: ReadUnit, user_id: OwnerId = None
) -> Envelope[Json]:
    """How a conversation is shared; owner or admin."""
    return answer(await shares.describe(db, identity=user, session_id=session_id, user_id=user_id))


@router.delete("/conversations/{session_id}/share", summary="Stop sharing", openapi_extra=needs("write"))
async def end_share(
    session_id: str, user: CurrentUser, shares: Shares, db: UnitOfWork, user_id: OwnerId = None
) -> Envelope[Json]:
    """Ends a share at once; owner or admin."""
    return answer(await shares.end(db, identity=user, session_id=session_id, user_id=user_id))


@router.post("/conversations/{session_id}/title", summary="Rename", openapi_extra=needs("write"))
async def rename_conversation(
    session_id: str,
    body: RenameRequest,
    user: CurrentUser,
    conversations: Conversations,
    db: UnitOfWork,
    user_id: OwnerId = None,
) -> Envelope[Json]:
    """Gives a title of 1 to 255 characters."""
    data = await conversations.rename(db, identity=user, session_id=session_id, title=body.title, user_id=user_id)
    return answer(data, said(f"会话 {session_id} 标题已更新"))


@router.delete("/conversations/{session_id}", summary="Delete", openapi_extra=needs("write"))
async def delete_conversation(
    session_id: str, user: CurrentUser, conversations: Conversations, user_id: OwnerId = None
) -> Envelope[Json]:
    """Stops the run and removes everything of the conversation."""
    data = await conversations.delete(identity=user, session_id=session_id, user_id=user_id)
    return answer(data, said(f"会话 {session_id} 已删除"))


@router.post("/sessions/{session_id}/tasks_status", summary="Task list", openapi_extra=needs("read"))
async def read_tasks(
    session_id: str, user: CurrentUser, conversations: Conversations, db: ReadUnit, user_id: OwnerId = None
) -> Envelope[Json]:
    """The agent's task list of a conversation (stream-runtime.md 7)."""
    data = await conversations.tasks_status(db, identity=user, session_id=session_id, user_id=user_id)
    return answer(data, said(f"会话 {session_id} 状态获取成功"))


@router.get("/conversations/{session_id}/export", summary="Export", openapi_extra=READS_FILE)
async def export_conversation(
    session_id: str,
    user: CurrentUser,
    conversations: Conversations,
    format: Annotated[Literal["md", "json"], Query()] = "md",
    user_id: OwnerId = None,
) -> Response:
    """The conversation as Markdown or JSON."""
    data = await conversations.read_history(identity=user, session_id=session_id, user_id=user_id)
    title = data["conversation_info"]["title"]
    if format == "json":
        body, kind = json_text.dumps(without_index(data)), "application/json"
    else:
        body, kind = as_markdown(title, data["messages"]).encode(), "text/markdown; charset=utf-8"
    return Response(body, media_type=kind, headers={"Content-Disposition": disposition(title, format)})


@router.get("/sessions/{session_id}/download", summary="Download", openapi_extra=READS_FILE)
async def download_session(
    session_id: str, user: CurrentUser, conversations: Conversations, user_id: OwnerId = None
) -> Response:
    """A ZIP with conversation, runs and tasks."""
    files = await conversations.archive(identity=user, session_id=session_id, user_id=user_id)
    body = await asyncio.to_thread(as_zip, files)
    headers = {"Content-Disposition": disposition(session_id, "zip")}
    return Response(body, media_type="application/zip", headers=headers)


def _order(sort_by: str | None) -> Literal["date", "title", "messages"]:
    return sort_by if sort_by in ("title", "messages") else "date"  # pyright: ignore[reportReturnType]
