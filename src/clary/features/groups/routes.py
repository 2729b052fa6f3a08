"""Groups and their members (platform.md 7.2)."""

from typing import Annotated, Any

from fastapi import Query

from clary.features.groups.guards import Groups
from clary.features.groups.payloads import GroupCreateRequest, GroupUpdateRequest, MembersRequest
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import PageOf20
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.text import Text

router = slice_router("/api/groups", "groups")
Json = dict[str, Any]
Search = Annotated[str | None, Query(max_length=200)]


@router.get("", summary="List groups", openapi_extra=needs("read"))
async def list_groups(
    user: CurrentUser, groups: Groups, db: ReadUnit, page: PageOf20, q: Search = None
) -> Envelope[Json]:
    """The caller's own groups by name; all for admins."""
    return answer(await groups.list_page(db, identity=user, page=page, text=q))


@router.get("/options", summary="Group selector", openapi_extra=needs("read"))
async def list_options(user: CurrentUser, groups: Groups, db: ReadUnit, q: Search = None) -> Envelope[list[Json]]:
    """Groups by name, as far as the directory is open to the caller."""
    return answer(await groups.list_options(db, identity=user, text=q))


@router.get("/{group_id}", summary="Read a group", openapi_extra=needs("read"))
async def read_group(group_id: str, user: CurrentUser, groups: Groups, db: ReadUnit) -> Envelope[Json]:
    """A group with its members, for members and admins."""
    return answer(await groups.read(db, identity=user, group_id=group_id))


@router.post("", summary="Create a group", openapi_extra=needs("admin"))
async def create_group(body: GroupCreateRequest, user: CurrentUser, groups: Groups, db: UnitOfWork) -> Envelope[Json]:
    """A group without members."""
    data = await groups.create(db, identity=user, fields=body.sent())
    return answer(data, Text("用户组创建成功", "Group created"))


@router.put("/{group_id}", summary="Change a group", openapi_extra=needs("write"))
async def update_group(
    group_id: str, body: GroupUpdateRequest, user: CurrentUser, groups: Groups, db: UnitOfWork
) -> Envelope[Json]:
    """Fields that are absent stay; managers may change the description only."""
    return answer(await groups.update(db, identity=user, group_id=group_id, fields=body.sent()))


@router.delete("/{group_id}", summary="Delete a group", openapi_extra=needs("admin"))
async def delete_group(group_id: str, user: CurrentUser, groups: Groups, db: UnitOfWork) -> Envelope[Json]:
    """Memberships and grants that name the group go with it."""
    await groups.delete(db, identity=user, group_id=group_id)
    return answer(Json())


@router.post("/{group_id}/members", summary="Add members", openapi_extra=needs("write"))
async def add_members(
    group_id: str, body: MembersRequest, user: CurrentUser, groups: Groups, db: UnitOfWork
) -> Envelope[Json]:
    """Adds people by hand; only admins make managers."""
    added = await groups.add_members(db, identity=user, group_id=group_id, user_ids=body.user_ids, role=body.role)
    return answer({"added": added})


@router.delete("/{group_id}/members/{user_id}", summary="Remove a member", openapi_extra=needs("write"))
async def remove_member(
    group_id: str, user_id: str, user: CurrentUser, groups: Groups, db: UnitOfWork
) -> Envelope[Json]:
    """Ends a membership; anybody may leave."""
    await groups.remove_member(db, identity=user, group_id=group_id, user_id=user_id)
    return answer(Json())
