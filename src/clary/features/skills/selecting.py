"""Which skill a name means for a caller (product.md 7.1, 7.3): agent, then own user, then system.

A skill of somebody else is like one that does not exist. Without an agent in the request the skills of all the
caller's own agents come after the caller's own ones.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Final, NamedTuple

from clary.db.session import Session
from clary.errors import NotFoundError
from clary.features.permissions.service import Identity, Verb, decide
from clary.features.skills.errors import MAY_NOT_CHANGE, MAY_NOT_IMPORT, SkillForbiddenError, SkillNotFoundError
from clary.features.skills.policy.front_matter import is_skill_name, name_key
from clary.features.skills.ports import AgentDirectory, AgentFacts, Dimension
from clary.features.skills.repository import SkillRepository
from clary.features.skills.tables import SkillRow
from clary.kit.text import Text

DIMENSIONS: Final[tuple[Dimension, ...]] = ("system", "user", "agent")


@dataclass(frozen=True, slots=True)
class Wanted:
    """The skill a request names. `user_id` counts for administrators: whose skills are meant."""

    name: str
    dimension: str | None = None
    agent_id: str | None = None
    user_id: str | None = None


class Place(NamedTuple):
    """Where a skill belongs. `id`: the person, the agent, or "" for the server."""

    dimension: Dimension
    id: str
    owner_id: str
    agent: AgentFacts | None = None

    @property
    def wire_path(self) -> str:
        """The virtual path of the place."""
        return f"agent/{self.id}" if self.dimension == "agent" else self.dimension


class Found(NamedTuple):
    """A skill and where it belongs."""

    row: SkillRow
    place: Place


class SkillSelector:
    """Finds skills by name, and says who may do what with them."""

    def __init__(self, agents: AgentDirectory) -> None:
        self._agents = agents

    async def get_readable(self, db: Session, *, identity: Identity, wanted: Wanted) -> Found:
        """The first skill of this name that the caller may read.

        Raises:
            SkillNotFoundError
        """
        if is_skill_name(wanted.name):
            async for found in self._candidates(db, identity, wanted):
                if is_allowed(identity, "read", found.place):
                    return found
        raise SkillNotFoundError(wanted.name)

    async def get_changeable(
        self, db: Session, *, identity: Identity, wanted: Wanted, verb: Verb = "write", text: Text = MAY_NOT_CHANGE
    ) -> Found:
        """The same, if the caller may also change it; `text` says what is refused of system skills.

        Raises:
            SkillNotFoundError, SkillForbiddenError
        """
        found = await self.get_readable(db, identity=identity, wanted=wanted)
        if not is_allowed(identity, verb, found.place):
            raise SkillForbiddenError(text)
        return found

    async def lock(self, db: Session, found: Found) -> Found:
        """The same skill as it is now, locked until the transaction ends.

        Raises:
            SkillNotFoundError: it is gone.
        """
        row = await SkillRepository(db).find(found.place.dimension, found.place.id, found.row.name_key, locked=True)
        if row is None:
            raise SkillNotFoundError(found.row.name_key)
        return Found(row, found.place)

    async def place_for_import(
        self, db: Session, *, identity: Identity, is_system: bool, agent_id: str | None
    ) -> Place:
        """Where a new skill goes, if the caller may put one there.

        Raises:
            SkillForbiddenError, NotFoundError, ForbiddenError
        """
        if agent_id is not None:
            agent = await self._agents.get_changeable(db, identity=identity, agent_id=agent_id)
            return Place("agent", agent.agent_id, agent.owner_id, agent)
        if not is_system:
            return Place("user", identity.user_id, identity.user_id)
        place = Place("system", "", "")
        if not is_allowed(identity, "write", place):
            raise SkillForbiddenError(MAY_NOT_IMPORT)
        return place

    async def find_agent(self, db: Session, *, identity: Identity, agent_id: str) -> AgentFacts | None:
        """An agent the caller may see."""
        try:
            return await self._agents.get_visible(db, identity=identity, agent_id=agent_id)
        except NotFoundError:
            return None

    async def _candidates(self, db: Session, identity: Identity, wanted: Wanted) -> AsyncIterator[Found]:
        """Skills of this name in lookup order, whether the caller may read them or not."""
        skills, key = SkillRepository(db), name_key(wanted.name)
        subject = wanted.user_id if wanted.user_id and identity.is_admin else identity.user_id
        may_be = set(DIMENSIONS) if wanted.dimension in (None, "all") else {wanted.dimension}
        if wanted.agent_id is not None and "agent" in may_be:
            agent = await self.find_agent(db, identity=identity, agent_id=wanted.agent_id)
            if agent is None:
                return
            row = await skills.find("agent", agent.agent_id, key)
            if row is not None:
                yield Found(row, Place("agent", agent.agent_id, agent.owner_id, agent))
        if "user" in may_be and subject:
            row = await skills.find("user", subject, key)
            if row is not None:
                yield Found(row, Place("user", subject, subject))
        if wanted.agent_id is None and "agent" in may_be:
            async for found in self._of_own_agents(db, identity, subject, key):
                yield found
        if "system" in may_be:
            row = await skills.find("system", "", key)
            if row is not None:
                yield Found(row, Place("system", "", ""))

    async def _of_own_agents(self, db: Session, identity: Identity, subject: str, key: str) -> AsyncIterator[Found]:
        agents = {
            each.agent_id: each
            for each in await self._agents.list_visible(db, identity=identity)
            if each.owner_id == subject
        }
        rows = {row.place: row for row in await SkillRepository(db).find_in_agents(agents, key)}
        for agent in agents.values():
            row = rows.get(agent.agent_id)
            if row is not None:
                yield Found(row, Place("agent", agent.agent_id, agent.owner_id, agent))


def is_allowed(identity: Identity, verb: Verb, place: Place) -> bool:
    """The one rule, for a skill of this place."""
    return decide(identity, verb, owner_id=place.owner_id, is_system=place.dimension == "system").allowed
