"""Personal API keys (platform.md 7.1); only for people who are there themselves."""

from typing import Any

from clary.features.api_keys.guards import ApiKeys
from clary.features.api_keys.payloads import KeyCreateRequest, KeyUpdateRequest, RotateRequest
from clary.features.api_keys.service import MadeKey
from clary.features.audit.service import Actor
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.text import Text

router = slice_router("/api/user", "keys")
Json = dict[str, Any]
READS = needs("read", interactive=True)
WRITES = needs("write", interactive=True)
ADMIN = needs("admin", interactive=True)


@router.get("/keys", summary="List own keys", openapi_extra=READS)
async def list_keys(user: CurrentUser, keys: ApiKeys, db: ReadUnit) -> Envelope[list[Json]]:
    """Newest first, never a secret."""
    return answer(await keys.list_keys(db, user_id=user.user_id))


@router.post("/keys", summary="Make a key", openapi_extra=WRITES)
async def create_key(body: KeyCreateRequest, user: CurrentUser, keys: ApiKeys, db: UnitOfWork) -> Envelope[Json]:
    """The answer shows the secret, this once."""
    made = await keys.create(db, user_id=user.user_id, is_admin=user.is_admin, fields=body.sent(), by=Actor.of(user))
    return answer(_with_secret(made), Text("密钥创建成功", "Key created"))


@router.put("/keys/{id}", summary="Change a key", openapi_extra=WRITES)
async def update_key(
    id: str, body: KeyUpdateRequest, user: CurrentUser, keys: ApiKeys, db: UnitOfWork
) -> Envelope[Json]:
    """Fields that are absent stay; it acts within a second."""
    return answer(await keys.update(db, identity=user, key_id=id, fields=body.sent()))


@router.post("/keys/{id}/rotate", summary="Give a key a new secret", openapi_extra=WRITES)
async def rotate_key(
    id: str, user: CurrentUser, keys: ApiKeys, db: UnitOfWork, body: RotateRequest | None = None
) -> Envelope[Json]:
    """The old secret works for `overlap_seconds`."""
    wanted = body or RotateRequest()
    made = await keys.rotate(db, identity=user, key_id=id, overlap_seconds=wanted.overlap_seconds)
    return answer(_with_secret(made))


@router.delete("/keys/{id}", summary="Revoke a key", openapi_extra=WRITES)
async def delete_key(id: str, user: CurrentUser, keys: ApiKeys, db: UnitOfWork) -> Envelope[Json]:
    """It opens nothing any more."""
    await keys.delete(db, user_id=user.user_id, key_id=id, by=Actor.of(user))
    return answer(Json())


@router.get("/{user_id}/keys", summary="List somebody's keys", openapi_extra=ADMIN)
async def list_keys_of(user_id: str, user: CurrentUser, keys: ApiKeys, db: ReadUnit) -> Envelope[list[Json]]:
    """For admins; never a secret."""
    return answer(await keys.list_keys(db, user_id=user_id))


@router.delete("/{user_id}/keys/{id}", summary="Revoke somebody's key", openapi_extra=ADMIN)
async def delete_key_of(user_id: str, id: str, user: CurrentUser, keys: ApiKeys, db: UnitOfWork) -> Envelope[Json]:
    """For admins."""
    await keys.delete(db, user_id=user_id, key_id=id, by=Actor.of(user))
    return answer(Json())


def _with_secret(made: MadeKey) -> Json:
    return {**made.shown, "key": made.secret}
