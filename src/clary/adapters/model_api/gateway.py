"""Gives a run the client of its provider: the demo script, or the OpenAI-compatible protocol behind the guard."""

import aiohttp

from clary.adapters.model_api import probes
from clary.adapters.model_api.client import OpenAiModelClient
from clary.adapters.model_api.config import ModelApiConfig, RetryPolicy
from clary.adapters.model_api.thinking import has_thinking_switch
from clary.features.llm_providers.ports import ConnectionProbe, ImageProbe, Meter, ProviderSnapshot, StructuredProbe
from clary.kit.safe_http import OutboundGuard
from clary.runtime.demo_model import DemoModel
from clary.runtime.model import ModelClient

BRIEF = RetryPolicy(attempts=2)
"""For calls that somebody waits for."""


class ModelApiGateway:
    """Implements chat's `ModelGateway`, agents' `DraftModels` and the providers' `ProviderProbe`.

    One guarded session serves all providers of this process.
    """

    def __init__(self, guard: OutboundGuard) -> None:
        self._guard = guard
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        """The shared session; made at first use, inside the loop that uses it."""
        if self._session is None:
            self._session = self._guard.session()
        return self._session

    async def close(self) -> None:
        """Closes every connection."""
        if self._session is not None:
            await self._session.close()

    def client(self, provider: ProviderSnapshot) -> ModelClient:
        """See the port."""
        if provider.kind == "demo":
            return DemoModel()
        return OpenAiModelClient(_config(provider), self.session)

    def brief_client(self, provider: ProviderSnapshot) -> ModelClient:
        """See agents' `DraftModels`."""
        if provider.kind == "demo":
            return DemoModel()
        return OpenAiModelClient(_config(provider), self.session, retry=BRIEF)

    def has_thinking_switch(self, provider: ProviderSnapshot) -> bool:
        """See the port."""
        if provider.kind == "demo":
            return False
        return has_thinking_switch(provider.thinking_style, _config(provider).host, provider.model)

    async def verify_connection(self, provider: ProviderSnapshot, meter: Meter) -> ConnectionProbe:
        """See `ProviderProbe`."""
        found = await probes.verify_connection(_config(provider), self.session, meter=meter)
        return ConnectionProbe(found.response, found.latency_ms, found.failure)

    async def verify_image(self, provider: ProviderSnapshot, meter: Meter) -> ImageProbe:
        """See `ProviderProbe`."""
        found = await probes.verify_image(_config(provider), self.session, meter=meter)
        return ImageProbe(found.recognized, found.response, found.failure)

    async def verify_structured(self, provider: ProviderSnapshot, meter: Meter) -> StructuredProbe:
        """See `ProviderProbe`."""
        found = await probes.verify_schema(_config(provider), self.session, meter=meter)
        return StructuredProbe(found.response, found.parsed, found.failure)


def _config(provider: ProviderSnapshot) -> ModelApiConfig:
    return ModelApiConfig(
        base_url=provider.base_url,
        api_key=provider.api_key,
        model=provider.model,
        thinking_style=provider.thinking_style,
        supports_structured_output=provider.supports_structured_output,
    )
