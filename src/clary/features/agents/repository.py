"""Every SQL statement about agents; who may see a row is part of the query."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Text, and_, case, cast, delete, func, or_, select, update
from sqlalchemy.exc import IntegrityError

from clary.db.session import Session
from clary.features.agents.errors import AgentExistsError
from clary.features.agents.tables import AgentRow, AgentVersionRow
from clary.features.permissions.service import Identity, granted_to, owned_by, visible_to

_SUB_AGENTS = "availableSubAgentIds"
_CHUNK = 500


class AgentRepository:
    """Rows of `agents` and `agent_versions` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def save(self, row: AgentRow) -> None:
        """Writes a new or changed row.

        Raises:
            AgentExistsError: its owner has another agent of this name.
        """
        name = row.name
        self._session.add(row)
        try:
            await self._session.flush()
        except IntegrityError:
            raise AgentExistsError(name) from None

    async def remove(self, row: AgentRow) -> None:
        """Deletes a row and its versions."""
        await self._session.execute(delete(AgentVersionRow).where(AgentVersionRow.agent_id == row.id))
        await self._session.delete(row)
        await self._session.flush()

    async def exists(self, agent_id: str) -> bool:
        """Whether an id is taken, by whomever."""
        return await self._session.scalar(select(AgentRow.id).where(AgentRow.id == agent_id)) is not None

    async def find_visible(self, agent_id: str, identity: Identity) -> AgentRow | None:
        """An agent the caller may see."""
        return await self._session.scalar(select(AgentRow).where(AgentRow.id == agent_id, _seen_by(identity)))

    async def find_for_change(self, agent_id: str, identity: Identity) -> AgentRow | None:
        """The same, locked until the transaction ends, so that two saves never build on one version."""
        query = select(AgentRow).where(AgentRow.id == agent_id, _seen_by(identity)).with_for_update()
        return await self._session.scalar(query)

    async def find_default(self, user_id: str) -> AgentRow | None:
        """The default agent of a person."""
        query = select(AgentRow).where(owned_by(user_id, AgentRow.owner_id), AgentRow.is_default)
        return await self._session.scalar(query)

    async def list_visible(self, identity: Identity) -> Sequence[AgentRow]:
        """All agents the caller may see, in no order."""
        return (await self._session.scalars(select(AgentRow).where(_seen_by(identity)))).all()

    async def list_granted(self, identity: Identity) -> Sequence[AgentRow]:
        """Agents of others that are granted to the caller, in no order."""
        query = select(AgentRow).where(
            _seen_by(identity), granted_to(identity, "agent", AgentRow.id), AgentRow.owner_id != identity.user_id
        )
        return (await self._session.scalars(query)).all()

    async def list_reachable(self, identity: Identity, *, without: str, limit: int) -> Sequence[AgentRow]:
        """Agents the caller owns or was granted, for admins too, except one; newest first."""
        query = select(AgentRow).where(_seen_by(identity), _reached_by(identity), AgentRow.id != without)
        return (await self._session.scalars(query.order_by(AgentRow.created_at.desc(), AgentRow.id).limit(limit))).all()

    async def list_by_id(self, agent_ids: Collection[str]) -> Sequence[AgentRow]:
        """Those of these agents that exist; whether they may be seen is for the caller to know. At most 1000."""
        return (await self._session.scalars(select(AgentRow).where(AgentRow.id.in_(list(agent_ids))))).all()

    async def list_owned(self, user_id: str) -> Sequence[AgentRow]:
        """A person's own agents, in no order."""
        return (await self._session.scalars(select(AgentRow).where(owned_by(user_id, AgentRow.owner_id)))).all()

    async def count_owned(self, user_id: str) -> int:
        """Number of a person's own agents."""
        query = select(func.count()).select_from(AgentRow).where(owned_by(user_id, AgentRow.owner_id))
        return (await self._session.scalar(query)) or 0

    async def count_all(self) -> int:
        """All agents of everybody."""
        return await self._session.scalar(select(func.count()).select_from(AgentRow)) or 0

    async def find_owners(self, agent_ids: Collection[str]) -> dict[str, str]:
        """Owner by id, for those of the ids that exist."""
        ids, owners = list(agent_ids), dict[str, str]()
        for start in range(0, len(ids), _CHUNK):
            query = select(AgentRow.id, AgentRow.owner_id).where(AgentRow.id.in_(ids[start : start + _CHUNK]))
            owners.update((found.id, found.owner_id) for found in await self._session.execute(query))
        return owners

    async def list_budgeted(self) -> Sequence[str]:
        """Ids of the agents that have a budget."""
        return (await self._session.scalars(select(AgentRow.id).where(AgentRow.budget.is_not(None)))).all()

    async def list_budgeted_within_reach(self, identity: Identity) -> Sequence[str]:
        """Ids of the agents that have a budget, and that the caller owns or was granted, for admins too."""
        query = select(AgentRow.id).where(_seen_by(identity), _reached_by(identity), AgentRow.budget.is_not(None))
        return (await self._session.scalars(query)).all()

    async def list_by_ids(self, agent_ids: Collection[str]) -> Sequence[AgentRow]:
        """Those of these agents that exist; at most 30,000."""
        return (await self._session.scalars(select(AgentRow).where(AgentRow.id.in_(agent_ids)))).all()

    async def make_only_default(self, row: AgentRow) -> None:
        """Marks one agent and unmarks its owner's others in one statement, so that two of these leave one mark."""
        await self._session.execute(
            update(AgentRow)
            .where(owned_by(row.owner_id, AgentRow.owner_id))
            .values(is_default=case((AgentRow.id == row.id, True), else_=False))
            .execution_options(synchronize_session=False)
        )
        await self._session.refresh(row, ["is_default"])

    async def add_version(self, version: AgentVersionRow, *, kept: int) -> None:
        """Stores a version and lets those go that are older than the last `kept`."""
        self._session.add(version)
        await self._session.execute(
            delete(AgentVersionRow).where(
                AgentVersionRow.agent_id == version.agent_id, AgentVersionRow.version <= version.version - kept
            )
        )

    async def list_versions(self, agent_id: str, *, offset: int, limit: int) -> Sequence[AgentVersionRow]:
        """Versions of an agent, newest first."""
        query = select(AgentVersionRow).where(AgentVersionRow.agent_id == agent_id)
        query = query.order_by(AgentVersionRow.version.desc()).offset(offset).limit(limit)
        return (await self._session.scalars(query)).all()

    async def count_versions(self, agent_id: str) -> int:
        """How many versions of an agent are kept."""
        query = select(func.count()).select_from(AgentVersionRow).where(AgentVersionRow.agent_id == agent_id)
        return (await self._session.scalar(query)) or 0

    async def find_version(self, agent_id: str, version: int) -> AgentVersionRow | None:
        """One version."""
        return await self._session.get(AgentVersionRow, (agent_id, version))

    async def forget_sub_agent(self, agent_id: str) -> None:
        """Takes an agent out of the sub-agents of all others."""
        # Ids hold no LIKE wildcard but `_`, which at worst finds a row too many; the list itself decides.
        query = select(AgentRow).where(cast(AgentRow.configuration, Text).like(f'%"{agent_id}"%')).with_for_update()
        for row in await self._session.scalars(query):
            listed: list[str] = row.configuration[_SUB_AGENTS]
            if agent_id in listed:
                kept = [each for each in listed if each != agent_id]
                row.configuration = {**row.configuration, _SUB_AGENTS: kept}

    async def forget_provider(self, provider_id: str) -> list[str]:
        """Takes a provider out of all agents and returns their ids, sorted."""
        names_it = or_(AgentRow.llm_provider_id == provider_id, AgentRow.fast_llm_provider_id == provider_id)
        ids: list[str] = []
        for row in await self._session.scalars(select(AgentRow).where(names_it).with_for_update()):
            ids.append(row.id)
            row.llm_provider_id = None if row.llm_provider_id == provider_id else row.llm_provider_id
            row.fast_llm_provider_id = None if row.fast_llm_provider_id == provider_id else row.fast_llm_provider_id
        return sorted(ids)


def _seen_by(identity: Identity) -> ColumnElement[bool]:
    """Own, granted, or all for an admin; of these, only the agents a key is limited to (platform.md 2.1, 7.1)."""
    seen = or_(visible_to(identity, AgentRow.owner_id), granted_to(identity, "agent", AgentRow.id))
    return seen if identity.agent_ids is None else and_(seen, AgentRow.id.in_(sorted(identity.agent_ids)))


def _reached_by(identity: Identity) -> ColumnElement[bool]:
    """Own or granted: an admin sees the agents of all, and uses those."""
    return or_(owned_by(identity.user_id, AgentRow.owner_id), granted_to(identity, "agent", AgentRow.id))


_COLUMNS = ("name", "is_default", "llm_provider_id", "fast_llm_provider_id", "budget")


def configuration_of(row: AgentRow) -> dict[str, Any]:
    """The whole configuration of a row under wire names."""
    columns = {name: getattr(row, name) for name in _COLUMNS}
    # Rows that were last saved before the budget had its column still hold it among the rest.
    columns["budget"] = row.configuration.get("budget", row.budget)
    return {**row.configuration, **columns}


def put_configuration(row: AgentRow, configuration: Mapping[str, Any]) -> None:
    """Spreads a whole configuration over a row's columns."""
    for name in _COLUMNS:
        setattr(row, name, configuration[name])
    row.configuration = {name: value for name, value in configuration.items() if name not in _COLUMNS}
