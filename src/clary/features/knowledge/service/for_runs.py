"""Knowledge in runs and for tools: which bases somebody's run may search, looked at anew at each search.

A run may search what its person can read, and what the agent names if it belongs to the agent's owner (contract product
3.3). What the owner only holds by a grant needs the person's own grant too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Protocol

from clary.db.database import Database
from clary.db.session import Session
from clary.features.groups.service import GroupMemberships
from clary.features.knowledge.errors import KdbNotFoundError
from clary.features.knowledge.policy.questions import Question
from clary.features.knowledge.ports import Payer
from clary.features.knowledge.repository.documents import DocumentRepository
from clary.features.knowledge.service.access import KnowledgeAccess, KnowledgeBase
from clary.features.knowledge.service.retrieving import Retriever
from clary.features.permissions.service import Identity


@dataclass(frozen=True, slots=True)
class RunBase:
    """A base as a run was given it. `lent_by`: owner of the agent that names it; empty: by the person's own right."""

    id: str
    name: str
    intro: str
    lent_by: str = ""


class GivenPassage(NamedTuple):
    """A passage that answers a question; `[start, end)` in characters of the document's text."""

    kdb_id: str
    doc_id: str
    doc_segment_id: str
    title: str
    text: str
    score: float
    start: int
    end: int
    page: int | None
    heading_path: Sequence[str] | None


class GivenPassages(NamedTuple):
    """Best first. `bases`: id → name of those that were searched."""

    passages: Sequence[GivenPassage]
    bases: dict[str, str]
    warnings: Sequence[str] = ()


class PassageSearch(Protocol):
    """Finds passages in bases that may be searched; asks nobody again whether they may."""

    async def find(
        self, bases: Sequence[KnowledgeBase], *, query: str, top_k: int, payer: Payer
    ) -> tuple[Sequence[GivenPassage], Sequence[str]]:
        """(passages best first, warnings); models are asked on the books of `payer`.

        Raises:
            KdbNotFoundError: one is gone. QueryEmptyError, RetrievalTimeoutError
        """
        ...


class RunPassages:
    """Implements `PassageSearch` on the search that people use."""

    def __init__(self, retriever: Retriever) -> None:
        self._retriever = retriever

    async def find(
        self, bases: Sequence[KnowledgeBase], *, query: str, top_k: int, payer: Payer
    ) -> tuple[Sequence[GivenPassage], Sequence[str]]:
        """See the port."""
        question = Question(query, top_k=top_k)
        answer = await self._retriever.search(bases, question=question, asker=payer.user_id, payer=payer)
        return [_passage(each) for each in answer.results], answer.warnings


class RunKnowledge:
    """See the module. `passages` does the searching."""

    def __init__(
        self, *, database: Database, access: KnowledgeAccess, groups: GroupMemberships, passages: PassageSearch
    ) -> None:
        self.passages = passages
        self._database = database
        self._access = access
        self._groups = groups

    async def find_readable(self, session: Session, *, owner_id: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that this person owns or was granted; fills `KnowledgeBases` of agents."""
        identity = _person(owner_id, await self._groups.groups_of(session, user_id=owner_id))
        found = await self._access.find_many(session, identity=identity, kdb_ids=ids)
        return frozenset(base.id for base in found)

    async def resolve(
        self,
        db: Session,
        *,
        caller: Identity,
        agent_owner_id: str,
        agent_base_ids: Sequence[str],
        wanted_ids: Sequence[str],
    ) -> list[RunBase]:
        """Those of the wanted bases that a run of the caller may search, in that order."""
        named = set(agent_base_ids)
        wanted = [RunBase(each, "", "", agent_owner_id if each in named else "") for each in dict.fromkeys(wanted_ids)]
        usable, _ = await self._usable(db, caller, wanted)
        lent = {each.id: each.lent_by for each in wanted}
        return [RunBase(base.id, base.name, base.intro, lent[base.id]) for base in usable]

    async def search(
        self, *, caller: Identity, bases: Sequence[RunBase], query: str, top_k: int, payer: Payer
    ) -> GivenPassages:
        """Passages of those of the bases that may still be searched; none when there is none left.

        Raises:
            QueryEmptyError, RetrievalTimeoutError
        """
        async with self._database.read() as db:
            usable, by_role = await self._usable(db, caller, bases)
        await self._access.note_admin_reads(identity=caller, bases=by_role)
        return await self._found(payer, usable, query, top_k)

    async def search_own(self, *, caller: Identity, kdb_ids: Sequence[str], query: str, top_k: int) -> GivenPassages:
        """Passages of bases that the caller can read.

        Raises:
            KdbNotFoundError: one is unknown or foreign. QueryEmptyError, RetrievalTimeoutError
        """
        async with self._database.read() as db:
            wanted = [RunBase(each, "", "") for each in dict.fromkeys(kdb_ids)]
            readable, by_role = await self._usable(db, caller, wanted)
        if len(readable) < len(set(kdb_ids)):
            raise KdbNotFoundError
        await self._access.note_admin_reads(identity=caller, bases=by_role)
        return await self._found(Payer(caller.user_id, caller.key_id, caller.client_id), readable, query, top_k)

    async def find_existing(self, db: Session, doc_ids: Sequence[str]) -> frozenset[str]:
        """Those of the documents that are there still; whoever asks says nothing else of them."""
        return await DocumentRepository(db).find_existing(doc_ids)

    async def _found(self, payer: Payer, bases: Sequence[KnowledgeBase], query: str, top_k: int) -> GivenPassages:
        names = {base.id: base.name for base in bases}
        if not bases:
            return GivenPassages((), names)
        passages, warnings = await self.passages.find(bases, query=query, top_k=top_k, payer=payer)
        return GivenPassages(passages, names, warnings)

    async def _usable(
        self, db: Session, caller: Identity, wanted: Sequence[RunBase]
    ) -> tuple[list[KnowledgeBase], list[KnowledgeBase]]:
        """(those that may be searched, those among them that only an administrator may)."""
        caller = replace(caller, group_ids=await self._groups.groups_of(db, user_id=caller.user_id))
        ids = [each.id for each in wanted]
        own = await self._access.find_many(db, identity=replace(caller, role="user"), kdb_ids=ids)
        found = {base.id: base for base in own}
        for lender in {each.lent_by for each in wanted if each.lent_by}:
            lent = [each.id for each in wanted if each.lent_by == lender and each.id not in found]
            for base in await self._access.find_many(db, identity=_person(lender, frozenset()), kdb_ids=lent):
                if base.owner_id == lender:
                    found[base.id] = base
        by_role: list[KnowledgeBase] = []
        if caller.is_admin:
            rest = [each for each in ids if each not in found]
            by_role = await self._access.find_many(db, identity=caller, kdb_ids=rest)
            found |= {base.id: base for base in by_role}
        return [found[each.id] for each in wanted if each.id in found], by_role


def _person(user_id: str, group_ids: frozenset[str]) -> Identity:
    """Somebody by their own rights and those of their groups, whatever their role."""
    return Identity(user_id, "", "user", "system", group_ids=group_ids)


def _passage(result: Mapping[str, Any]) -> GivenPassage:
    return GivenPassage(
        kdb_id=result["kdb_id"],
        doc_id=result["doc_id"],
        doc_segment_id=result["doc_segment_id"],
        title=result["title"],
        text=result["doc_content"],
        score=result["score"],
        start=result["start"],
        end=result["end"],
        page=result["page"],
        heading_path=result["heading_path"],
    )
