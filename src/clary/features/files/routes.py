"""`/api/oss/*` (platform.md 10)."""

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import RedirectResponse, Response

from clary.features.files.guards import Files, PeerOrigin, Reading
from clary.features.files.payloads import ImportRequest
from clary.features.permissions.guards import CurrentUser, MaybeUser
from clary.http.access import RELEASE_BYTES, needs, public
from clary.http.envelope import Envelope, answer
from clary.http.file_answer import answer_content
from clary.http.multipart import FormReader, form_of
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit

router = slice_router("/api/oss", "files")
Json = dict[str, Any]
FILE = {"type": "string", "format": "binary", "required": True}


@router.post(
    "/upload",
    summary="Upload a file",
    openapi_extra=needs("chat", max_bytes=RELEASE_BYTES, takes_multipart=True)
    | form_of(file=FILE, path={"type": "string", "maxLength": 512}),
)
async def upload(request: Request, user: CurrentUser, files: Files, origin: PeerOrigin) -> Envelope[Json]:
    """With `path` (scope write) the object gets that key, without it one that nobody guesses."""
    stored = await files.upload(identity=user, form=FormReader(request), peer_origin=origin)
    return answer(stored.as_wire("url", "key", "filename", "size", "content_type", "sha256"))


@router.post("/import_url", summary="Take in a file from an address", openapi_extra=needs("write"))
async def import_url(body: ImportRequest, user: CurrentUser, files: Files, origin: PeerOrigin) -> Envelope[Json]:
    """At most 25 MiB, within 45 seconds."""
    stored = await files.import_url(identity=user, url=body.url, peer_origin=origin)
    return answer(stored.as_wire("url", "filename", "key", "size", "content_type"))


@router.get("/object/{key:path}", summary="Get a file", openapi_extra=public(answers="file"))
async def read_object(
    key: str,
    request: Request,
    user: MaybeUser,
    reading: Reading,
    s: str | None = None,
    download: bool = False,
) -> Response:
    """For its owner, admins, and whoever has a signed address; release files for everybody."""
    found = await reading.open(identity=user, key=key, signature=s or "", saves=download)
    if found.link is not None:
        return RedirectResponse(found.link, status_code=302, headers={"Cache-Control": "no-store"})
    return await answer_content(
        found.pieces, found.version, asked=request.headers, headers=found.headers, media_type=found.media_type
    )


@router.delete("/object/{key:path}", summary="Delete a file", openapi_extra=needs("write"))
async def delete_object(key: str, user: CurrentUser, files: Files) -> Envelope[Json]:
    """An own one, for admins anybody's; its address opens nothing any more."""
    await files.delete(identity=user, key=key)
    return answer(Json())


@router.get("/objects", summary="List files", openapi_extra=needs("read"))
async def list_objects(
    user: CurrentUser,
    files: Files,
    db: ReadUnit,
    page: PageOf20,
    origin: PeerOrigin,
    q: Annotated[str | None, Query(max_length=512)] = None,
    user_id: str | None = None,
) -> Envelope[Json]:
    """Own ones, newest first, and how much they take; `user_id` is for admins."""
    return answer(await files.list_page(db, identity=user, owner_id=user_id, page=page, text=q, peer_origin=origin))
