"""The probes as the port of the providers' slice: from snapshot to call, from outcome to port shape."""

import aiohttp

from clary.adapters.model_api.config import ModelApiConfig
from clary.adapters.model_api.probes import verify_connection, verify_image, verify_schema
from clary.features.llm_providers.ports import ConnectionProbe, ImageProbe, ProviderSnapshot, StructuredProbe


class ModelApiProbe:
    """`ProviderProbe` over one guarded client session, which stays the caller's."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session

    async def verify_connection(self, provider: ProviderSnapshot) -> ConnectionProbe:
        """See `ProviderProbe.verify_connection`."""
        found = await verify_connection(_config(provider), self._session)
        return ConnectionProbe(found.response, found.latency_ms, found.usage, found.failure)

    async def verify_image(self, provider: ProviderSnapshot) -> ImageProbe:
        """See `ProviderProbe.verify_image`."""
        found = await verify_image(_config(provider), self._session)
        return ImageProbe(found.recognized, found.response, found.usage, found.failure)

    async def verify_structured(self, provider: ProviderSnapshot) -> StructuredProbe:
        """See `ProviderProbe.verify_structured`."""
        found = await verify_schema(_config(provider), self._session)
        return StructuredProbe(found.response, found.parsed if found.supported else None, found.usage, found.failure)


def _config(provider: ProviderSnapshot) -> ModelApiConfig:
    return ModelApiConfig(
        base_url=provider.base_url,
        api_key=provider.api_key,
        model=provider.model,
        thinking_style=provider.thinking_style,
    )
