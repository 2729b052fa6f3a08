"""The door of the slice: the skills page. Imports, copies and what runs are given are in the parts."""

import asyncio
from collections.abc import Collection, Sequence
from typing import Any, BinaryIO, NamedTuple

from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity, Target
from clary.features.skills.describing import (
    Standing,
    permissions_of,
    shown_to_granted,
    skill_object,
    standing_of,
)
from clary.features.skills.errors import (
    MAY_NOT_DELETE,
    NOT_IN_AGENT,
    ApprovalForbiddenError,
    SkillNotFoundError,
    SkillStaleError,
)
from clary.features.skills.importing import SkillImports
from clary.features.skills.in_use import ResolvedSkills, RunShelf, RunSkills, SkillQuestion
from clary.features.skills.installing import Installed, SkillInstaller, SkillLimits, approve
from clary.features.skills.policy.approval import may_approve
from clary.features.skills.policy.front_matter import SKILL_FILE, name_key
from clary.features.skills.policy.versions import differences, is_hash
from clary.features.skills.ports import AgentDirectory, AgentFacts
from clary.features.skills.repository import SkillRepository
from clary.features.skills.selecting import DIMENSIONS, Found, Place, SkillSelector, Wanted, is_allowed
from clary.features.skills.store import SkillStore
from clary.features.skills.syncing import SkillSync
from clary.features.skills.tables import SkillRow, SkillVersionRow
from clary.kit.clock import Clock, wire_time

__all__ = [
    "ResolvedSkills",
    "RunShelf",
    "RunSkills",
    "SkillImports",
    "SkillInstaller",
    "SkillLimits",
    "SkillQuestion",
    "SkillSelector",
    "SkillService",
    "SkillStore",
    "SkillSync",
    "Wanted",
]

Json = dict[str, Any]
_IN_LOOKUP_ORDER = {"agent": 0, "user": 1, "system": 2}


class PackedSkill(NamedTuple):
    """A version as a ZIP, open at its beginning. `modified` in seconds since 1970."""

    content: BinaryIO
    name: str
    hash: str
    modified: float


class SkillService:
    """Lists, reads, judges and deletes skills."""

    def __init__(
        self,
        *,
        store: SkillStore,
        selector: SkillSelector,
        agents: AgentDirectory,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._store = store
        self._selector = selector
        self._agents = agents
        self._audit = audit
        self._clock = clock

    async def list_skills(self, db: Session, *, identity: Identity, wanted: Wanted) -> list[Json]:
        """Skills the caller may see: system, user, agent, each by name. `wanted.name` is not looked at.

        With a visible agent: of other agents nothing, and if the agent is limited to some skills, these alone.
        """
        dimensions = set(DIMENSIONS) if wanted.dimension in (None, "all") else {wanted.dimension}
        agents = {each.agent_id: each for each in await self._agents.list_visible(db, identity=identity)}
        agent = await self._named_agent(db, identity, wanted)
        if agent is not None:
            agents = {agent.agent_id: agent}
        sees_everybody = identity.is_admin and agent is None and not wanted.user_id
        subject = wanted.user_id if wanted.user_id and identity.is_admin else identity.user_id
        if wanted.user_id and identity.is_admin and agent is None:
            agents = {each.agent_id: each for each in agents.values() if each.owner_id == subject}
        rows = await SkillRepository(db).list_of_places(agent_ids=agents, user_id=None if sees_everybody else subject)
        places = {row.id: _place_of(row, agents.get(row.place)) for row in rows}
        rows = [row for row in rows if row.dimension in dimensions]
        if agent is not None and agent.wanted:
            rows = _first_of_each_name(row for row in rows if row.name_key in set(map(name_key, agent.wanted)))
        standings = await self._standings(db, rows)
        shown = [
            skill
            for row in sorted(rows, key=lambda row: (DIMENSIONS.index(_dimension(row)), row.name_key, row.place))
            if (skill := _shown(identity, row, places[row.id], standings[row.id])) is not None
        ]
        return shown

    async def read_content(self, db: Session, *, identity: Identity, wanted: Wanted) -> Json:
        """`{content, name, dimension, hash, state, files}` of the version in use, or of the newest.

        Raises:
            SkillNotFoundError
        """
        found = await self._selector.get_readable(db, identity=identity, wanted=wanted)
        await self._note_reading(db, identity, found)
        standing = await self._standing(db, found.row)
        version = await self._whole(db, found.row, standing.version.hash)
        try:
            content = await asyncio.to_thread(self._store.read, version.hash, SKILL_FILE)
        except OSError:
            raise SkillNotFoundError(wanted.name) from None
        return {
            "content": content.decode("utf-8", "replace"),
            "name": version.name,
            "dimension": found.place.dimension,
            "hash": version.hash,
            "state": standing.state,
            "files": [{key: each[key] for key in ("path", "size", "executable")} for each in version.files],
        }

    async def pack(self, db: Session, *, identity: Identity, wanted: Wanted) -> PackedSkill:
        """The folder of a skill as a ZIP.

        Raises:
            SkillNotFoundError
        """
        found = await self._selector.get_readable(db, identity=identity, wanted=wanted)
        await self._note_reading(db, identity, found)
        version = (await self._standing(db, found.row)).version
        try:
            content = await asyncio.to_thread(self._store.packed, version.hash, version.name)
        except OSError:
            raise SkillNotFoundError(wanted.name) from None
        return PackedSkill(content, version.name, version.hash, version.created_at.timestamp())

    async def report(self, db: Session, *, identity: Identity, wanted: Wanted, version_hash: str | None) -> Json:
        """What the scan found in a version; by default in the one that waits, else in the one in use.

        Raises:
            SkillNotFoundError: no such skill or version, or not the caller's to judge.
        """
        found = await self._selector.get_readable(db, identity=identity, wanted=wanted)
        if not is_allowed(identity, "write", found.place) or (version_hash is not None and not is_hash(version_hash)):
            raise SkillNotFoundError(wanted.name)
        row = found.row
        standing = await self._standing(db, row)
        version = await self._whole(db, row, version_hash or standing.pending_hash or standing.version.hash)
        approved = await self._whole(db, row, row.approved_hash) if row.approved_hash is not None else None
        is_present = version.hash == standing.version.hash
        return {
            "name": version.name,
            "hash": version.hash,
            "state": standing.state if is_present else version.state,
            "findings": version.findings,
            "permissions": permissions_of(version),
            "diff": differences(approved.files if approved is not None else [], version.files),
            "approved_by": version.approved_by,
            "approved_at": wire_time(version.approved_at),
            "source_url": version.source_url,
        }

    async def decide(
        self, db: Session, *, identity: Identity, wanted: Wanted, version_hash: str, lets_in: bool
    ) -> Json:
        """Approves or rejects the version that waits: `{name, state, hash}`.

        Raises:
            SkillNotFoundError, SkillStaleError: another hash waits, or none. ApprovalForbiddenError
        """
        found = await self._selector.get_readable(db, identity=identity, wanted=wanted)
        if not is_allowed(identity, "write", found.place):
            raise ApprovalForbiddenError
        row, place = await self._selector.lock(db, found)
        if row.pending_hash is None or row.pending_hash != version_hash:
            raise SkillStaleError
        version = await self._whole(db, row, version_hash)
        if lets_in and not may_approve(version.decider, is_admin=identity.is_admin):
            raise ApprovalForbiddenError
        if lets_in and not await asyncio.to_thread(self._store.is_intact, version_hash):
            raise SkillStaleError
        if lets_in:
            approve(Installed(row, version), by=identity.user_id, at=self._clock.now())
        else:
            version.state, row.pending_hash = "rejected", None
        row.updated_at = self._clock.now()
        await self._record(
            db, identity, "skill.approved" if lets_in else "skill.rejected", Found(row, place), version_hash
        )
        return {"name": version.name, "state": version.state, "hash": version_hash}

    async def delete(self, db: Session, *, identity: Identity, wanted: Wanted) -> str:
        """Deletes a skill with all its versions; with an agent only that agent's. Returns the name.

        Raises:
            SkillNotFoundError, SkillForbiddenError
        """
        only_agent = wanted.agent_id is not None
        if only_agent:
            wanted = Wanted(wanted.name, "agent", wanted.agent_id, wanted.user_id)
        try:
            found = await self._selector.get_changeable(
                db, identity=identity, wanted=wanted, verb="delete", text=MAY_NOT_DELETE
            )
        except SkillNotFoundError:
            raise SkillNotFoundError(wanted.name, *([NOT_IN_AGENT] if only_agent else [])) from None
        await SkillRepository(db).remove([found.row.id])
        await self._record(db, identity, "skill.deleted", found, found.row.newest_hash)
        return wanted.name

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a skill."""
        row = await SkillRepository(db).find_by_id(object_id)
        if row is None:
            return None
        owner_id = row.place if row.dimension == "user" else ""
        if row.dimension == "agent":
            owner_id = await self._agents.find_owner(db, agent_id=row.place) or ""
        return Target("skill", object_id, owner_id, is_system=row.dimension == "system")

    async def forget_agent(self, session: Session, *, agent_id: str) -> None:
        """The skills of an agent go with it, in the transaction that deletes it."""
        skills = SkillRepository(session)
        await skills.remove([row.id for row in await skills.list_place("agent", agent_id)])

    async def sweep(self, db: Session) -> None:
        """Removes versions from disk that no skill has any more."""
        kept = await SkillRepository(db).list_hashes()
        await asyncio.to_thread(self._store.sweep, kept)

    async def _named_agent(self, db: Session, identity: Identity, wanted: Wanted) -> AgentFacts | None:
        if wanted.agent_id is None:
            return None
        return await self._selector.find_agent(db, identity=identity, agent_id=wanted.agent_id)

    async def _standings(self, db: Session, rows: Collection[SkillRow]) -> dict[str, Standing]:
        versions = await SkillRepository(db).versions_by_skill(rows)
        approved = {row.approved_hash for row in rows if row.approved_hash is not None}
        whole = await asyncio.to_thread(self._store.whole_among, approved)
        return {row.id: standing_of(row, versions[row.id], is_whole=row.approved_hash in whole) for row in rows}

    async def _standing(self, db: Session, row: SkillRow) -> Standing:
        return (await self._standings(db, [row]))[row.id]

    async def _whole(self, db: Session, row: SkillRow, version_hash: str) -> SkillVersionRow:
        version = await SkillRepository(db).find_version(row.id, version_hash, whole=True)
        if version is None:
            raise SkillNotFoundError(row.name_key)
        return version

    async def _note_reading(self, db: Session, identity: Identity, found: Found) -> None:
        target = AuditObject("skill", found.row.id, found.place.owner_id)
        await self._audit.record_admin_read(identity, target, within=db)

    async def _record(self, db: Session, identity: Identity, action: str, found: Found, version: str) -> None:
        target = AuditObject("skill", found.row.id, found.place.owner_id)
        detail = {"name": found.row.name_key, "dimension": found.place.dimension, "hash": version}
        await self._audit.record(db, Act(action, Actor.of(identity), target, detail=detail))


def _shown(identity: Identity, row: SkillRow, place: Place, standing: Standing) -> Json | None:
    """The whole skill for readers; for those who only use its agent a little of it, once it is approved."""
    if is_allowed(identity, "read", place):
        return skill_object(row, place, standing)
    return shown_to_granted(row, place, standing) if standing.is_usable else None


def _place_of(row: SkillRow, agent: AgentFacts | None) -> Place:
    dimension = _dimension(row)
    if dimension == "agent" and agent is not None:
        return Place(dimension, row.place, agent.owner_id, agent)
    return Place(dimension, row.place, row.place)


def _dimension(row: SkillRow) -> Any:
    return row.dimension


def _first_of_each_name(rows: Any) -> Sequence[SkillRow]:
    found: dict[str, SkillRow] = {}
    for row in sorted(rows, key=lambda row: _IN_LOOKUP_ORDER[row.dimension]):
        found.setdefault(row.name_key, row)
    return list(found.values())
