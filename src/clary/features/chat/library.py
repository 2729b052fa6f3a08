"""The knowledge bases of a run as a call of its tool finds them (stream-runtime.md 9.9; product.md 5.10)."""

from collections.abc import Sequence

from clary.features.chat.recording import RunRecorder
from clary.features.conversations.service import CitedPassage, SourceBook
from clary.features.knowledge.errors import KdbNotFoundError
from clary.features.knowledge.ports import Payer
from clary.features.knowledge.service import GivenPassages, RunBase, RunKnowledge
from clary.features.toolbox.service import knowledge_answer
from clary.runtime.tools import KnowledgeAnswer


class CallLibrary:
    """Implements `KnowledgeSearch` for one call. Searches what the run was given, by the rights of this moment."""

    def __init__(self, knowledge: RunKnowledge, sources: SourceBook, recorder: RunRecorder, call_id: str) -> None:
        self._knowledge = knowledge
        self._sources = sources
        self._recorder = recorder
        self._call_id = call_id

    async def search(self, query: str, kdb_ids: Sequence[str] | None, top_k: int) -> KnowledgeAnswer:
        """See `KnowledgeSearch.search`. What was withdrawn since the run began is not searched, without a word."""
        found = await self._knowledge.search(
            caller=self._recorder.config.caller.identity(frozenset()),
            bases=self._named(kdb_ids),
            query=query,
            top_k=top_k,
            payer=self._payer(),
        )
        return knowledge_answer(found, await self._numbered(found))

    def _payer(self) -> Payer:
        on = self._recorder.booking.on
        return Payer(
            on.user_id,
            key_id=on.key_id,
            client_id=on.client_id,
            agent_id=on.agent_id,
            session_id=on.session_id,
            run_id=on.run_id,
            root_run_id=on.root_run_id,
            request_source=on.endpoint,
        )

    def _named(self, kdb_ids: Sequence[str] | None) -> Sequence[RunBase]:
        bases = self._recorder.config.knowledge_bases
        if not kdb_ids:
            return bases
        named = [base for base in bases if base.id in kdb_ids]
        if len(named) < len(set(kdb_ids)):
            raise KdbNotFoundError
        return named

    async def _numbered(self, found: GivenPassages) -> Sequence[int]:
        if not found.passages:
            return ()
        passages = [
            CitedPassage(each.kdb_id, each.doc_id, each.doc_segment_id, each.title, each.page, each.start, each.end)
            for each in found.passages
        ]
        refs = await self._sources.number(self._recorder.place.root_conversation_id, passages)
        if refs is None:
            # The conversation was deleted under the run, which is being stopped.
            raise KdbNotFoundError
        self._recorder.citations.give(self._call_id, refs)
        return refs
