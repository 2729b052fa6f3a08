"""What chat needs from the world."""

from collections.abc import Callable, Sequence
from typing import Protocol

from clary.features.chat.config import Json, RunConfig
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.runtime.messages import ToolCall
from clary.runtime.model import ModelClient
from clary.streams.ports import Write

GuidanceTaker = Callable[[int, str], Write]
"""Work that removes a guidance item of a conversation when its line is written."""
Opening = Callable[[ToolCall], list[Write]]
"""Work that makes a call answerable, and commits with the line that shows it."""
ConfigKeeper = Callable[[RunConfig, Sequence[Json]], Write]
"""Work that stores the changed configuration of a run, and warnings that come with it."""


def opens_nothing(call: ToolCall) -> list[Write]:
    """No call waits for a person."""
    return []


class ModelGateway(Protocol):
    """Turns a provider into a model that can be called."""

    def client(self, provider: ProviderSnapshot) -> ModelClient:
        """A client for one run."""
        ...

    def has_thinking_switch(self, provider: ProviderSnapshot) -> bool:
        """Whether thinking can be asked for by a parameter (stream-runtime.md 9.10)."""
        ...
