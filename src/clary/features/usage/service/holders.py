"""Budgets of groups and keys, which are kept with them (platform.md 7.1, 7.2, 14.3)."""

from collections.abc import Callable, Collection, Mapping

from clary.db.session import Session
from clary.features.api_keys.errors import KeyNotFoundError
from clary.features.api_keys.service import ApiKeyService
from clary.features.groups.errors import GroupNotFoundError
from clary.features.groups.service import GroupService
from clary.features.permissions.service import Identity
from clary.features.usage.errors import BudgetNotFoundError
from clary.features.usage.ports import GroupMembers, Holder, Json


class GroupBudgets:
    """Fills `BudgetedObjects` for groups."""

    def __init__(self, groups: GroupService, members: GroupMembers) -> None:
        self._groups = groups
        self._members = members

    async def list_budgeted(self, db: Session) -> Collection[str]:
        """See the port."""
        return await self._groups.list_budgeted(db)

    async def list_binding(self, db: Session, *, identity: Identity) -> Collection[str]:
        """See the port."""
        return await self._members.groups_of(db, user_id=identity.user_id)

    async def find_holders(self, db: Session, *, ids: Collection[str]) -> Mapping[str, Holder]:
        """See the port."""
        return {each.id: Holder(each.name, "", each.budget) for each in await self._groups.list_by_ids(db, ids=ids)}

    async def save_budget(self, db: Session, *, identity: Identity, object_id: str, budget: Json | None) -> Json | None:
        """See the port."""
        try:
            saved = await self._groups.update(db, identity=identity, group_id=object_id, fields={"budget": budget})
        except GroupNotFoundError:
            raise BudgetNotFoundError from None
        return saved["budget"]

    def watch(self, changed: Callable[[], None]) -> None:
        """See the port."""
        self._groups.watch(changed)


class KeyBudgets:
    """Fills `BudgetedObjects` for API keys; only their owner changes them."""

    def __init__(self, keys: ApiKeyService) -> None:
        self._keys = keys

    async def list_budgeted(self, db: Session) -> Collection[str]:
        """See the port."""
        return await self._keys.list_budgeted(db)

    async def list_binding(self, db: Session, *, identity: Identity) -> Collection[str]:
        """See the port."""
        return [identity.key_id] if identity.key_id else []

    async def find_holders(self, db: Session, *, ids: Collection[str]) -> Mapping[str, Holder]:
        """See the port."""
        return {
            each.id: Holder(each.name, each.user_id, each.budget) for each in await self._keys.list_by_ids(db, ids=ids)
        }

    async def save_budget(self, db: Session, *, identity: Identity, object_id: str, budget: Json | None) -> Json | None:
        """See the port."""
        try:
            saved = await self._keys.update(db, identity=identity, key_id=object_id, fields={"budget": budget})
        except KeyNotFoundError:
            raise BudgetNotFoundError from None
        return saved["budget"]

    def watch(self, changed: Callable[[], None]) -> None:
        """See the port."""
        self._keys.watch(changed)
