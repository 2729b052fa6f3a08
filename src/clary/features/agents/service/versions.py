"""Saved versions of an agent: listed, read, restored (product.md 3.5)."""

from typing import Any

from clary.db.session import Session
from clary.features.agents.errors import MAY_NOT_CHANGE, VersionNotFoundError
from clary.features.agents.payloads import SavedAgent, VersionItem, VersionPage, VersionResponse
from clary.features.agents.policy import AgentLimits, built_in_configuration, version_number
from clary.features.agents.repository import AgentRepository
from clary.features.agents.service.agents import AgentService, get_for
from clary.features.agents.tables import AgentRow, AgentVersionRow
from clary.features.audit.service import AuditLog, AuditObject
from clary.features.permissions.service import Identity
from clary.http.paging import Page
from clary.kit.clock import wire_time


class AgentVersions:
    """What owner and admins may do with the versions of an agent."""

    def __init__(self, *, agents: AgentService, audit: AuditLog, limits: AgentLimits) -> None:
        self._agents = agents
        self._audit = audit
        self._limits = limits

    async def list_versions(self, session: Session, *, identity: Identity, agent_id: str, page: Page) -> VersionPage:
        """A page of the versions that are kept, newest first.

        Raises:
            AgentNotFoundError, AgentForbiddenError
        """
        row = await self._readable(session, identity, agent_id)
        versions = AgentRepository(session)
        rows = await versions.list_versions(row.id, offset=page.offset, limit=page.size)
        items = [VersionItem.model_validate(_item(each)) for each in rows]
        total = await versions.count_versions(row.id)
        return VersionPage(items=items, total=total, page=page.number, page_size=page.size)

    async def get_version(
        self, session: Session, *, identity: Identity, agent_id: str, version: str
    ) -> VersionResponse:
        """One version with its configuration.

        Raises:
            AgentNotFoundError, AgentForbiddenError, VersionNotFoundError
        """
        row = await self._readable(session, identity, agent_id)
        found = await _find(session, row, version)
        return VersionResponse.model_validate({**_item(found), "config": self._whole(found)})

    async def restore(self, session: Session, *, identity: Identity, agent_id: str, version: str) -> SavedAgent:
        """Saves the configuration of a version as a new one, after all checks of a change.

        Raises:
            AgentNotFoundError, AgentForbiddenError, VersionNotFoundError, AgentExistsError,
            NamedProviderNotFoundError, ValidationFailedError
        """
        row = await get_for(session, identity, agent_id, "write", MAY_NOT_CHANGE)
        found = await _find(session, row, version)
        return await self._agents.save_over(
            session, identity=identity, row=row, configuration=self._whole(found), restored=found.version
        )

    async def _readable(self, session: Session, identity: Identity, agent_id: str) -> AgentRow:
        row = await get_for(session, identity, agent_id, "write", MAY_NOT_CHANGE, lock=False)
        await self._audit.record_admin_read(identity, AuditObject("agent", row.id, row.owner_id), within=session)
        return row

    def _whole(self, version: AgentVersionRow) -> dict[str, Any]:
        """Every key, also those that came after this version was saved."""
        return {**built_in_configuration(self._limits), **version.configuration}


async def _find(session: Session, row: AgentRow, version: str) -> AgentVersionRow:
    number = version_number(version)
    found = await AgentRepository(session).find_version(row.id, number) if number else None
    if found is None:
        raise VersionNotFoundError
    return found


def _item(version: AgentVersionRow) -> dict[str, Any]:
    return {
        "version": version.version,
        "name": version.configuration["name"],
        "author_id": version.author_id,
        "created_at": wire_time(version.created_at),
        "changed": version.changed,
    }
