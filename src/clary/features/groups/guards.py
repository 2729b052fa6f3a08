"""The service of this slice, as a type in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.groups.service import GroupService


async def _groups(request: Request) -> GroupService:
    return request.app.state.groups


Groups = Annotated[GroupService, Depends(_groups)]
