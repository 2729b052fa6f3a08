"""`/api/agent/{agent_id}/memories` (product.md 2.4)."""

from typing import Annotated

from fastapi import Query

from clary.features.memory.guards import Memory
from clary.features.memory.payloads import ForgottenNote, ForgottenNotes, NotePage, NoteRequest, NoteResponse
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import ShortPageOf20
from clary.http.problems import ValidationFailedError
from clary.http.routing import slice_router
from clary.http.unit_of_work import UnitOfWork
from clary.kit.text import Text

router = slice_router("/api/agent/{agent_id}/memories", "memory")

UserId = str | None
"""Whose notes; heeded from administrators only."""
_UNCONFIRMED = Text("需要 confirm=true", "confirm=true is needed")


@router.get("", summary="List or search notes", openapi_extra=needs("read"))
async def list_notes(
    agent_id: str,
    user: CurrentUser,
    memory: Memory,
    page: ShortPageOf20,
    q: Annotated[str | None, Query(max_length=2000)] = None,
    user_id: UserId = None,
) -> Envelope[NotePage]:
    """The newest first; with `q` those that fit, the best first."""
    items, total = await memory.list_notes(identity=user, agent_id=agent_id, user_id=user_id, query=q, page=page)
    notes = [NoteResponse(**each) for each in items]
    return answer(NotePage(items=notes, total=total, page=page.number, page_size=page.size))


@router.post("", summary="Add a note", openapi_extra=needs("write"))
async def add_note(
    agent_id: str, body: NoteRequest, user: CurrentUser, memory: Memory, db: UnitOfWork
) -> Envelope[NoteResponse]:
    """Refusals: E-AGENT, `memory_full`."""
    return answer(NoteResponse(**await memory.add(db, identity=user, agent_id=agent_id, content=body.content)))


@router.put("/{note_id}", summary="Change a note", openapi_extra=needs("write"))
async def change_note(
    agent_id: str, note_id: str, body: NoteRequest, user: CurrentUser, memory: Memory, db: UnitOfWork
) -> Envelope[NoteResponse]:
    """Refusals: E-AGENT, `memory_not_found`."""
    changed = await memory.change(db, identity=user, agent_id=agent_id, note_id=note_id, content=body.content)
    return answer(NoteResponse(**changed))


@router.delete("/{note_id}", summary="Forget a note", openapi_extra=needs("write"))
async def forget_note(
    agent_id: str, note_id: str, user: CurrentUser, memory: Memory, db: UnitOfWork, user_id: UserId = None
) -> Envelope[ForgottenNote]:
    """Refusals: E-AGENT, `memory_not_found`."""
    await memory.forget(db, identity=user, agent_id=agent_id, user_id=user_id, note_id=note_id)
    return answer(ForgottenNote(id=note_id))


@router.delete("", summary="Forget everything", openapi_extra=needs("write"))
async def forget_all_notes(
    agent_id: str, user: CurrentUser, memory: Memory, db: UnitOfWork, user_id: UserId = None, confirm: bool = False
) -> Envelope[ForgottenNotes]:
    """Only with `confirm=true`."""
    if not confirm:
        entry = {"type": "value_error", "loc": ["query", "confirm"], "msg": _UNCONFIRMED.render()}
        raise ValidationFailedError(_UNCONFIRMED.render(), [entry])
    deleted = await memory.forget_all(db, identity=user, agent_id=agent_id, user_id=user_id)
    return answer(ForgottenNotes(deleted=deleted))
