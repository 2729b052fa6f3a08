"""Bases (contract product 5.2)."""

from typing import Annotated, Any

from fastapi import Query

from clary.features.knowledge.guards import Bases, Sharing
from clary.features.knowledge.payloads.bases import (
    KdbAddRequest,
    KdbAddResponse,
    KdbAuthRequest,
    KdbAuthResponse,
    KdbDoneResponse,
    KdbInfoResponse,
    KdbListResponse,
    KdbRedoResponse,
    KdbRequest,
    KdbUpdateRequest,
    KdbUpdateResponse,
)
from clary.features.knowledge.payloads.ids import Id
from clary.features.knowledge.service import BaseChanges, NewBase, WantedGrant
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.paging import LongPageOf20
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork

router = slice_router("/api/knowledge-base", "knowledge")


@router.post("/add", summary="Create a knowledge base", openapi_extra=needs("write"))
async def add(body: KdbAddRequest, user: CurrentUser, bases: Bases) -> Envelope[KdbAddResponse]:
    """Refusals: `name_empty`, E-QUOTA, E-PROVIDER, E-MODEL, E-URL."""
    wanted = NewBase(body.require_name(), body.type, body.intro, body.settings())
    kdb_id = await bases.add(identity=user, wanted=wanted)
    return answer(KdbAddResponse(kdb_id=kdb_id, user_id=user.user_id))


@router.post("/update", summary="Change a knowledge base", openapi_extra=needs("write"))
async def update(body: KdbUpdateRequest, user: CurrentUser, bases: Bases) -> Envelope[KdbUpdateResponse]:
    """Owner and admins. Refusals: E-KDB, E-KDB-EDIT, E-PROVIDER, E-MODEL, E-URL."""
    changes = BaseChanges(body.name or None, body.intro, body.kdb_setting)
    base, task_id = await bases.update(identity=user, kdb_id=body.kdb_id, changes=changes)
    return answer(KdbUpdateResponse(user_id=base.owner_id, reindex_task_id=task_id))


@router.get("/info", summary="Read a knowledge base", openapi_extra=needs("read"))
async def info(kdb_id: Id, user: CurrentUser, bases: Bases, db: ReadUnit) -> Envelope[KdbInfoResponse]:
    """Refusals: E-KDB."""
    return answer(KdbInfoResponse.model_validate(await bases.info(db, identity=user, kdb_id=kdb_id)))


@router.get("/list", summary="List knowledge bases", openapi_extra=needs("read"))
async def list_bases(
    page: LongPageOf20,
    user: CurrentUser,
    bases: Bases,
    db: ReadUnit,
    query_name: Annotated[str, Query(max_length=1024)] = "",
    type: Annotated[str, Query(max_length=256)] = "",
) -> Envelope[KdbListResponse]:
    """Own and granted ones, for an admin all; newest first."""
    found, total = await bases.list_bases(
        db, identity=user, name=query_name, type=type, offset=page.offset, limit=page.size
    )
    whole = {"list": found, "total": total, "page": page.number, "page_size": page.size, "user_id": user.user_id}
    return answer(KdbListResponse.model_validate(whole))


@router.delete("/delete/{kdb_id}", summary="Delete a knowledge base", openapi_extra=needs("write"))
async def delete(kdb_id: str, user: CurrentUser, bases: Bases) -> Envelope[KdbDoneResponse]:
    """Owner and admins. Refusals: E-KDB, E-KDB-EDIT."""
    return answer(KdbDoneResponse(user_id=await bases.delete(identity=user, kdb_id=kdb_id)))


@router.post("/clear", summary="Remove all documents of a knowledge base", openapi_extra=needs("write"))
async def clear(body: KdbRequest, user: CurrentUser, bases: Bases) -> Envelope[KdbDoneResponse]:
    """Owner and admins. Refusals: E-KDB, E-KDB-EDIT."""
    return answer(KdbDoneResponse(user_id=await bases.clear(identity=user, kdb_id=body.kdb_id)))


@router.post("/redo_all", summary="Read all documents of a knowledge base again", openapi_extra=needs("write"))
async def redo_all(body: KdbRequest, user: CurrentUser, bases: Bases, db: UnitOfWork) -> Envelope[KdbRedoResponse]:
    """Refusals: E-KDB, E-KDB-EDIT."""
    task_id, owner_id = await bases.redo_all(db, identity=user, kdb_id=body.kdb_id)
    return answer(KdbRedoResponse(user_id=owner_id, task_id=task_id))


@router.get("/auth", summary="Who may use a knowledge base", openapi_extra=needs("read"))
async def read_grants(kdb_id: Id, user: CurrentUser, sharing: Sharing, db: ReadUnit) -> Envelope[KdbAuthResponse]:
    """Owner and admins. Refusals: E-KDB, E-KDB-EDIT."""
    grants = await sharing.list_grants(db, identity=user, kdb_id=kdb_id)
    return answer(KdbAuthResponse.model_validate({"grants": grants}))


@router.post("/auth", summary="Say who may use a knowledge base", openapi_extra=needs("write"))
async def replace_grants(
    body: KdbAuthRequest, user: CurrentUser, sharing: Sharing, db: UnitOfWork
) -> Envelope[dict[str, Any]]:
    """Replaces all grants; unknown ids are ignored. Owner and admins. Refusals: E-KDB, E-KDB-EDIT."""
    wanted = [WantedGrant(each.kind, each.id, each.permission) for each in body.grants]
    await sharing.replace(db, identity=user, kdb_id=body.kdb_id, wanted=wanted)
    return answer({})
