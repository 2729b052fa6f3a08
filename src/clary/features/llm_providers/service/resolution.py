"""Which provider a run uses (platform.md 8.1)."""

from collections.abc import Callable, Collection
from typing import cast

from clary.db.session import Session
from clary.features.llm_providers.errors import NamedProviderNotFoundError, ProviderMissingError
from clary.features.llm_providers.policy import (
    DEMO_ID,
    DEMO_NAME,
    SYSTEM_DEFAULT_ID,
    SYSTEM_DEFAULT_NAME,
    default_snapshot,
    demo_snapshot,
    is_offered,
    is_provider_id,
)
from clary.features.llm_providers.ports import (
    DEFAULT_MAX_MODEL_LEN,
    DEFAULT_MAX_TOKENS,
    DefaultProvider,
    GroupMemberships,
    ProviderSnapshot,
    ThinkingStyle,
)
from clary.features.llm_providers.repository import ProviderRepository
from clary.features.llm_providers.service.vault import KeyVault
from clary.features.llm_providers.tables import LlmProviderRow
from clary.features.permissions.service import Target


class ProviderResolver:
    """Finds providers for use. A foreign id is like an unknown one; rights are looked at anew each time."""

    def __init__(
        self,
        *,
        vault: KeyVault,
        groups: GroupMemberships,
        default: DefaultProvider | None,
        demo_model: Callable[[], bool],
    ) -> None:
        self._vault = vault
        self._groups = groups
        self.default = default
        self.demo_model = demo_model

    async def resolve(
        self,
        session: Session,
        *,
        user_id: str,
        requested_id: str | None = None,
        agent_provider_id: str | None = None,
        agent_owner_id: str | None = None,
    ) -> ProviderSnapshot:
        """The provider of a run of this person: request's, agent's, else the default order of platform.md 8.1.

        The agent's provider counts if it belongs to the agent's owner, or is a system provider the person may use;
        one that is gone gives way to the default order. A requested one that cannot be used is a refusal.

        Raises:
            NamedProviderNotFoundError: `requested_id` is unknown, foreign or not offered to this person.
            ProviderMissingError: nothing is left, not even the demo model.
        """
        if requested_id:
            return await self.require_usable(session, user_id=user_id, provider_id=requested_id)
        if agent_provider_id:
            found = await self._find(session, agent_provider_id, user_id=user_id, owner_id=agent_owner_id or user_id)
            if found is not None:
                return found
        return await self._default_order(session, user_id=user_id)

    async def require_usable(self, session: Session, *, user_id: str, provider_id: str) -> ProviderSnapshot:
        """A provider that this person may name.

        Raises:
            NamedProviderNotFoundError: unknown, foreign, or a system row for other groups.
        """
        found = await self._find(session, provider_id, user_id=user_id, owner_id=user_id)
        if found is None:
            raise NamedProviderNotFoundError
        return found

    async def has_usable_provider(self, session: Session, *, user_id: str) -> bool:
        """Whether the person owns a provider or may use a system one; the demo model does not count."""
        if self.default is not None or await ProviderRepository(session).count_owned(user_id):
            return True
        return bool(await self.list_offered(session, user_id=user_id))

    async def list_offered(self, session: Session, *, user_id: str) -> list[LlmProviderRow]:
        """System rows this person may use, newest first."""
        rows = await ProviderRepository(session).list_system()
        if not rows:
            return []
        memberships = await self._groups.groups_of(session, user_id=user_id)
        return [row for row in rows if is_offered(row.group_ids, memberships)]

    async def is_offered_to(self, session: Session, row: LlmProviderRow, *, user_id: str) -> bool:
        """Whether a system row is for this person."""
        return is_offered(row.group_ids, await self._groups.groups_of(session, user_id=user_id))

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a provider: nobody but its owner may use its key."""
        if self.built_in(object_id) is not None:
            return Target("provider", object_id, is_system=True)
        row = await ProviderRepository(db).find(object_id) if is_provider_id(object_id) else None
        if row is None:
            return None
        if row.group_ids:
            return Target("provider", object_id, granted_groups=frozenset(row.group_ids))
        return Target("provider", object_id, row.owner_id, is_system=row.is_system)

    async def names_of(self, db: Session, *, provider_ids: Collection[str]) -> dict[str, str]:
        """Id → name, of those that exist, the built-in ones too."""
        rows = await ProviderRepository(db).list_by_ids([each for each in provider_ids if is_provider_id(each)])
        built_in = {SYSTEM_DEFAULT_ID: SYSTEM_DEFAULT_NAME, DEMO_ID: DEMO_NAME.render()}
        return built_in | {row.id: row.name for row in rows}

    def built_in(self, provider_id: str) -> ProviderSnapshot | None:
        """The provider behind one of the two fixed ids, if it is there."""
        if provider_id == SYSTEM_DEFAULT_ID and self.default is not None:
            return default_snapshot(self.default)
        if provider_id == DEMO_ID and self.demo_model():
            return demo_snapshot()
        return None

    async def _find(
        self, session: Session, provider_id: str, *, user_id: str, owner_id: str
    ) -> ProviderSnapshot | None:
        built_in = self.built_in(provider_id)
        if built_in is not None:
            return built_in
        if not is_provider_id(provider_id):
            return None
        row = await ProviderRepository(session).find_usable(provider_id, owner_id)
        if row is None or (row.is_system and not await self.is_offered_to(session, row, user_id=user_id)):
            return None
        return self.snapshot(row)

    async def _default_order(self, session: Session, *, user_id: str) -> ProviderSnapshot:
        own = await ProviderRepository(session).find_preferred(user_id)
        if own is not None:
            return self.snapshot(own)
        if self.default is not None:
            return default_snapshot(self.default)
        offered = await self.list_offered(session, user_id=user_id)
        if offered:
            return self.snapshot(offered[0])
        if self.demo_model():
            return demo_snapshot()
        raise ProviderMissingError

    def snapshot(self, row: LlmProviderRow) -> ProviderSnapshot:
        """A row as a run uses it, key opened, null lengths replaced by those of platform.md 8.1."""
        return ProviderSnapshot(
            id=row.id,
            kind="openai",
            owner_id=row.owner_id,
            name=row.name,
            base_url=row.base_url,
            api_key=self._vault.open(row),
            model=row.model,
            max_tokens=row.max_tokens or DEFAULT_MAX_TOKENS,
            max_model_len=row.max_model_len or DEFAULT_MAX_MODEL_LEN,
            temperature=row.temperature,
            top_p=row.top_p,
            presence_penalty=row.presence_penalty,
            supports_multimodal=row.supports_multimodal,
            supports_structured_output=row.supports_structured_output,
            thinking_style=cast("ThinkingStyle", row.thinking_style),
            prices=row.prices,
        )
