"""`/api/llm-provider` (platform.md 8.2, 8.3)."""

from typing import Annotated

from fastapi import Query

from clary.features.llm_providers.guards import Providers, Verification
from clary.features.llm_providers.payloads import (
    Capabilities,
    DeletedProvider,
    ImageFailure,
    ImageOutcome,
    ProviderCreateRequest,
    ProviderResponse,
    ProviderUpdateRequest,
    VerifiedConnection,
    VerifyRequest,
)
from clary.features.permissions.guards import CurrentUser
from clary.http.access import needs
from clary.http.envelope import Envelope, answer
from clary.http.routing import slice_router
from clary.http.unit_of_work import ReadUnit, UnitOfWork
from clary.kit.text import Text

router = slice_router("/api/llm-provider", "llm-provider")

VERIFIED = Text("验证成功", "Verified")
RECOGNIZED = Text("多模态验证成功，模型正确识别了图片内容", "Image input works, the picture was recognised")
NOT_RECOGNIZED = Text("模型支持多模态但未能正确识别图片内容", "Image input is accepted, the picture was not recognised")
NO_IMAGES = Text("该模型不支持多模态", "This model does not support image input")
CAPABILITIES = Text("能力验证成功", "Capabilities verified")


@router.get("/list", summary="List providers", openapi_extra=needs("read"))
async def list_providers(
    user: CurrentUser,
    providers: Providers,
    db: ReadUnit,
    include: Annotated[str | None, Query()] = None,
    user_id: Annotated[str | None, Query()] = None,
) -> Envelope[list[ProviderResponse]]:
    """Own rows newest first; `include=system` adds what the server offers; `user_id` counts for admins only."""
    listed = await providers.list_providers(db, identity=user, include_system=include == "system", of_user_id=user_id)
    return answer(listed)


@router.post("/create", summary="Create a provider", openapi_extra=needs("write"))
async def create_provider(
    body: ProviderCreateRequest, user: CurrentUser, providers: Providers, db: UnitOfWork
) -> Envelope[ProviderResponse]:
    """Stores it without trying it; refusals: 422, `outbound_blocked`, `provider_limit`."""
    return answer(await providers.create(db, identity=user, wanted=body))


@router.put("/update/{provider_id}", summary="Change a provider", openapi_extra=needs("write"))
async def update_provider(
    provider_id: str, body: ProviderUpdateRequest, user: CurrentUser, providers: Providers, db: UnitOfWork
) -> Envelope[ProviderResponse]:
    """Absent keeps, null clears the optional numbers and prices; a mask keeps the key."""
    return answer(await providers.update(db, identity=user, provider_id=provider_id, changes=body))


@router.delete("/delete/{provider_id}", summary="Delete a provider", openapi_extra=needs("write"))
async def delete_provider(
    provider_id: str, user: CurrentUser, providers: Providers, db: UnitOfWork
) -> Envelope[DeletedProvider]:
    """Refusals in this order: `provider_not_found`, `provider_is_default`, `provider_is_system`."""
    return answer(await providers.delete(db, identity=user, provider_id=provider_id))


@router.post("/verify", summary="Try a provider", openapi_extra=needs("write"))
async def verify_provider(
    body: VerifyRequest, user: CurrentUser, verification: Verification
) -> Envelope[VerifiedConnection]:
    """One small real call; `verify_failed` carries the kind of failure as its slug."""
    return answer(await verification.verify(identity=user, wanted=body), VERIFIED)


@router.post("/verify-multimodal", summary="Try image input", openapi_extra=needs("write"))
async def verify_multimodal(
    body: VerifyRequest, user: CurrentUser, verification: Verification
) -> Envelope[ImageOutcome | ImageFailure]:
    """Code 200 whatever the model does; `recognized` says whether it saw the red picture."""
    outcome = await verification.verify_multimodal(identity=user, wanted=body)
    if isinstance(outcome, ImageFailure):
        return answer(outcome, NO_IMAGES)
    return answer(outcome, RECOGNIZED if outcome.recognized else NOT_RECOGNIZED)


@router.post(
    "/verify-capabilities",
    summary="Try everything",
    openapi_extra=needs("write"),
    response_model_exclude_none=True,
)
async def verify_capabilities(
    body: VerifyRequest, user: CurrentUser, verification: Verification
) -> Envelope[Capabilities]:
    """Connection, image input and JSON-schema answers."""
    return answer(await verification.verify_capabilities(identity=user, wanted=body), CAPABILITIES)


@router.post(
    "/verify-capabilities/{provider_id}",
    summary="Try everything on a stored provider",
    openapi_extra=needs("write"),
    response_model_exclude_none=True,
)
async def verify_stored_capabilities(
    provider_id: str, body: ProviderUpdateRequest, user: CurrentUser, verification: Verification
) -> Envelope[Capabilities]:
    """The stored row with the body laid over it; nothing is saved."""
    capabilities = await verification.verify_stored(identity=user, provider_id=provider_id, changes=body)
    return answer(capabilities, CAPABILITIES)
