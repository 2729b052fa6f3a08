"""Use cases of the providers page: list, create, change, delete."""

from collections.abc import Callable, Iterable
from typing import Any

from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.audit.service import changes as audited_changes
from clary.features.llm_providers.errors import (
    ProviderIsDefaultError,
    ProviderIsSystemError,
    ProviderKeyRequiredError,
    ProviderLimitError,
    ProviderNotFoundError,
)
from clary.features.llm_providers.payloads import (
    DeletedProvider,
    ProviderCreateRequest,
    ProviderResponse,
    ProviderUpdateRequest,
)
from clary.features.llm_providers.policy import MASK_MARK, MAX_OWN_ROWS, SYSTEM_DEFAULT_ID, is_provider_id, origin_of
from clary.features.llm_providers.ports import ProviderReferences
from clary.features.llm_providers.repository import ProviderRepository
from clary.features.llm_providers.service.describing import describe_default, describe_demo, describe_row
from clary.features.llm_providers.service.money import Money
from clary.features.llm_providers.service.resolution import ProviderResolver
from clary.features.llm_providers.service.vault import KeyVault
from clary.features.llm_providers.tables import LlmProviderRow
from clary.features.permissions.service import Identity, decide
from clary.http.problems import OutboundRefusedError, ValidationFailedError
from clary.kit.clock import Clock
from clary.kit.safe_http import OutboundBlockedError, OutboundGuard
from clary.kit.text import Text

MASKED_KEY = Text(
    "api_keys: 掩码与已保存的 API Key 不符，请填写完整的 API Key",
    "api_keys: the masked key is not the stored one, enter the whole API key",
)


class ProviderService:
    """Rows of providers."""

    def __init__(
        self,
        *,
        resolver: ProviderResolver,
        vault: KeyVault,
        guard: OutboundGuard,
        money: Money,
        references: ProviderReferences,
        audit: AuditLog,
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._resolver = resolver
        self._vault = vault
        self._guard = guard
        self._money = money
        self._references = references
        self._audit = audit
        self._clock = clock
        self._new_id = new_id

    async def list_providers(
        self, session: Session, *, identity: Identity, include_system: bool, of_user_id: str | None = None
    ) -> list[ProviderResponse]:
        """Own rows newest first (an admin may ask for somebody else's), then what the server offers to the caller."""
        whose = of_user_id if of_user_id and identity.is_admin else identity.user_id
        listed = self._describe_all(await ProviderRepository(session).list_owned(whose), identity)
        if not include_system:
            return listed
        if self._resolver.default is not None:
            listed.append(describe_default(self._resolver.default))
        listed += self._describe_all(await self._resolver.list_offered(session, user_id=identity.user_id), identity)
        if self._resolver.demo_model():
            listed.append(describe_demo())
        return listed

    async def create(self, session: Session, *, identity: Identity, wanted: ProviderCreateRequest) -> ProviderResponse:
        """Stores a new provider without trying it; it is never the default one at first.

        Raises:
            OutboundRefusedError, ValidationFailedError, ProviderLimitError
        """
        if MASK_MARK in wanted.api_key:
            raise ValidationFailedError(MASKED_KEY.render())
        self._require_allowed(wanted)
        is_system = identity.is_admin and _is_for_others(wanted)
        if not is_system and await ProviderRepository(session).count_owned(identity.user_id) >= MAX_OWN_ROWS:
            raise ProviderLimitError
        row = self._new_row(wanted, owner_id="" if is_system else identity.user_id)
        row.is_system = is_system
        row.group_ids = list(dict.fromkeys(wanted.group_ids)) if is_system else []
        ProviderRepository(session).add(row)
        await self._record(session, identity, "provider.created", row, {"name": row.name, "model": row.model})
        return self._describe(row, identity)

    async def update(
        self, session: Session, *, identity: Identity, provider_id: str, changes: ProviderUpdateRequest
    ) -> ProviderResponse:
        """Changes what was sent; running runs keep what they began with.

        Raises:
            ProviderNotFoundError, ProviderIsSystemError, ProviderKeyRequiredError, ValidationFailedError,
            OutboundRefusedError
        """
        row = await self.get_editable(session, identity=identity, provider_id=provider_id)
        new_key = self.new_key(row, changes)
        self._require_allowed(changes)
        before = _audited(row)
        if changes.base_url is not None:
            row.base_url = changes.base_url
        if new_key is not None:
            row.sealed_key = self._vault.seal(new_key, provider_id=row.id)
        for name, value in changes.plain_changes().items():
            setattr(row, name, value)
        if "prices" in changes.model_fields_set:
            row.prices = changes.prices.to_wire() if changes.prices else None
        if identity.is_admin:
            _offer(row, changes, acting_admin_id=identity.user_id)
        await self._mark_default(session, row, changes)
        row.updated_at = self._clock.now()
        detail = audited_changes(before, _audited(row))
        if new_key is not None:
            detail["api_key"] = "replaced"
        await self._record(session, identity, "provider.updated", row, detail)
        return self._describe(row, identity)

    async def delete(self, session: Session, *, identity: Identity, provider_id: str) -> DeletedProvider:
        """Removes a row and takes it out of the agents that name it.

        Raises:
            ProviderNotFoundError, ProviderIsDefaultError, ProviderIsSystemError
        """
        if provider_id == SYSTEM_DEFAULT_ID and self._resolver.default is not None:
            raise ProviderIsDefaultError
        row = await self._get_seen(session, identity=identity, provider_id=provider_id)
        if row.is_default:
            raise ProviderIsDefaultError
        _require_editable(row, identity)
        agent_ids = await self._references.forget_provider(session, provider_id=row.id)
        await ProviderRepository(session).remove(row)
        await self._record(session, identity, "provider.deleted", row, {"name": row.name})
        return DeletedProvider(provider_id=row.id, agents=agent_ids)

    async def get_editable(self, session: Session, *, identity: Identity, provider_id: str) -> LlmProviderRow:
        """A row the caller may change.

        Raises:
            ProviderNotFoundError, ProviderIsSystemError
        """
        row = await self._get_seen(session, identity=identity, provider_id=provider_id)
        _require_editable(row, identity)
        return row

    def new_key(self, row: LlmProviderRow, changes: ProviderUpdateRequest) -> str | None:
        """The key that was sent, or None where the stored one stays.

        Raises:
            ProviderKeyRequiredError: another origin without another key.
            ValidationFailedError: a mask that is not the row's own.
        """
        sent = changes.api_key
        if sent is not None and MASK_MARK in sent:
            if sent != self._vault.mask(row):
                raise ValidationFailedError(MASKED_KEY.render())
            sent = None
        moves = changes.base_url is not None and origin_of(changes.base_url) != origin_of(row.base_url)
        if moves and sent is None:
            raise ProviderKeyRequiredError
        return sent

    async def _get_seen(self, session: Session, *, identity: Identity, provider_id: str) -> LlmProviderRow:
        if self._resolver.built_in(provider_id) is not None:
            raise ProviderIsSystemError
        providers = ProviderRepository(session)
        row = await providers.find_seen(provider_id, identity) if is_provider_id(provider_id) else None
        if row is None:
            raise ProviderNotFoundError
        is_others = row.is_system and not identity.is_admin
        if is_others and not await self._resolver.is_offered_to(session, row, user_id=identity.user_id):
            raise ProviderNotFoundError
        return row

    async def _mark_default(self, session: Session, row: LlmProviderRow, changes: ProviderUpdateRequest) -> None:
        # A system row is nobody's default: the mark belongs to a person's own rows.
        if row.is_system:
            row.is_default = False
        elif "is_default" in changes.model_fields_set:
            row.is_default = changes.is_default
            if changes.is_default:
                await ProviderRepository(session).make_only_default(row)

    async def _record(
        self, session: Session, identity: Identity, action: str, row: LlmProviderRow, detail: dict[str, Any]
    ) -> None:
        target = AuditObject("provider", row.id, row.owner_id or None)
        await self._audit.record(session, Act(action, Actor.of(identity), target, detail=detail))

    def _require_allowed(self, body: ProviderCreateRequest | ProviderUpdateRequest) -> None:
        if body.prices is not None:
            self._money.require_rate(body.prices.currency)
        if body.base_url is not None:
            require_allowed_address(self._guard, body.base_url)

    def _new_row(self, wanted: ProviderCreateRequest, *, owner_id: str) -> LlmProviderRow:
        provider_id, now = self._new_id(), self._clock.now()
        return LlmProviderRow(
            id=provider_id,
            owner_id=owner_id,
            name=wanted.name_or_default(),
            base_url=wanted.base_url,
            sealed_key=self._vault.seal(wanted.api_key, provider_id=provider_id),
            model=wanted.model,
            max_tokens=wanted.max_tokens,
            max_model_len=wanted.max_model_len,
            temperature=wanted.temperature,
            top_p=wanted.top_p,
            presence_penalty=wanted.presence_penalty,
            supports_multimodal=wanted.supports_multimodal,
            supports_structured_output=wanted.supports_structured_output,
            thinking_style=wanted.thinking_style,
            prices=wanted.prices.to_wire() if wanted.prices else None,
            is_default=False,
            created_at=now,
            updated_at=now,
        )

    def _describe(self, row: LlmProviderRow, identity: Identity) -> ProviderResponse:
        return describe_row(row, mask=self._vault.mask(row), identity=identity)

    def _describe_all(self, rows: Iterable[LlmProviderRow], identity: Identity) -> list[ProviderResponse]:
        return [self._describe(row, identity) for row in rows]


def require_allowed_address(guard: OutboundGuard, url: str) -> None:
    """Refuses an address the outbound guard does not let through.

    Raises:
        OutboundRefusedError: see `OutboundGuard.check_url`.
    """
    try:
        guard.check_url(url)
    except OutboundBlockedError:
        raise OutboundRefusedError from None


def _require_editable(row: LlmProviderRow, identity: Identity) -> None:
    if not decide(identity, "write", owner_id=row.owner_id, is_system=row.is_system).allowed:
        raise ProviderIsSystemError


def _audited(row: LlmProviderRow) -> dict[str, Any]:
    """What the audit log says about a row: never the key."""
    named = ("name", "base_url", "model", "is_default", "is_system", "group_ids", "prices", "owner_id")
    return {name: getattr(row, name) for name in named}


def _is_for_others(body: ProviderCreateRequest | ProviderUpdateRequest) -> bool:
    return body.is_system or bool(body.group_ids)


def _offer(row: LlmProviderRow, changes: ProviderUpdateRequest, *, acting_admin_id: str) -> None:
    """Makes a row a system row or takes it back; it then belongs to the admin who took it."""
    sent = changes.model_fields_set
    if "group_ids" in sent:
        row.group_ids = list(dict.fromkeys(changes.group_ids))
    wants_system = changes.is_system if "is_system" in sent else row.is_system or bool(row.group_ids)
    if not wants_system:
        row.group_ids = []
    if wants_system and not row.is_system:
        row.owner_id = ""
    if row.is_system and not wants_system:
        row.owner_id = acting_admin_id
    row.is_system = wants_system
