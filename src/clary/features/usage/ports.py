"""What the slice says to its callers, and what it needs from slices above and beside it."""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from clary.db.session import Session
from clary.features.permissions.service import Identity

Json = dict[str, Any]
Scope = Literal["server", "default_user", "user", "group", "key", "agent"]
"""Whose calls a budget counts (platform.md 14.3)."""


class UnitPrice(Protocol):
    """What a model costs at most, in the server's currency (platform.md 8.4, 14.3)."""

    @property
    def token(self) -> Decimal:
        """One token at its dearest."""
        ...

    @property
    def call(self) -> Decimal:
        """Each call."""
        ...


@dataclass(frozen=True, slots=True)
class PlannedCall:
    """A model call before it is made: whose it is, and how much it may use.

    `agent_id`: the agent of the root run. `key_id`: the key the run was started with. `price` None: unpriced.
    `input_tokens` is an estimate, `max_tokens` what the output may have at most.
    """

    user_id: str
    provider_id: str
    model: str
    price: UnitPrice | None
    input_tokens: int = 0
    max_tokens: int = 0
    request_source: str = "other"
    step_name: str = "direct_execution"
    key_id: str | None = None
    client_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    root_run_id: str | None = None


class Reservation(NamedTuple):
    """Leave to make a call. `id` None: no budget counts, nothing was written. `max_tokens` is all the call may ask."""

    id: str | None
    max_tokens: int


class Holder(NamedTuple):
    """Something that can have a budget. `owner_id`: whose it is, empty for nobody's."""

    label: str
    owner_id: str
    budget: Json | None


class BudgetedObjects(Protocol):
    """The objects of one scope, which carry their own budgets: here and there it is the same one."""

    async def list_budgeted(self, db: Session) -> Collection[str]:
        """Ids of those that have a budget."""
        ...

    async def list_binding(self, db: Session, *, identity: Identity) -> Collection[str]:
        """Ids of those whose budgets, if they have some, may bind calls of the caller."""
        ...

    async def find_holders(self, db: Session, *, ids: Collection[str]) -> Mapping[str, Holder]:
        """Those of these objects that exist, by id."""
        ...

    async def save_budget(self, db: Session, *, identity: Identity, object_id: str, budget: Json | None) -> Json | None:
        """Replaces the budget (None: takes it away) and returns it as kept.

        Raises:
            BudgetNotFoundError: unknown, or not to be seen. RoleMissingError: seen, but not the caller's to change.
        """
        ...

    def watch(self, changed: Callable[[], None]) -> None:
        """Has this called whenever a change that may concern budgets has been committed."""
        ...


class GroupMembers(Protocol):
    """Who belongs to which groups now."""

    async def groups_of(self, session: Session, *, user_id: str) -> frozenset[str]:
        """Ids of the groups of a person."""
        ...

    async def members_of(self, db: Session, *, group_ids: Collection[str]) -> Mapping[str, Collection[str]]:
        """Group id → ids of its people; empty groups are left out."""
        ...


class GroupNames(Protocol):
    """Groups for reports."""

    async def groups_by_user(
        self, db: Session, *, user_ids: Collection[str]
    ) -> Mapping[str, Sequence[Mapping[str, Any]]]:
        """User id → groups as `{id, name}`; people without a group are left out."""
        ...

    async def names_of(self, db: Session, *, group_ids: Collection[str]) -> Mapping[str, str]:
        """Id → name, of those that exist."""
        ...


class ProviderNames(Protocol):
    """Providers for reports."""

    async def names_of(self, db: Session, *, provider_ids: Collection[str]) -> Mapping[str, str]:
        """Id → name, of those that exist."""
        ...


class CurrencyRates(Protocol):
    """Money of other currencies (platform.md 8.4)."""

    @property
    def currency(self) -> str:
        """The server's."""
        ...

    def converted(self, budget: Json) -> Json:
        """A budget in the server's currency.

        Raises:
            ValidationFailedError: nobody gave a rate for its currency.
        """
        ...
