"""Provider objects of the API (platform.md 8.1), from rows and from what is built in."""

from typing import Literal, cast

from clary.features.llm_providers.payloads import ProviderResponse
from clary.features.llm_providers.policy import DEMO_ID, DEMO_MODEL, DEMO_NAME, SYSTEM_DEFAULT_ID, SYSTEM_DEFAULT_NAME
from clary.features.llm_providers.ports import DEFAULT_MAX_MODEL_LEN, DEFAULT_MAX_TOKENS, DefaultProvider
from clary.features.llm_providers.tables import LlmProviderRow
from clary.features.permissions.service import Identity, decide
from clary.kit.clock import wire_time
from clary.kit.text import mask_secret


def describe_row(row: LlmProviderRow, *, mask: str, identity: Identity) -> ProviderResponse:
    """A stored row as the caller sees it; which groups a system row is for is the admins' business."""
    access = decide(identity, "read", owner_id=row.owner_id, is_system=row.is_system).rule
    return ProviderResponse(
        id=row.id,
        provider_id=row.id,
        user_id=row.owner_id,
        name=row.name,
        base_url=row.base_url,
        api_keys=[mask],
        model=row.model,
        max_tokens=row.max_tokens,
        max_model_len=row.max_model_len,
        temperature=row.temperature,
        top_p=row.top_p,
        presence_penalty=row.presence_penalty,
        supports_multimodal=row.supports_multimodal,
        supports_structured_output=row.supports_structured_output,
        thinking_style=row.thinking_style,
        prices=row.prices,
        is_default=row.is_default,
        is_system=row.is_system,
        group_ids=row.group_ids if identity.is_admin else [],
        access=cast("Literal['owner', 'admin', 'system']", access),
        created_at=wire_time(row.created_at),
        updated_at=wire_time(row.updated_at),
    )


def describe_default(default: DefaultProvider) -> ProviderResponse:
    """The environment's provider."""
    return _built_in(
        SYSTEM_DEFAULT_ID,
        name=SYSTEM_DEFAULT_NAME,
        base_url=default.base_url.rstrip("/"),
        api_keys=[mask_secret(default.api_key)],
        model=default.model,
        max_tokens=default.max_tokens,
        max_model_len=default.max_model_len,
        temperature=default.temperature,
        top_p=default.top_p,
        presence_penalty=default.presence_penalty,
        supports_multimodal=default.supports_multimodal,
        prices=default.prices,
        is_default=True,
    )


def describe_demo() -> ProviderResponse:
    """The scripted model (platform.md 8.5)."""
    return _built_in(
        DEMO_ID,
        name=DEMO_NAME.render(),
        base_url="",
        api_keys=[],
        model=DEMO_MODEL,
        max_tokens=DEFAULT_MAX_TOKENS,
        max_model_len=DEFAULT_MAX_MODEL_LEN,
        temperature=None,
        top_p=None,
        presence_penalty=None,
        supports_multimodal=False,
        prices=None,
        is_default=False,
    )


def _built_in(provider_id: str, **fields: object) -> ProviderResponse:
    return ProviderResponse.model_validate(
        {
            "id": provider_id,
            "provider_id": provider_id,
            "user_id": "",
            "supports_structured_output": False,
            "thinking_style": "auto",
            "is_system": True,
            "group_ids": [],
            "access": "system",
            "created_at": None,
            "updated_at": None,
            **fields,
        }
    )
