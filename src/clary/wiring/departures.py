"""Who keeps things for users, in the order in which they are asked when one is deleted."""

from collections.abc import Sequence

from clary.db.database import Database
from clary.features.accounts.ports import Heir, OwnedThings
from clary.features.agents.service import AgentLeaving, AgentReferences, AgentThings
from clary.features.conversations.leaving import ConversationLeaving
from clary.features.conversations.ports import SessionWorkspaces
from clary.features.conversations.service import ConversationService
from clary.features.llm_providers.service import ProviderLeaving
from clary.features.permissions.service import Grants
from clary.features.skills.leaving import SkillLeaving
from clary.kit.clock import Clock


def departures(
    database: Database,
    *,
    conversations: ConversationService,
    workspaces: SessionWorkspaces,
    agent_things: Sequence[AgentThings],
    grants: Grants,
    clock: Clock,
) -> tuple[OwnedThings, ...]:
    """Conversations with their runs come first, so that nothing runs on what goes later."""
    return (
        ConversationLeaving(database=database, conversations=conversations, workspaces=workspaces),
        ProviderLeaving(database=database, references=AgentReferences()),
        AgentLeaving(database=database, grants=grants, clock=clock, things=agent_things),
        SkillLeaving(database),
        GrantsLeaving(database, grants),
    )


class GrantsLeaving:
    """What was granted to a user who is deleted."""

    def __init__(self, database: Database, grants: Grants) -> None:
        self._database = database
        self._grants = grants

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        async with self._database.write() as db:
            return {"grants_deleted": await self._grants.forget_user(db, user_id=user_id)}
