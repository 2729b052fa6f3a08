"""What goes with a user who is deleted: every conversation with its runs and its folders (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.conversations.ports import SessionWorkspaces
from clary.features.conversations.repository.conversations import ConversationRepository
from clary.features.conversations.service import ConversationService
from clary.features.permissions.service import Identity

BATCH = 100


class ConversationLeaving:
    """Fills the port `OwnedThings` of accounts. Nobody inherits conversations."""

    def __init__(
        self, *, database: Database, conversations: ConversationService, workspaces: SessionWorkspaces
    ) -> None:
        self._database = database
        self._conversations = conversations
        self._workspaces = workspaces

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """Stops runs and removes all conversations, one transaction each; folders of agents go first.

        Raises:
            SessionReleasingError: a run does not end.
        """
        owner = Identity(user_id, "", "user", "system")
        removed = 0
        while True:
            async with self._database.read() as db:
                rows = await ConversationRepository(db).list_of(user_id, limit=BATCH)
            for row in rows:
                await self._conversations.delete(identity=owner, session_id=row.session_id)
                await self._workspaces.delete_agent_workspace(user_id, row.agent_id)
            removed += len(rows)
            if not rows:
                return {"conversations_deleted": removed}
