"""What chat needs from the world."""

from typing import Protocol

from clary.features.llm_providers.ports import ProviderSnapshot
from clary.runtime.model import ModelClient


class ModelGateway(Protocol):
    """Turns a provider into a model that can be called."""

    def client(self, provider: ProviderSnapshot) -> ModelClient:
        """A client for one run."""
        ...

    def has_thinking_switch(self, provider: ProviderSnapshot) -> bool:
        """Whether thinking can be asked for by a parameter (stream-runtime.md 9.10)."""
        ...
