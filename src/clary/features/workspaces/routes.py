"""`/api/agent/{agent_id}/file_workspace` (product.md 4.1)."""

from typing import Annotated, Any

from fastapi import Depends, Query, Request
from starlette.responses import Response

from clary.features.permissions.guards import CurrentUser
from clary.features.workspaces.browsing import FoundFolder
from clary.features.workspaces.payloads import (
    DeletedFile,
    FileList,
    ImportAnswer,
    ListRequest,
    StatRequest,
    UploadAnswer,
)
from clary.features.workspaces.policy import may_show, needs_sandbox, with_charset
from clary.features.workspaces.service import WorkspaceBrowsing, WorkspaceImports, WorkspaceUploads
from clary.http.access import UPLOAD_BYTES, needs
from clary.http.envelope import Envelope, answer, said
from clary.http.file_answer import PieceResponse, answer_file
from clary.http.multipart import FormReader, form_of
from clary.http.routing import slice_router
from clary.kit.file_names import disposition
from clary.kit.text import Text

router = slice_router("/api/agent/{agent_id}/file_workspace", "workspace")

Json = dict[str, Any]
SessionId = Annotated[str | None, Query()]
"""The conversation; a foreign or unknown one counts as none."""
OwnerId = Annotated[str | None, Query()]
"""Whose conversation an admin means where several people have one of this id."""
TAKES_FILES = needs("write", max_bytes=UPLOAD_BYTES, takes_multipart=True)
FILE = {"type": "string", "format": "binary", "required": True}
FILES = {"type": "array", "items": {"type": "string", "format": "binary"}, "maxItems": 50, "required": True}
TEXT = {"type": "string"}
KEPT_PRIVATE = {"Cache-Control": "private, no-cache", "X-Content-Type-Options": "nosniff"}


async def _browsing(request: Request) -> WorkspaceBrowsing:
    return request.app.state.workspace_browsing


async def _uploads(request: Request) -> WorkspaceUploads:
    return request.app.state.workspace_uploads


async def _imports(request: Request) -> WorkspaceImports:
    return request.app.state.workspace_imports


Browsing = Annotated[WorkspaceBrowsing, Depends(_browsing)]
Uploads = Annotated[WorkspaceUploads, Depends(_uploads)]
Imports = Annotated[WorkspaceImports, Depends(_imports)]


@router.post("", summary="List files", openapi_extra=needs("read"))
async def list_files(
    agent_id: str,
    user: CurrentUser,
    files: Browsing,
    body: ListRequest | None = None,
    session_id: SessionId = None,
    user_id: OwnerId = None,
    path: Annotated[str | None, Query()] = None,
    max_depth: Annotated[int | None, Query(ge=1, le=64)] = None,
) -> Envelope[FileList]:
    """Flat, in walk order, without dot names and links; at most 10,000."""
    wish = body or ListRequest()
    found = await files.list_files(
        identity=user,
        agent_id=agent_id,
        session_id=session_id,
        user_id=user_id,
        path=path if path is not None else wish.path,
        max_depth=max_depth if max_depth is not None else wish.max_depth,
    )
    listed = FileList(**found)
    return answer(listed, Text(listed.message, listed.message))


@router.post("/stat", summary="Facts about files", openapi_extra=needs("read"))
async def describe_files(
    agent_id: str,
    body: StatRequest,
    user: CurrentUser,
    files: Browsing,
    session_id: SessionId = None,
    user_id: OwnerId = None,
) -> Envelope[Json]:
    """Each path tells its facts, or why there are none."""
    found = await files.describe(
        identity=user, agent_id=agent_id, session_id=session_id, user_id=user_id, paths=body.paths
    )
    return answer(found)


@router.get("/download", summary="Download a file or folder", openapi_extra=needs("read", answers="file"))
async def download(
    agent_id: str,
    request: Request,
    user: CurrentUser,
    files: Browsing,
    file_path: Annotated[str | None, Query()] = None,
    inline: bool = False,
    session_id: SessionId = None,
    user_id: OwnerId = None,
) -> Response:
    """A file with conditions and ranges, or a folder as ZIP while it is built (product.md 4.3)."""
    found = await files.find_download(
        identity=user, agent_id=agent_id, session_id=session_id, user_id=user_id, path=file_path
    )
    if isinstance(found, FoundFolder):
        headers = {"Content-Disposition": disposition(found.name), **KEPT_PRIVATE}
        return PieceResponse(found.pieces, headers=headers, media_type="application/zip")
    is_shown = inline and may_show(found.content_type)
    headers = {"Content-Disposition": disposition(found.name, inline=is_shown), **KEPT_PRIVATE}
    if is_shown and needs_sandbox(found.content_type):
        headers["Content-Security-Policy"] = "sandbox"
    kind = with_charset(found.content_type)
    return answer_file(found.content, found.version, asked=request.headers, headers=headers, media_type=kind)


@router.post(
    "/upload",
    summary="Upload files",
    openapi_extra=TAKES_FILES | form_of(file=FILES, target_path=TEXT, overwrite={"type": "boolean"}),
)
async def upload(
    agent_id: str,
    request: Request,
    user: CurrentUser,
    uploads: Uploads,
    session_id: SessionId = None,
    user_id: OwnerId = None,
) -> Envelope[UploadAnswer]:
    """All files of the form, or none."""
    form = FormReader(request)
    return answer(
        UploadAnswer(
            **await uploads.receive(identity=user, agent_id=agent_id, session_id=session_id, user_id=user_id, form=form)
        )
    )


@router.delete("/delete", summary="Delete a file or folder", openapi_extra=needs("write"))
async def delete(
    agent_id: str,
    user: CurrentUser,
    files: Browsing,
    file_path: Annotated[str | None, Query()] = None,
    missing_ok: bool = False,
    session_id: SessionId = None,
    user_id: OwnerId = None,
) -> Envelope[DeletedFile]:
    """A link itself, never what it leads to."""
    found = await files.delete(
        identity=user, agent_id=agent_id, session_id=session_id, user_id=user_id, path=file_path, missing_ok=missing_ok
    )
    return answer(DeletedFile(**found), said(f"文件 {found['path']} 已删除"))


@router.post(
    "/archive/import",
    summary="Unpack a ZIP file",
    openapi_extra=TAKES_FILES | form_of(file=FILE, target_path={**TEXT, "required": True}, idempotency_key=TEXT),
)
async def import_archive(
    agent_id: str,
    request: Request,
    user: CurrentUser,
    imports: Imports,
    session_id: SessionId = None,
    user_id: OwnerId = None,
) -> Envelope[ImportAnswer]:
    """The folder is replaced in one step, or stays as it was."""
    form = FormReader(request)
    return answer(
        ImportAnswer(
            **await imports.receive(identity=user, agent_id=agent_id, session_id=session_id, user_id=user_id, form=form)
        )
    )
