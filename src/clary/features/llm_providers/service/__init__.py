"""The door of the slice: rows of providers, which one a run uses, verification."""

from clary.features.llm_providers.payloads import normal_address
from clary.features.llm_providers.policy import default_snapshot
from clary.features.llm_providers.ports import DefaultProvider, ProviderSnapshot
from clary.features.llm_providers.service.leaving import ProviderLeaving
from clary.features.llm_providers.service.money import Money
from clary.features.llm_providers.service.providers import ProviderService
from clary.features.llm_providers.service.resolution import ProviderResolver
from clary.features.llm_providers.service.vault import KeyVault
from clary.features.llm_providers.service.verification import ProviderVerification

__all__ = [
    "DefaultProvider",
    "KeyVault",
    "Money",
    "ProviderLeaving",
    "ProviderResolver",
    "ProviderService",
    "ProviderSnapshot",
    "ProviderVerification",
    "default_snapshot",
    "normal_address",
]
