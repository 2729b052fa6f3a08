"""The services of this slice, as types in a route's signature."""

from typing import Annotated, Any

from fastapi import Depends, Request

from clary.features.knowledge.service import KnowledgeAccess


def _published(name: str) -> Any:
    async def find(request: Request) -> Any:
        return getattr(request.app.state, name)

    return Depends(find)


Access = Annotated[KnowledgeAccess, _published("knowledge_access")]
