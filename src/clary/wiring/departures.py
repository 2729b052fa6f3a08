"""Who keeps things for users, in the order in which they are asked when one is deleted."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir, OwnedThings
from clary.features.agents.service import AgentLeaving, AgentReferences, AgentRemoval
from clary.features.conversations.leaving import ConversationLeaving
from clary.features.conversations.service import ConversationService
from clary.features.llm_providers.service import ProviderLeaving
from clary.features.memory.leaving import MemoryLeaving
from clary.features.memory.service import MemoryService
from clary.features.permissions.service import Grants
from clary.features.skills.leaving import SkillLeaving
from clary.features.usage.leaving import UsageLeaving
from clary.features.workspaces.leaving import WorkspaceLeaving
from clary.features.workspaces.service import WorkspaceService
from clary.jobs.queue import JobQueue
from clary.kit.clock import Clock


def departures(
    database: Database,
    *,
    conversations: ConversationService,
    workspaces: WorkspaceService,
    memory: MemoryService,
    grants: Grants,
    agent_removal: AgentRemoval,
    jobs: JobQueue,
    mcp_servers: OwnedThings,
    knowledge: OwnedThings,
    clock: Clock,
) -> tuple[OwnedThings, ...]:
    """Conversations with their runs come first, so that nothing runs on what goes later."""
    return (
        ConversationLeaving(database=database, conversations=conversations, workspaces=workspaces),
        WorkspaceLeaving(workspaces),
        mcp_servers,
        MemoryLeaving(database=database, memory=memory),
        ProviderLeaving(database=database, references=AgentReferences()),
        AgentLeaving(database=database, grants=grants, removal=agent_removal, clock=clock),
        knowledge,
        JobsLeaving(database, jobs),
        SkillLeaving(database),
        GrantsLeaving(database, grants),
        UsageLeaving(database),
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


class JobsLeaving:
    """What is done in the background for a user who is deleted; what runs finds its row gone, and stops."""

    def __init__(self, database: Database, jobs: JobQueue) -> None:
        self._database = database
        self._jobs = jobs

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        async with self._database.write() as db:
            return {"jobs_deleted": await self._jobs.forget_owner(db, owner_id=user_id)}
