"""Who is calling, as a type in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.permissions.policy import Identity
from clary.http.problems import NotSignedInError


async def _require_identity(request: Request) -> Identity:
    identity = getattr(request.state, "identity", None)
    if identity is None:
        raise NotSignedInError
    return cast("Identity", identity)


async def _find_identity(request: Request) -> Identity | None:
    return cast("Identity | None", getattr(request.state, "identity", None))


CurrentUser = Annotated[Identity, Depends(_require_identity)]
"""The signed-in caller; scope and role were checked by the route's own terms before."""

MaybeUser = Annotated[Identity | None, Depends(_find_identity)]
"""The caller of a public route, if there is one."""
