"""What goes with a user who is deleted: their providers with the keys (platform.md 4.8)."""

from clary.db.database import Database
from clary.features.accounts.ports import Heir
from clary.features.llm_providers.ports import ProviderReferences
from clary.features.llm_providers.repository import ProviderRepository


class ProviderLeaving:
    """Fills the port `OwnedThings` of accounts. Nobody inherits a key."""

    def __init__(self, *, database: Database, references: ProviderReferences) -> None:
        self._database = database
        self._references = references

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """Removes all providers of a user; agents that name them fall back to the default order."""
        async with self._database.write() as db:
            providers = ProviderRepository(db)
            rows = await providers.list_owned(user_id)
            for row in rows:
                await self._references.forget_provider(db, provider_id=row.id)
                await providers.remove(row)
        return {"providers_deleted": len(rows)}
