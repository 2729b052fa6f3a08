"""`/api/system/version*` (platform.md 11)."""

from typing import Annotated, Any

from fastapi import Query, Request
from starlette.responses import Response

from clary.features.permissions.guards import CurrentUser
from clary.features.releases.guards import Releases
from clary.features.releases.payloads import CreateVersionRequest
from clary.features.releases.service import Channel
from clary.http.access import needs, public
from clary.http.envelope import Envelope, answer
from clary.http.rendering import JsonBytes
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.text import Text

router = slice_router("/api/system/version", "releases")
Json = dict[str, Any]


@router.get("/check", summary="What an updater is to install", openapi_extra=public())
async def check_version(
    releases: Releases,
    db: ReadUnit,
    current_version: Annotated[str | None, Query(max_length=64)] = None,
    channel: Channel | None = None,
) -> Response:
    """Without an envelope, as the desktop client's updater wants it; 204 when there is nothing newer."""
    found = await releases.find_update(db, current=current_version, channel=channel or "stable")
    return Response(status_code=204) if found is None else JsonBytes(found)


@router.get("/latest", summary="The latest release", openapi_extra=public())
async def read_latest(releases: Releases, db: ReadUnit, channel: Channel | None = None) -> Envelope[Json | None]:
    """For the download page; null before the first one."""
    return answer(await releases.find_latest(db, channel=channel or "stable"))


@router.get("", summary="List releases", openapi_extra=needs("read"))
async def list_releases(user: CurrentUser, releases: Releases, db: ReadUnit) -> Envelope[list[Json]]:
    """Highest version first."""
    return answer(await releases.list_releases(db))


@router.post("", summary="Add a release", openapi_extra=needs("admin"))
async def create_release(
    body: CreateVersionRequest, request: Request, user: CurrentUser, releases: Releases, db: UnitOfWork
) -> Envelope[Json]:
    """For admins; addresses are https, or those of uploaded release files."""
    made = await releases.create(
        db,
        identity=user,
        version=body.version,
        notes=body.release_notes,
        artifacts=body.stored_artifacts(),
        peer_origin=request.state.peer.origin,
    )
    return answer(made, Text("版本创建成功", "Version created successfully"))


@router.post("/import_github", summary="Take in the newest release from GitHub", openapi_extra=needs("admin"))
async def import_release(user: CurrentUser, releases: Releases) -> Envelope[Json]:
    """For admins; a release of the same version is replaced."""
    made = await releases.import_newest(identity=user)
    text = Text("版本 {v} 导入成功", "Version {v} imported successfully").fill(v=made["version"])
    return answer(made, text)


@router.delete("/{version_str}", summary="Delete a release", openapi_extra=needs("admin"))
async def delete_release(version_str: str, user: CurrentUser, releases: Releases, db: UnitOfWork) -> Envelope[Json]:
    """For admins; files it names stay."""
    await releases.delete(db, identity=user, version=version_str)
    return answer({"success": True}, Text("版本删除成功", "Version deleted successfully"))
