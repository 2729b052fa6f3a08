"""Knowledge bases for tests of runs: rows that say whose they are, and a search that finds by the words of a query."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from clary.features.knowledge.ports import Payer
from clary.features.knowledge.service import GivenPassage, KnowledgeBase
from clary.features.knowledge.tables import KnowledgeBaseRow, KnowledgeDocumentRow
from features.chat.world import Chat, Json, Lines, Speaker

TOOL = "search_knowledge_base"


@dataclass
class Shelf:
    """Implements `PassageSearch`: every passage with a word of the query in it, in the order they were put in."""

    passages: list[GivenPassage] = field(default_factory=list[GivenPassage])
    asked: list[tuple[list[str], str, int]] = field(default_factory=list[tuple[list[str], str, int]])
    warnings: Sequence[str] = ()
    failure: Exception | None = None

    async def find(
        self, bases: Sequence[KnowledgeBase], *, query: str, top_k: int, payer: Payer
    ) -> tuple[Sequence[GivenPassage], Sequence[str]]:
        """See the port."""
        self.asked.append(([base.id for base in bases], query, top_k))
        if self.failure is not None:
            raise self.failure
        ids = {base.id for base in bases}
        found = [p for p in self.passages if p.kdb_id in ids and any(word in p.text for word in query.split())]
        return found[:top_k], self.warnings


class Library:
    """The bases of a house."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat
        self.shelf = Shelf()
        self._count = 0
        chat.house.services.knowledge.for_runs.passages = self.shelf

    async def base(self, owner: Speaker, name: str, *texts: str, intro: str = "") -> str:
        """A base with one document that has a passage per text; returns its id."""
        self._count += 1
        kdb_id = f"{self._count:032x}"
        now = self._chat.house.clock.now()
        async with self._chat.house.services.database.write() as db:
            db.add(
                KnowledgeBaseRow(
                    id=kdb_id,
                    owner_id=owner.user_id,
                    name=name,
                    type="document",
                    intro=intro,
                    index_name=f"kdb_{kdb_id}",
                    settings={},
                    index_version=1,
                    change_number=0,
                    warning=None,
                    queried_at=None,
                    created_at=now,
                    updated_at=now,
                )
            )
            await db.flush()
            db.add(_document(kdb_id, owner.user_id, f"{name}.md", now))
        at = 0
        for number, text in enumerate(texts, 1):
            passage_id = f"{name}-{number}"
            self.shelf.passages.append(
                GivenPassage(kdb_id, doc_of(kdb_id), passage_id, f"{name}.md", text, 0.5, at, at + len(text), 1, ["A"])
            )
            at += len(text)
        return kdb_id

    async def grant(self, kdb_id: str, *people: Speaker) -> None:
        """Makes these people the only ones who may read a base beside its owner."""
        services = self._chat.house.services
        async with services.database.write() as db:
            await services.identity.grants.replace(
                db,
                object_type="kdb",
                object_id=kdb_id,
                kind="user",
                grantee_ids=[each.user_id for each in people],
                granted_by="somebody",
            )

    async def remove_document(self, kdb_id: str) -> None:
        """Takes the document of a base away."""
        async with self._chat.house.services.database.write() as db:
            row = await db.get(KnowledgeDocumentRow, doc_of(kdb_id))
            await db.delete(row)


def doc_of(kdb_id: str) -> str:
    """The document of a base."""
    return "d" + kdb_id[1:]


def _document(kdb_id: str, owner_id: str, name: str, now: Any) -> KnowledgeDocumentRow:
    return KnowledgeDocumentRow(
        id=doc_of(kdb_id),
        kdb_id=kdb_id,
        owner_id=owner_id,
        task_id="t",
        place=0,
        name=name,
        extension="md",
        size=1,
        file_key=None,
        replaces_id=None,
        status=2,
        outcome="ok",
        error_kind=None,
        progress=100,
        attempts=1,
        losses=0,
        generation=1,
        due_at=0.0,
        lease_owner=None,
        lease_expires_at=None,
        text_ready=True,
        passages=1,
        pages=None,
        vectors="none",
        details={},
        created_at=now,
        updated_at=now,
    )


def results(lines: Lines, session: str | None = None) -> list[Any]:
    """What the search gave, call by call."""
    calls = {c["id"] for line in lines for c in line.get("tool_calls", ()) if c["function"]["name"] == TOOL}
    return [
        line["content"]
        for line in lines
        if line.get("tool_call_id") in calls and (session is None or line["session_id"] == session)
    ]


def refs(result: Json) -> list[int]:
    """The numbers in a result."""
    return [item["ref"] for item in result["search_results"]]
