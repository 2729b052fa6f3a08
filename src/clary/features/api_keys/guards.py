"""The service of the slice, as a type in a route's signature."""

from typing import Annotated, cast

from fastapi import Depends, Request

from clary.features.api_keys.service import ApiKeyService


async def _keys(request: Request) -> ApiKeyService:
    return cast("ApiKeyService", request.app.state.api_keys)


ApiKeys = Annotated[ApiKeyService, Depends(_keys)]
