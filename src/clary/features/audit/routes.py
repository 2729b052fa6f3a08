"""The audit log (platform.md 7.3). No route changes or removes an entry."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, Literal

from fastapi import Depends, Query
from starlette.responses import StreamingResponse

from clary.features.audit.guards import Audit, Reading
from clary.features.audit.payloads import VerifyRequest
from clary.features.audit.service import Act, Actor, Filters, Head
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.span import Instant
from clary.http.unit_of_work import ReadUnit, UnitOfWork

router = slice_router("/api", "audit")
Json = dict[str, Any]
Moment = Instant | None
READS_FILE = needs("admin", answers="file")


async def _range(
    since: Annotated[Moment, Query(alias="from")] = None, until: Annotated[Moment, Query(alias="to")] = None
) -> Filters:
    return Filters(since=since, until=until)


Range = Annotated[Filters, Depends(_range)]


@router.get("/audit", summary="Read the audit log", openapi_extra=needs("admin"))
async def list_entries(
    user: CurrentUser,
    reading: Reading,
    db: ReadUnit,
    page: PageOf20,
    span: Range,
    user_id: str | None = None,
    action: str | None = None,
    object_type: str | None = None,
    object_id: str | None = None,
    outcome: Literal["success", "denied", "failed"] | None = None,
    address: str | None = None,
) -> Envelope[Json]:
    """Entries, newest first; `action` is a name or a prefix such as `auth.`."""
    filters = Filters(span.since, span.until, user_id, action, object_type, object_id, outcome, address)
    return answer(await reading.list_page(db, page=page, filters=filters))


@router.get("/user/audit", summary="Own acts", openapi_extra=needs("read", interactive=True))
async def list_own(user: CurrentUser, reading: Reading, db: ReadUnit, page: PageOf20) -> Envelope[Json]:
    """Entries whose actor is the caller."""
    return answer(await reading.list_page(db, page=page, filters=Filters(user_id=user.user_id)))


@router.get("/audit/export", summary="Export the audit log", openapi_extra=READS_FILE)
async def export(
    user: CurrentUser,
    audit: Audit,
    reading: Reading,
    db: UnitOfWork,
    span: Range,
    form: Literal["clear", "stored"] = "clear",
) -> StreamingResponse:
    """JSON lines, oldest first; `stored` can be verified elsewhere. The export is itself an entry."""
    await audit.record(db, Act("audit.exported", Actor.of(user), detail={"form": form}))

    async def lines() -> AsyncIterator[bytes]:
        async for portion in reading.export(filters=span, form=form):
            yield portion

    headers = {"Content-Disposition": 'attachment; filename="audit.jsonl"'}
    return StreamingResponse(lines(), media_type="application/x-ndjson", headers=headers)


@router.post("/audit/verify", summary="Verify the audit log", openapi_extra=needs("admin"))
async def verify(user: CurrentUser, reading: Reading, body: VerifyRequest | None = None) -> Envelope[Json]:
    """Walks the chain and names the first entry that does not fit."""
    wanted = body or VerifyRequest()
    expected = Head(wanted.head.seq, wanted.head.hash) if wanted.head else None
    return answer(await reading.verify(from_seq=wanted.from_seq, expected=expected))
