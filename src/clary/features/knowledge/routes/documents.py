"""`/api/knowledge-base/doc` (contract product 5.4)."""

from typing import Annotated, Final

from fastapi import Body, Query, Request
from starlette.responses import Response

from clary.features.knowledge.guards import Documents, Uploads
from clary.features.knowledge.payloads.documents import (
    BegunAnswer,
    CancelAnswer,
    CancelRequest,
    DocumentContent,
    DocumentInfo,
    DocumentList,
    DoneAnswer,
    Json,
    TaskProgress,
    TaskRequest,
    UploadAnswer,
)
from clary.features.knowledge.payloads.ids import Id
from clary.features.permissions.guards import CurrentUser
from clary.http.access import UPLOAD_BYTES, needs
from clary.http.envelope import Envelope, answer
from clary.http.file_answer import answer_file
from clary.http.multipart import FormReader, form_of
from clary.http.paging import PageOf20
from clary.http.problems import ValidationFailedError
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.file_names import content_type_of, disposition

router = slice_router("/api/knowledge-base/doc", "knowledge")

FILES: Final = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": 200, "required": True}
STATUSES: Final = frozenset("0123")
KEPT_PRIVATE: Final = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


@router.get("/list", summary="List documents", openapi_extra=needs("read"))
async def list_documents(
    kdb_id: Id,
    user: CurrentUser,
    documents: Documents,
    db: ReadUnit,
    page: PageOf20,
    query_name: Annotated[str | None, Query(max_length=255)] = None,
    query_status: Annotated[list[str] | None, Query(max_length=16)] = None,
    task_id: Id | None = None,
) -> Envelope[DocumentList]:
    """The newest upload first, each in its order. Statuses are repeated or divided by commas. Refusals: E-KDB."""
    found = await documents.list_documents(
        db,
        identity=user,
        kdb_id=kdb_id,
        name=query_name or None,
        statuses=_statuses(query_status),
        task_id=task_id or None,
        offset=page.offset,
        limit=page.size,
    )
    shown = {"list": found.documents, "total": found.total, "page_no": page.number, "page_size": page.size}
    return answer(DocumentList.model_validate({**shown, "user_id": found.owner_id}))


@router.get("/info/{doc_id}", summary="Read a document's facts", openapi_extra=needs("read"))
async def read_info(
    doc_id: str, user: CurrentUser, documents: Documents, db: ReadUnit
) -> Envelope[DocumentInfo | None]:
    """`data` is null for what is not there or not to be seen."""
    found = await documents.find_info(db, identity=user, doc_id=doc_id)
    return answer(None if found is None else DocumentInfo.model_validate(found))


@router.post(
    "/add_by_files",
    summary="Upload documents",
    openapi_extra=needs("write", max_bytes=UPLOAD_BYTES, takes_multipart=True)
    | form_of(kdb_id={"type": "string", "required": True}, override={"type": "boolean"}, files=FILES),
)
async def add_by_files(request: Request, user: CurrentUser, uploads: Uploads) -> Envelope[UploadAnswer]:
    """1 to 200 files, all or none. Refusals: E-KDB, E-KDB-EDIT, E-QUOTA; QA bases: `qa_file_type`, `qa_file_format`."""
    return answer(UploadAnswer.model_validate(await uploads.receive(identity=user, form=FormReader(request))))


@router.delete("/delete/{doc_id}", summary="Delete a document", openapi_extra=needs("write"))
async def delete(doc_id: str, user: CurrentUser, documents: Documents) -> Envelope[DoneAnswer]:
    """No search finds it any more. Refusals: E-DOC, E-KDB-EDIT."""
    return answer(DoneAnswer(user_id=await documents.delete(identity=user, doc_id=doc_id)))


@router.put("/redo/{doc_id}", summary="Read a document again", openapi_extra=needs("write"))
async def redo(
    doc_id: str,
    user: CurrentUser,
    documents: Documents,
    db: UnitOfWork,
    _body: Annotated[Json | None, Body()] = None,
) -> Envelope[BegunAnswer]:
    """What was searchable stays so until then. Refusals: E-DOC, E-KDB-EDIT."""
    begun = await documents.redo(db, identity=user, doc_id=doc_id)
    return answer(BegunAnswer(user_id=begun.owner_id, task_id=begun.task_id))


@router.get("/task_process", summary="How far a task is", openapi_extra=needs("read"))
async def read_progress(
    kdb_id: Id, task_id: Id, user: CurrentUser, documents: Documents, db: ReadUnit
) -> Envelope[TaskProgress]:
    """`taskProcess` in whole percents of what has ended. Refusals: E-KDB, E-TASK."""
    counts, owner_id = await documents.count_task(db, identity=user, kdb_id=kdb_id, task_id=task_id)
    return answer(TaskProgress.of(counts, owner_id))


@router.post("/task_redo", summary="Read the documents of a task again", openapi_extra=needs("write"))
async def redo_task(
    body: TaskRequest, user: CurrentUser, documents: Documents, db: UnitOfWork
) -> Envelope[BegunAnswer]:
    """They belong to a new task. Refusals: E-KDB, E-KDB-EDIT, E-TASK."""
    begun = await documents.redo_task(db, identity=user, kdb_id=body.kdb_id, task_id=body.task_id)
    return answer(BegunAnswer(user_id=begun.owner_id, task_id=begun.task_id))


@router.post("/cancel", summary="Call documents off", openapi_extra=needs("write"))
async def cancel(
    body: CancelRequest, user: CurrentUser, documents: Documents, db: UnitOfWork
) -> Envelope[CancelAnswer]:
    """Those that wait or are worked on. Refusals: E-KDB, E-KDB-EDIT, E-TASK, E-DOC."""
    count, owner_id = await documents.cancel(
        db, identity=user, kdb_id=body.kdb_id, task_id=body.task_id, doc_id=body.doc_id
    )
    return answer(CancelAnswer(cancelled=count, user_id=owner_id))


@router.get("/content/{doc_id}", summary="Read a document's text", openapi_extra=needs("read"))
async def read_content(
    doc_id: str,
    user: CurrentUser,
    documents: Documents,
    db: ReadUnit,
    start: Annotated[int, Query(ge=0, le=2**31)] = 0,
    end: Annotated[int | None, Query(ge=0, le=2**31)] = None,
) -> Envelope[DocumentContent]:
    """At most 100,000 characters of it. Refusals: E-DOC."""
    found = await documents.read_content(db, identity=user, doc_id=doc_id, start=start, end=end)
    return answer(DocumentContent.model_validate(found))


@router.get("/download/{doc_id}", summary="Download a document", openapi_extra=needs("read", answers="file"))
async def download(doc_id: str, request: Request, user: CurrentUser, documents: Documents) -> Response:
    """The file as it was uploaded, always as an attachment. Refusals: E-DOC."""
    found = await documents.find_original(identity=user, doc_id=doc_id)
    headers = {"Content-Disposition": disposition(found.name), **KEPT_PRIVATE}
    kind = content_type_of(found.name)
    return answer_file(found.content, found.version, asked=request.headers, headers=headers, media_type=kind)


def _statuses(sent: list[str] | None) -> set[int] | None:
    given = {part.strip() for each in sent or () for part in each.split(",")} - {""}
    if not given <= STATUSES:
        raise ValidationFailedError("query_status: 0..3")
    return {int(each) for each in given} or None
