"""The services of this slice, as types in a route's signature."""

from typing import Annotated

from fastapi import Depends, Request

from clary.features.llm_providers.service import ProviderService, ProviderVerification


async def _providers(request: Request) -> ProviderService:
    return request.app.state.llm_providers


async def _verification(request: Request) -> ProviderVerification:
    return request.app.state.llm_provider_verification


Providers = Annotated[ProviderService, Depends(_providers)]
Verification = Annotated[ProviderVerification, Depends(_verification)]
