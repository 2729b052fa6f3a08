"""The services of this slice, as types in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.knowledge.service import (
    BaseSharing,
    DocumentService,
    DocumentUploads,
    KnowledgeAccess,
    KnowledgeBases,
    QuestionSets,
    Retriever,
)


async def _documents(request: Request) -> DocumentService:
    return request.app.state.knowledge_documents


async def _uploads(request: Request) -> DocumentUploads:
    return request.app.state.knowledge_uploads


async def _access(request: Request) -> KnowledgeAccess:
    return request.app.state.knowledge_access


async def _bases(request: Request) -> KnowledgeBases:
    return request.app.state.knowledge_bases


async def _sharing(request: Request) -> BaseSharing:
    return request.app.state.knowledge_sharing


async def _questions(request: Request) -> QuestionSets:
    return request.app.state.knowledge_questions


async def _retrieval(request: Request) -> Retriever:
    return request.app.state.knowledge_retrieval


Retrieval = Annotated[Retriever, Depends(_retrieval)]
Bases = Annotated[KnowledgeBases, Depends(_bases)]
Sharing = Annotated[BaseSharing, Depends(_sharing)]
Questions = Annotated[QuestionSets, Depends(_questions)]
Access = Annotated[KnowledgeAccess, Depends(_access)]
Documents = Annotated[DocumentService, Depends(_documents)]
Uploads = Annotated[DocumentUploads, Depends(_uploads)]
