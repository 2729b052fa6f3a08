"""Budgets of agents, which are kept with them (product.md 3.1, platform.md 14.3)."""

from collections.abc import Callable, Collection, Mapping

from clary.db.session import Session
from clary.features.agents.errors import AgentForbiddenError, AgentNotFoundError
from clary.features.agents.policy import BUDGET_MEMBERS
from clary.features.agents.repository import AgentRepository, configuration_of
from clary.features.agents.service.agents import AgentService
from clary.features.permissions.service import Identity
from clary.features.usage.errors import BudgetNotFoundError
from clary.features.usage.ports import Holder, Json
from clary.http.problems import RoleMissingError


class AgentBudgets:
    """Fills `BudgetedObjects` of usage."""

    def __init__(self, agents: AgentService) -> None:
        self._agents = agents

    async def list_budgeted(self, db: Session) -> Collection[str]:
        """See the port."""
        return await AgentRepository(db).list_budgeted()

    async def list_binding(self, db: Session, *, identity: Identity) -> Collection[str]:
        """See the port: those that the caller may use, for admins too, and that have a budget."""
        return await AgentRepository(db).list_budgeted_within_reach(identity)

    async def find_holders(self, db: Session, *, ids: Collection[str]) -> Mapping[str, Holder]:
        """See the port."""
        rows = await AgentRepository(db).list_by_ids(ids)
        return {row.id: Holder(row.name, row.owner_id, configuration_of(row)["budget"]) for row in rows}

    async def save_budget(self, db: Session, *, identity: Identity, object_id: str, budget: Json | None) -> Json | None:
        """See the port; members that an agent's budget does not have are left out."""
        kept = None if budget is None else {name: budget.get(name) for name in BUDGET_MEMBERS}
        try:
            await self._agents.replace_budget(db, identity=identity, agent_id=object_id, budget=kept)
        except AgentNotFoundError:
            raise BudgetNotFoundError from None
        except AgentForbiddenError:
            raise RoleMissingError from None
        return kept

    def watch(self, changed: Callable[[], None]) -> None:
        """See the port."""
        self._agents.watch(changed)
