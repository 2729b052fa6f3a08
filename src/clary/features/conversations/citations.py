"""What the answers of a conversation cite (product.md 5.10)."""

from typing import Any

from clary.db.database import Database
from clary.features.conversations.ports import CitedDocuments
from clary.features.conversations.repository.citations import Citation, CitationRepository
from clary.features.conversations.service import ConversationService
from clary.features.permissions.service import Identity

OF_SOURCE = ("kdb_id", "doc_id", "doc_segment_id", "title", "page", "start", "end")


class CitationService:
    """Reads citations. Opening one is a matter of the reader's present rights to the document."""

    def __init__(self, *, database: Database, conversations: ConversationService, documents: CitedDocuments) -> None:
        self._database = database
        self._conversations = conversations
        self._documents = documents

    async def list_citations(
        self, *, identity: Identity, session_id: str, user_id: str | None = None
    ) -> list[dict[str, Any]]:
        """Every marker in the answers of a conversation, in order of appearance.

        Raises:
            SessionNotFoundError, SessionAmbiguousError
        """
        async with self._database.read() as db:
            row = await self._conversations.get_accessible(
                db, session_id=session_id, identity=identity, user_id=user_id
            )
            citations = CitationRepository(db)
            root_id = await citations.find_root_id(row.conversation_id)
            found = await citations.list_citations(row.conversation_id, root_id)
            doc_ids = list({each.source.doc_id for each in found if each.source is not None})
            existing = await self._documents.find_existing(db, doc_ids)
        return [_item(each, existing) for each in found]


def _item(citation: Citation, existing: frozenset[str]) -> dict[str, Any]:
    marker, source = citation
    return {
        "message_id": marker.message_id,
        "run_id": marker.run_id,
        "n": marker.n,
        "valid": source is not None,
        **{name: None if source is None else getattr(source, name) for name in OF_SOURCE},
        "deleted": source is not None and source.doc_id not in existing,
    }
