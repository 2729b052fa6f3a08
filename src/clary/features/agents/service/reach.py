"""Which agents a person can name as sub-agents: own, granted and system ones that still exist (product.md 3.1)."""

from collections.abc import Sequence

from clary.db.session import Session
from clary.features.agents.policy import BUILT_IN_ID
from clary.features.agents.repository import AgentRepository
from clary.features.groups.service import GroupMemberships
from clary.features.permissions.service import Grants


class AgentReach:
    """Looks anew each time, so that a grant taken away counts at once."""

    def __init__(self, *, grants: Grants, groups: GroupMemberships) -> None:
        self._grants = grants
        self._groups = groups

    async def find_usable(self, session: Session, *, owner_id: str, agent_ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that this person owns or was granted, and the built-in agent. The empty id owns nothing."""
        usable = {each for each in agent_ids if each == BUILT_IN_ID}
        others = [each for each in agent_ids if each != BUILT_IN_ID]
        if not others or not owner_id:
            return frozenset(usable)
        owners = await AgentRepository(session).find_owners(others)
        usable.update(each for each, owner in owners.items() if owner == owner_id)
        if len(usable) < len(agent_ids):
            groups = await self._groups.groups_of(session, user_id=owner_id)
            granted = await self._grants.find_reachable(
                session, object_type="agent", user_id=owner_id, group_ids=groups
            )
            usable |= granted & owners.keys()
        return frozenset(usable)
