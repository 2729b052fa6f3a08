"""Every SQL statement about skills; whose they are is part of the query."""

from collections.abc import Collection, Iterator, Sequence

from sqlalchemy import and_, delete, func, or_, select, update
from sqlalchemy.orm import undefer

from clary.db.session import Session, add_unless_taken
from clary.features.skills.ports import Dimension
from clary.features.skills.tables import SkillRow, SkillVersionRow

_PORTION = 500


class SkillRepository:
    """Rows of `skills` and `skill_versions` in one transaction."""

    def __init__(self, session: Session) -> None:
        self._session = session

    async def find(self, dimension: Dimension, place: str, name_key: str, *, locked: bool = False) -> SkillRow | None:
        """The skill of this name in one place; locked, if asked for, until the transaction ends."""
        query = select(SkillRow).where(
            SkillRow.dimension == dimension, SkillRow.place == place, SkillRow.name_key == name_key
        )
        return await self._session.scalar(query.with_for_update() if locked else query)

    async def find_by_id(self, skill_id: str) -> SkillRow | None:
        """Any skill."""
        return await self._session.get(SkillRow, skill_id)

    async def find_in_agents(self, agent_ids: Collection[str], name_key: str) -> Sequence[SkillRow]:
        """The skills of this name that belong to these agents."""
        found: list[SkillRow] = []
        for ids in _portions(agent_ids):
            query = select(SkillRow).where(
                SkillRow.dimension == "agent", SkillRow.place.in_(ids), SkillRow.name_key == name_key
            )
            found += (await self._session.scalars(query)).all()
        return found

    async def list_in_use(self, *, agent_id: str | None, user_id: str | None) -> Sequence[SkillRow]:
        """The skills of an agent and of a person, and those of the server, that have an approved version."""
        places = [SkillRow.dimension == "system"]
        if agent_id:
            places.append(and_(SkillRow.dimension == "agent", SkillRow.place == agent_id))
        if user_id:
            places.append(and_(SkillRow.dimension == "user", SkillRow.place == user_id))
        query = select(SkillRow).where(or_(*places), SkillRow.approved_hash.is_not(None))
        return (await self._session.scalars(query)).all()

    async def list_of_places(
        self, *, agent_ids: Collection[str], user_id: str | None, has_system: bool = True
    ) -> Sequence[SkillRow]:
        """Skills of the server, of a person (None: of everybody) and of these agents."""
        own = SkillRow.dimension == "user"
        places = [own if user_id is None else and_(own, SkillRow.place == user_id)]
        if has_system:
            places.append(SkillRow.dimension == "system")
        found = list((await self._session.scalars(select(SkillRow).where(or_(*places)))).all())
        for ids in _portions(agent_ids):
            query = select(SkillRow).where(SkillRow.dimension == "agent", SkillRow.place.in_(ids))
            found += (await self._session.scalars(query)).all()
        return found

    async def list_place(self, dimension: Dimension, place: str) -> Sequence[SkillRow]:
        """All skills of one place, locked until the transaction ends."""
        query = select(SkillRow).where(SkillRow.dimension == dimension, SkillRow.place == place)
        return (await self._session.scalars(query.with_for_update())).all()

    async def count(self, dimension: Dimension, place: str) -> int:
        """How many skills are in one place."""
        query = select(func.count()).select_from(SkillRow)
        return int(
            await self._session.scalar(query.where(SkillRow.dimension == dimension, SkillRow.place == place)) or 0
        )

    async def add(self, row: SkillRow) -> bool:
        """Adds a skill; False when its name was taken in the same moment."""
        return await add_unless_taken(self._session, row)

    async def remove(self, skill_ids: Collection[str]) -> None:
        """Deletes skills with their versions."""
        for ids in _portions(skill_ids):
            await self._session.execute(delete(SkillVersionRow).where(SkillVersionRow.skill_id.in_(ids)))
            await self._session.execute(delete(SkillRow).where(SkillRow.id.in_(ids)))

    async def move(self, skill_ids: Collection[str], place: str) -> None:
        """Gives skills to somebody else."""
        for ids in _portions(skill_ids):
            await self._session.execute(update(SkillRow).where(SkillRow.id.in_(ids)).values(place=place))

    async def find_version(self, skill_id: str, version: str, *, whole: bool = False) -> SkillVersionRow | None:
        """One version; with its files and findings, if asked for."""
        query = select(SkillVersionRow).where(SkillVersionRow.skill_id == skill_id, SkillVersionRow.hash == version)
        if whole:
            query = query.options(undefer(SkillVersionRow.files), undefer(SkillVersionRow.findings))
            query = query.execution_options(populate_existing=True)
        return await self._session.scalar(query)

    async def list_versions(self, skill_id: str) -> Sequence[SkillVersionRow]:
        """All versions of a skill, the newest first, without files and findings."""
        query = select(SkillVersionRow).where(SkillVersionRow.skill_id == skill_id)
        return (await self._session.scalars(query.order_by(SkillVersionRow.number.desc()))).all()

    async def versions_by_skill(self, rows: Collection[SkillRow]) -> dict[str, dict[str, SkillVersionRow]]:
        """Skill id → hash → version, of what these skills use or wait for; without files and findings."""
        found: dict[str, dict[str, SkillVersionRow]] = {row.id: {} for row in rows}
        for ids in _portions(list(found)):
            query = select(SkillVersionRow).where(SkillVersionRow.skill_id.in_(ids))
            for version in await self._session.scalars(query):
                found[version.skill_id][version.hash] = version
        return found

    async def add_version(self, row: SkillVersionRow) -> None:
        """Adds a version to a skill."""
        self._session.add(row)
        await self._session.flush()

    async def remove_versions(self, skill_id: str, versions: Collection[str]) -> None:
        """Deletes versions of a skill."""
        await self._session.execute(
            delete(SkillVersionRow).where(SkillVersionRow.skill_id == skill_id, SkillVersionRow.hash.in_(versions))
        )

    async def list_hashes(self) -> frozenset[str]:
        """The hashes of all versions of all skills."""
        return frozenset(await self._session.scalars(select(SkillVersionRow.hash).distinct()))


def _portions(ids: Collection[str]) -> Iterator[list[str]]:
    whole = list(ids)
    for start in range(0, len(whole), _PORTION):
        yield whole[start : start + _PORTION]
