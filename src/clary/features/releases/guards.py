"""The service of the slice, as a type in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.releases.service import ReleaseService


async def _releases(request: Request) -> ReleaseService:
    return cast("ReleaseService", request.app.state.releases)


Releases = Annotated[ReleaseService, Depends(_releases)]
