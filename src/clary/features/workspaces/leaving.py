"""What goes with a user who is deleted: the folders of all agents the person used (platform.md 4.8)."""

from clary.features.accounts.ports import Heir
from clary.features.workspaces.service import WorkspaceService


class WorkspaceLeaving:
    """Fills the port `OwnedThings` of accounts. Nobody inherits files."""

    def __init__(self, workspaces: WorkspaceService) -> None:
        self._workspaces = workspaces

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """See `OwnedThings`."""
        return {"workspaces_deleted": await self._workspaces.delete_of_user(user_id)}
