"""The chat endpoints of stream-runtime.md 2."""

from typing import Annotated, Any

from fastapi import Depends, Header, Query, Request
from starlette.responses import Response

from clary.features.chat.active import ActiveRuns, sse
from clary.features.chat.drafting import DraftingService, DraftLines
from clary.features.chat.payloads import AgentChatRequest, ChatRequest, InterruptRequest
from clary.features.chat.payloads.overrides import StreamRequest
from clary.features.chat.payloads.revising import EditRequest, OptimizeRequest, RerunRequest
from clary.features.chat.revising import RevisingService
from clary.features.chat.service import ChatService
from clary.features.chat.starting import OpenedView
from clary.features.permissions.guards import CurrentUser
from clary.features.runs.service import Endpoint
from clary.http.access import CHAT_BYTES, needs
from clary.http.envelope import Envelope, answer
from clary.http.leaving import unless_gone
from clary.http.routing import slice_router
from clary.http.streaming import StreamResponse
from clary.kit.text import Text

router = slice_router("/api", "chat")

STREAM = needs("chat", answers="stream", max_bytes=CHAT_BYTES)
OwnerId = Annotated[str | None, Query(alias="user_id")]
"""Selects among several holders of one session id; of use to admins only (stream-runtime.md 1)."""
IdempotencyKey = Annotated[str | None, Header(alias="Idempotency-Key", pattern=r"^[\x21-\x7e]{1,255}$")]


async def _chat(request: Request) -> ChatService:
    return request.app.state.chat


async def _active(request: Request) -> ActiveRuns:
    return request.app.state.active_runs


async def _revising(request: Request) -> RevisingService:
    return request.app.state.revising


async def _drafting(request: Request) -> DraftingService:
    return request.app.state.drafting


Chat = Annotated[ChatService, Depends(_chat)]
Drafting = Annotated[DraftingService, Depends(_drafting)]
Revising = Annotated[RevisingService, Depends(_revising)]
Active = Annotated[ActiveRuns, Depends(_active)]


@router.post("/chat", summary="Chat with an agent", openapi_extra=STREAM)
async def chat_with_agent(
    body: AgentChatRequest, request: Request, user: CurrentUser, chat: Chat, idempotency_key: IdempotencyKey = None
) -> Response:
    """NDJSON stream; the run is interrupted when nobody reads it."""
    return await _started(request, user, chat, body, "chat", idempotency_key)


@router.post("/stream", summary="Chat with overrides", openapi_extra=STREAM)
async def stream_chat(
    body: StreamRequest, request: Request, user: CurrentUser, chat: Chat, idempotency_key: IdempotencyKey = None
) -> Response:
    """NDJSON stream; the run is interrupted when nobody reads it."""
    return await _started(request, user, chat, body, "stream", idempotency_key)


@router.post("/web-stream", summary="Chat that outlives its connection", openapi_extra=STREAM)
async def web_stream_chat(
    body: StreamRequest, request: Request, user: CurrentUser, chat: Chat, idempotency_key: IdempotencyKey = None
) -> Response:
    """NDJSON stream of a detached run; replaces an active run of the session."""
    return await _started(request, user, chat, body, "web_stream", idempotency_key)


@router.get("/stream/resume/{session_id}", summary="Read on", openapi_extra=needs("read", answers="stream"))
async def resume_stream(
    session_id: str,
    request: Request,
    user: CurrentUser,
    chat: Chat,
    last_index: Annotated[int, Query()] = 0,
    run_id: Annotated[str | None, Query()] = None,
    user_id: OwnerId = None,
) -> Response:
    """Lines from `last_index` on, replayed and then live (stream-runtime.md 6.5)."""
    opened = await chat.resume(
        identity=user, session_id=session_id, last_index=last_index, run_id=run_id, user_id=user_id
    )
    return _streamed(request, opened)


@router.get("/stream/active_sessions", summary="Own active runs", openapi_extra=needs("read", answers="stream"))
async def active_sessions(request: Request, user: CurrentUser, active: Active) -> Response:
    """Server-sent events, a full snapshot at every change (stream-runtime.md 7)."""
    return StreamResponse(
        active.open(user.user_id),
        headers={},
        heartbeat_seconds=request.app.state.heartbeat_seconds,
        frame=sse,
        heartbeat=b": ping\n\n",
        media_type="text/event-stream",
        still_allowed=lambda: _still_allowed(request),
    )


@router.post("/sessions/{session_id}/interrupt", summary="Stop the active run", openapi_extra=needs("chat"))
async def interrupt_session(
    session_id: str,
    user: CurrentUser,
    chat: Chat,
    body: InterruptRequest | None = None,
    user_id: OwnerId = None,
) -> Envelope[dict[str, Any]]:
    """Durable when answered; waits up to two seconds for the end (stream-runtime.md 6.7)."""
    wish = body or InterruptRequest()
    outcome = await chat.interrupt(
        identity=user, session_id=session_id, message=wish.message, run_id=wish.run_id, user_id=user_id
    )
    data: dict[str, Any] = {
        "session_id": outcome.session_id,
        "user_id": outcome.user_id,
        "interrupted": outcome.interrupted,
    }
    if outcome.interrupted:
        data |= {"run_id": outcome.run_id, "status": outcome.status}
    message = Text("会话 {id} 已中断", "success").fill(id=session_id)
    return answer(data, message)


@router.post("/conversations/{session_id}/rerun-stream", summary="Answer the last message again", openapi_extra=STREAM)
async def rerun_stream(
    session_id: str,
    request: Request,
    user: CurrentUser,
    revising: Revising,
    body: RerunRequest | None = None,
    idempotency_key: IdempotencyKey = None,
) -> Response:
    """NDJSON stream of a detached run; what followed the last user message is archived (stream-runtime.md 10.1)."""
    opened = await revising.rerun(
        identity=user, session_id=session_id, request=body or RerunRequest(), idempotency_key=idempotency_key
    )
    return _streamed(request, opened)


@router.post(
    "/conversations/{session_id}/edit-last-user-message",
    summary="Change the last message",
    openapi_extra=needs("chat", max_bytes=CHAT_BYTES),
)
async def edit_last_user_message(
    session_id: str, body: EditRequest, user: CurrentUser, revising: Revising
) -> Envelope[dict[str, Any]]:
    """Same id, other content; what followed is archived, nothing is started (stream-runtime.md 10.2)."""
    return answer(await revising.edit(identity=user, session_id=session_id, request=body))


@router.post("/chat/optimize-input", summary="Improve a draft", openapi_extra=needs("chat", max_bytes=CHAT_BYTES))
async def optimize_input(
    body: OptimizeRequest, request: Request, user: CurrentUser, drafting: Drafting
) -> Envelope[dict[str, Any]]:
    """The draft, rewritten by the small model; cancelled when the client hangs up (stream-runtime.md 10.4)."""
    draft = await drafting.begin(identity=user, request=body)
    return answer(await unless_gone(request, draft.rewrite()))


@router.post("/chat/optimize-input/stream", summary="Improve a draft, live", openapi_extra=STREAM)
async def optimize_input_live(
    body: OptimizeRequest, request: Request, user: CurrentUser, drafting: Drafting
) -> Response:
    """NDJSON: `delta` lines, then `done` or `error`."""
    draft = await drafting.begin(identity=user, request=body)
    return StreamResponse(DraftLines(draft.lines()), headers={}, heartbeat_seconds=request.app.state.heartbeat_seconds)


async def _started(
    request: Request, user: CurrentUser, chat: ChatService, body: ChatRequest, endpoint: Endpoint, key: str | None
) -> Response:
    opened = await chat.start(identity=user, request=body, endpoint=endpoint, idempotency_key=key)
    return _streamed(request, opened)


def _streamed(request: Request, opened: OpenedView) -> Response:
    headers = {"X-Clary-Session-Id": opened.session_id}
    if opened.run_id:
        headers["X-Clary-Run-Id"] = opened.run_id
    return StreamResponse(
        opened.view or _Nothing(),
        headers=headers,
        heartbeat_seconds=request.app.state.heartbeat_seconds,
        still_allowed=lambda: _still_allowed(request),
        last_line=lambda: _framed(opened.last_line()),
    )


class _Nothing:
    """A source that has ended."""

    async def next_batch(self) -> list[bytes]:
        raise StopAsyncIteration

    def nudge(self) -> None:
        return

    def close(self) -> None:
        return


def _framed(line: bytes | None) -> bytes | None:
    return None if line is None else line + b"\n"


async def _still_allowed(request: Request) -> bool:
    """Whether the credential that opened the view is still good, and still for it (stream-runtime.md 12, A2)."""
    opened_by, now = request.state.identity, await request.app.state.authenticator.identify(request)
    if now is None or (now.user_id, now.key_id) != (opened_by.user_id, opened_by.key_id):
        return False
    return opened_by.scopes <= now.scopes and opened_by.agent_ids == now.agent_ids
