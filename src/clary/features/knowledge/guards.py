"""The services of this slice, as types in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.knowledge.service import DocumentService, DocumentUploads, KnowledgeAccess


async def _documents(request: Request) -> DocumentService:
    return request.app.state.knowledge_documents


async def _uploads(request: Request) -> DocumentUploads:
    return request.app.state.knowledge_uploads


async def _access(request: Request) -> KnowledgeAccess:
    return request.app.state.knowledge_access


Access = Annotated[KnowledgeAccess, Depends(_access)]
Documents = Annotated[DocumentService, Depends(_documents)]
Uploads = Annotated[DocumentUploads, Depends(_uploads)]
