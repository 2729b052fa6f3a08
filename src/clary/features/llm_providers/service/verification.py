"""Trying a provider before or after it is saved (platform.md 8.3).

Nothing is stored but that somebody tried, and what each call used. No transaction is open while a provider is called:
keys are read, and the attempt is counted, in short ones before. Each call is metered, and so bound by budgets.
"""

import math
from collections.abc import Callable
from datetime import timedelta

from clary.db.database import Database
from clary.features.llm_providers.errors import VerifyFailedError
from clary.features.llm_providers.payloads import (
    Capabilities,
    ConnectionCapability,
    ImageCapability,
    ImageFailure,
    ImageOutcome,
    ProviderUpdateRequest,
    StructuredCapability,
    VerifiedConnection,
    VerifyRequest,
)
from clary.features.llm_providers.policy import MASK_MARK, VERIFICATIONS_PER_MINUTE, origin_of
from clary.features.llm_providers.ports import (
    CallOwner,
    ConnectionProbe,
    ImageProbe,
    Meter,
    Metering,
    ProviderProbe,
    ProviderSnapshot,
    StructuredProbe,
)
from clary.features.llm_providers.repository import ProviderRepository, VerificationRepository
from clary.features.llm_providers.service.providers import MASKED_KEY, ProviderService, require_allowed_address
from clary.features.llm_providers.service.resolution import ProviderResolver
from clary.features.llm_providers.service.vault import KeyVault
from clary.features.llm_providers.tables import LlmProviderVerificationRow
from clary.features.permissions.service import Identity
from clary.http.problems import ThrottledError, ValidationFailedError
from clary.kit.clock import Clock
from clary.kit.safe_http import OutboundGuard
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.model import FailureKind

WINDOW = timedelta(minutes=1)
STEP_NAME = "provider_verify"


class ProviderVerification:
    """Verifications of a person, at most 20 in a minute."""

    def __init__(
        self,
        *,
        database: Database,
        providers: ProviderService,
        resolver: ProviderResolver,
        vault: KeyVault,
        guard: OutboundGuard,
        probe: ProviderProbe,
        metering: Metering,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._database = database
        self._providers = providers
        self._resolver = resolver
        self._vault = vault
        self._guard = guard
        self._probe = probe
        self._metering = metering
        self._clock = clock
        self._new_id = new_id

    async def verify(self, *, identity: Identity, wanted: VerifyRequest) -> VerifiedConnection:
        """One small completion.

        Raises:
            VerifyFailedError, ValidationFailedError, OutboundRefusedError, ThrottledError, and what the meter refuses
        """
        provider = await self._prepare(identity, await self._from_body(identity, wanted))
        meter = self._meter(identity, provider)
        probe = await self._probe.verify_connection(provider, meter)
        if probe.failure is not None:
            raise VerifyFailedError(probe.failure)
        return VerifiedConnection(model=provider.model, latency_ms=probe.latency_ms)

    async def verify_multimodal(self, *, identity: Identity, wanted: VerifyRequest) -> ImageOutcome | ImageFailure:
        """Shows the model a picture; a call that fails is an answer, not a refusal.

        Raises:
            ValidationFailedError, OutboundRefusedError, ThrottledError
        """
        provider = await self._prepare(identity, await self._from_body(identity, wanted))
        meter = self._meter(identity, provider)
        probe = await self._probe.verify_image(provider, meter)
        if probe.failure is not None:
            return ImageFailure(error=KIND_TEXTS[probe.failure].render(), error_kind=probe.failure)
        return ImageOutcome(recognized=probe.recognized, response=probe.response)

    async def verify_capabilities(self, *, identity: Identity, wanted: VerifyRequest) -> Capabilities:
        """Connection, picture and JSON schema; only a failed connection is a refusal.

        Raises:
            VerifyFailedError, ValidationFailedError, OutboundRefusedError, ThrottledError, and what the meter refuses
        """
        return await self._capabilities(identity, await self._from_body(identity, wanted))

    async def verify_stored(
        self, *, identity: Identity, provider_id: str, changes: ProviderUpdateRequest
    ) -> Capabilities:
        """The same for a stored row with changes laid over it; the row stays as it is.

        Raises:
            ProviderNotFoundError, ProviderIsSystemError, ProviderKeyRequiredError, and as `verify_capabilities`
        """
        async with self._database.read() as session:
            row = await self._providers.get_editable(session, identity=identity, provider_id=provider_id)
            key = self._providers.new_key(row, changes) or self._vault.open(row)
            base_url, model = changes.base_url or row.base_url, changes.model or row.model
            style = changes.thinking_style if "thinking_style" in changes.model_fields_set else row.thinking_style
            prices = changes.prices if "prices" in changes.model_fields_set else row.prices
        body = {"base_url": base_url, "api_keys": [key], "model": model, "thinking_style": style, "prices": prices}
        return await self._capabilities(identity, _snapshot(VerifyRequest.model_validate(body), key, provider_id))

    async def _capabilities(self, identity: Identity, unchecked: ProviderSnapshot) -> Capabilities:
        provider = await self._prepare(identity, unchecked)
        meter = self._meter(identity, provider)
        connection = await self._probe.verify_connection(provider, meter)
        if connection.failure is not None:
            raise VerifyFailedError(connection.failure)
        image = await self._probe.verify_image(provider, meter)
        structured = await self._probe.verify_structured(provider, meter)
        return _as_capabilities(provider, connection, image, structured)

    async def _from_body(self, identity: Identity, wanted: VerifyRequest) -> ProviderSnapshot:
        if MASK_MARK not in wanted.api_key:
            return _snapshot(wanted, wanted.api_key)
        async with self._database.read() as session:
            rows = await ProviderRepository(session).list_owned(identity.user_id)
            for row in rows:
                # A mask stands for a key of the caller's own, and only where that key may go anyway.
                is_meant = wanted.provider_id in (None, row.id) and origin_of(row.base_url) == origin_of(
                    wanted.base_url
                )
                if is_meant and self._vault.mask(row) == wanted.api_key:
                    return _snapshot(wanted, self._vault.open(row), row.id)
        raise ValidationFailedError(MASKED_KEY.render())

    async def _prepare(self, identity: Identity, provider: ProviderSnapshot) -> ProviderSnapshot:
        await self._count(identity.user_id)
        require_allowed_address(self._guard, provider.base_url)
        return provider

    def _meter(self, identity: Identity, provider: ProviderSnapshot) -> Meter:
        owner = CallOwner(identity.user_id, STEP_NAME, key_id=identity.key_id, client_id=identity.client_id)
        return lambda client: self._metering.metered(client, provider, owner)

    async def _count(self, user_id: str) -> None:
        now = self._clock.now()
        async with self._database.write() as session:
            verifications = VerificationRepository(session)
            recent = await verifications.list_since(user_id, now - WINDOW)
            if len(recent) >= VERIFICATIONS_PER_MINUTE:
                free_at = recent[-VERIFICATIONS_PER_MINUTE] + WINDOW
                raise ThrottledError(max(1, math.ceil((free_at - now).total_seconds())))
            verifications.add(LlmProviderVerificationRow(id=self._new_id(), user_id=user_id, verified_at=now))


def _snapshot(wanted: VerifyRequest, key: str, provider_id: str = "") -> ProviderSnapshot:
    """What is tried; `provider_id` is that of the row whose key is used."""
    return ProviderSnapshot(
        id=provider_id,
        kind="openai",
        owner_id="",
        name=wanted.name_or_default(),
        base_url=wanted.base_url,
        api_key=key,
        model=wanted.model,
        thinking_style=wanted.thinking_style,
        prices=None if wanted.prices is None else wanted.prices.to_wire(),
    )


def _as_capabilities(
    provider: ProviderSnapshot, connection: ConnectionProbe, image: ImageProbe, structured: StructuredProbe
) -> Capabilities:
    is_structured = structured.parsed is not None
    return Capabilities(
        connection=ConnectionCapability(supported=True, response=connection.response),
        supports_multimodal=image.recognized,
        supports_structured_output=is_structured,
        multimodal=ImageCapability(
            supported=image.failure is None,
            recognized=image.recognized,
            response=image.response,
            error=_sentence(image.failure),
        ),
        structured_output=StructuredCapability(
            supported=is_structured,
            response=structured.response,
            parsed=structured.parsed,
            error=_sentence(structured.failure),
        ),
        model=provider.model,
        base_url=provider.base_url,
    )


def _sentence(failure: FailureKind | None) -> str | None:
    return None if failure is None else KIND_TEXTS[failure].render()
