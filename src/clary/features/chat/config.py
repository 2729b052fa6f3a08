"""What a run was resolved to at its start: an immutable snapshot kept, sealed, with the run (stream-runtime.md 9.1)."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

from clary.features.llm_providers.ports import ProviderSnapshot
from clary.kit import json_text
from clary.kit.text import Locale


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Enough to start a run, and to go on with it after a crash."""

    agent_id: str
    agent_name: str
    persona: str
    tools: tuple[str, ...]
    max_loop_count: int
    deep_thinking: bool | None
    thinking_level: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None
    provider: ProviderSnapshot
    fast_provider: ProviderSnapshot
    request_texts: tuple[str, ...]
    context_values: dict[str, Any]
    answer_language: str
    locale: Locale
    tool_progress: bool
    tool_call_deltas: bool
    accepts_images: bool
    interrupt_note: str | None
    budget: dict[str, Any]

    def to_json(self) -> str:
        """Text for sealing; holds provider keys."""
        return json_text.dumps_text(asdict(self))

    @staticmethod
    def from_json(text: str) -> "RunConfig":
        """The inverse of `to_json`."""
        raw: dict[str, Any] = json_text.loads(text)
        raw["provider"] = ProviderSnapshot(**raw["provider"])
        raw["fast_provider"] = ProviderSnapshot(**raw["fast_provider"])
        raw["tools"] = tuple(raw["tools"])
        raw["request_texts"] = tuple(raw["request_texts"])
        return RunConfig(**raw)
