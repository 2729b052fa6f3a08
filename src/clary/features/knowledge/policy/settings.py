"""`kdbSetting`: what people choose for a base, and what counts where they chose nothing (contract product 5.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from clary.features.knowledge.ports import ResolvedEmbedding

Json = dict[str, Any]

LANGUAGE = "zh-cn"
TARGET_CHARS, OVERLAP_CHARS = 800, 100
SERVER: Json = {"mode": "server"}
RETRIEVAL: Json = {"top_k": 10, "mode": "hybrid", "min_score": 0}


def merged(settings: Mapping[str, Any], changes: Mapping[str, Any]) -> Json:
    """The settings with changes, key by key at the top level; None removes a key."""
    whole = {**settings, **changes}
    return {key: value for key, value in whole.items() if value is not None}


def shown(settings: Mapping[str, Any]) -> Json:
    """The settings as people see them, with what counts in the place of what is missing. Unknown keys are kept."""
    attached: Json = settings.get("kdbAttach") or {}
    return {
        **settings,
        "kdbAttach": {**attached, "language": attached.get("language") or LANGUAGE},
        "embedding": embedding_of(settings),
        "reranker": reranker_of(settings),
        "chunk": chunk_of(settings),
        "retrieval": {**RETRIEVAL, **_present(settings.get("retrieval"))},
    }


def embedding_of(settings: Mapping[str, Any]) -> Json:
    """`{mode, provider_id?, model?, dims?}` as chosen."""
    return {**SERVER, **_present(settings.get("embedding"))}


def reranker_of(settings: Mapping[str, Any]) -> Json:
    """`{mode, provider_id?, model?}` as chosen."""
    return {**SERVER, **_present(settings.get("reranker"))}


def reranker_choice(settings: Mapping[str, Any], owner_id: str) -> tuple[str, ...]:
    """What two bases have in common when the same one judges their passages: a provider is one owner's choice."""
    chosen = reranker_of(settings)
    if chosen["mode"] != "provider":
        return (chosen["mode"],)
    return ("provider", owner_id, chosen.get("provider_id") or "", chosen.get("model") or "")


def chunk_of(settings: Mapping[str, Any]) -> dict[str, int]:
    """`{target_chars, overlap_chars}` as chosen."""
    chosen = _present(settings.get("chunk"))
    return {
        "target_chars": int(chosen.get("target_chars", TARGET_CHARS)),
        "overlap_chars": int(chosen.get("overlap_chars", OVERLAP_CHARS)),
    }


@dataclass(frozen=True, slots=True)
class IndexPlan:
    """How the passages of a version are cut, and what makes their vectors."""

    embedding: ResolvedEmbedding
    chunk: dict[str, int]

    def is_kept_by(self, embedding: Mapping[str, Any], chunk: Mapping[str, Any]) -> bool:
        """Whether a version has this already, so that nothing has to be built."""
        return ResolvedEmbedding.from_kept(embedding) == self.embedding and dict(chunk) == self.chunk


def _present(value: Any) -> Json:
    if not isinstance(value, dict):
        return {}
    return {key: each for key, each in cast("Json", value).items() if each is not None}
