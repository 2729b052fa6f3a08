"""Asking for permissions (platform.md 7.4)."""

from typing import Annotated, Any, cast

from fastapi import Depends, Query, Request

from clary.features.permissions.errors import ObjectNotFoundError
from clary.features.permissions.guards import CurrentUser
from clary.features.permissions.policy import Verb
from clary.features.permissions.service import PermissionExplainer, Question, read_object
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router
from clary.http.unit_of_work import UnitOfWork

router = slice_router("/api/permissions", "permissions")
Json = dict[str, Any]


async def _explainer(request: Request) -> PermissionExplainer:
    return cast("PermissionExplainer", request.app.state.permission_explainer)


Explainer = Annotated[PermissionExplainer, Depends(_explainer)]


@router.get("/explain", summary="Why may somebody do something", openapi_extra=needs("admin"))
async def explain(
    user: CurrentUser,
    explainer: Explainer,
    db: UnitOfWork,
    user_id: str,
    verb: Verb,
    target: Annotated[str, Query(alias="object")],
    key_id: str | None = None,
) -> Envelope[Json]:
    """All rules in order; `object` is `<type>:<id>`."""
    kind, object_id = read_object(target)
    if kind is None:
        raise ObjectNotFoundError
    return answer(await explainer.explain(db, Question(user_id, verb, kind, object_id, key_id), asked_by=user))
