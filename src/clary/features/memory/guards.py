"""The service of this slice, as a type in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.memory.service import MemoryService


async def _memory(request: Request) -> MemoryService:
    return request.app.state.memory


Memory = Annotated[MemoryService, Depends(_memory)]
