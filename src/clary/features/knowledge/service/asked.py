"""A question as it is answered: what was asked, what the bases add to it, what there is to say about it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple, Protocol

from clary.features.knowledge.policy.questions import Question
from clary.features.knowledge.policy.ranking import Evidence, Mode
from clary.features.knowledge.ports import Embedder, IndexKey, Payer, Reranker
from clary.features.knowledge.repository.findings import BaseNow
from clary.kit.text import Text

Json = dict[str, Any]
TOP_K: Final = 10
LEAST_DEPTH: Final = 150
"""How many passages each source gives, at least."""

NO_VECTORS = Text("该知识库没有向量，已使用全文检索", "There are no vectors here; full text was searched")
MODEL_DOWN = Text("向量模型暂不可用，已使用全文检索", "The embedding model is not available; full text was searched")
NONE_YET = Text("该知识库的向量尚未生成，已使用全文检索", "There are no vectors here yet; full text was searched")
RERANKER_DOWN = Text("重排模型暂不可用，已使用融合排序", "The reranker is not available; the fused order is shown")
RERANKERS_DIFFER = Text(
    "所选知识库的重排模型不同，已使用融合排序", "These bases have different rerankers; the fused order is shown"
)


class Answer(NamedTuple):
    """`results` as on the wire; `total`: how many passages were found in all, as far as anybody looked."""

    results: list[Json]
    total: int
    mode: Mode
    warnings: list[str]
    took_ms: int


class SearchedBase(Protocol):
    """What of a base a search has to know."""

    @property
    def id(self) -> str: ...
    @property
    def owner_id(self) -> str: ...
    @property
    def type(self) -> str: ...


@dataclass(slots=True)
class Source:
    """A base while it is asked. `vector`: of the question, by its model."""

    base: SearchedBase
    now: BaseNow
    embedder: Embedder | None = None
    vector: bytes | None = None

    @property
    def key(self) -> IndexKey:
        return IndexKey(self.base.id, self.now.version)


@dataclass(slots=True)
class Asked:
    """A question with everything that was left open filled in."""

    question: Question
    top_k: int
    mode: Mode
    min_score: float
    words: list[str]
    depth: int
    payer: Payer
    reranker: Reranker | None = None
    warnings: list[Text] = field(default_factory=list[Text])

    def settle_mode(self, evidence: Mapping[str, Evidence]) -> None:
        """Says so where words alone had to do, as nothing that could be found has a vector."""
        if self.mode == "lexical" or any(each.vectors or each.cosines for each in evidence.values()):
            return
        if any(each.words for each in evidence.values()):
            self.mode = "lexical"
            self.warn(NONE_YET)

    def warn(self, text: Text) -> None:
        if text not in self.warnings:
            self.warnings.append(text)


def fill(question: Question, sources: Sequence[Source], payer: Payer) -> Asked:
    """What the question leaves open is as the settings of a single base say."""
    defaults: Json = (sources[0].now.settings.get("retrieval") or {}) if len(sources) == 1 else {}
    top_k = question.top_k or defaults.get("top_k") or TOP_K
    mode: Mode = question.mode or defaults.get("mode") or "hybrid"
    least = question.min_score if question.min_score is not None else defaults.get("min_score") or 0.0
    return Asked(question, top_k, mode, float(least), [], max(LEAST_DEPTH, 3 * top_k), payer)
