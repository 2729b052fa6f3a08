"""What a run is given of skills (stream-runtime.md 9.9): which, their texts, their files in the workspace.

Only an approved version whose files still have their hash is ever offered, and it is looked at again at each use.
"""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import structlog

from clary.db.session import Session
from clary.features.skills.copies import Placed, SkillCopies
from clary.features.skills.policy.front_matter import SKILL_FILE, is_skill_name, name_key
from clary.features.skills.ports import Dimension, RunSkill
from clary.features.skills.repository import SkillRepository
from clary.features.skills.store import SkillStore
from clary.features.skills.tables import SkillRow, SkillVersionRow

log = structlog.get_logger()

Reason = Literal["unknown", "not_usable"]
_ORDER: dict[str, int] = {"agent": 0, "user": 1, "system": 2}


@dataclass(frozen=True, slots=True)
class SkillQuestion:
    """Whose run asks. `owner_id`: the agent's owner, or without saved agent the caller.

    `granted`: names that the saved agent gives to whoever may use it. Other names reach the owner's own skills only
    when the owner asks.
    """

    agent_id: str | None
    owner_id: str
    caller_id: str
    granted: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ResolvedSkills:
    """What of the wanted skills can be used, in the order wanted, and why the others can not."""

    skills: tuple[RunSkill, ...]
    dropped: tuple[tuple[str, Reason], ...]


class RunSkills:
    """See the module."""

    def __init__(self, store: SkillStore) -> None:
        self._store = store
        self._copies = SkillCopies(store)

    async def resolve_for_run(self, db: Session, question: SkillQuestion, names: Sequence[str]) -> ResolvedSkills:
        """The skills of these names as a run may use them now: agent, then owner, then system."""
        wanted = list(dict.fromkeys(names))
        usable = await self._usable(db, question, wanted)
        found = [(name, usable.get(name_key(name))) for name in wanted]
        waiting = {name for name, skill in found if skill is None and is_skill_name(name)}
        known = await self._known(db, question, waiting) if waiting else frozenset[str]()
        given = dict.fromkeys(skill for _, skill in found if skill is not None)
        dropped = tuple[tuple[str, Reason], ...](
            (name, "not_usable" if name_key(name) in known else "unknown") for name, skill in found if skill is None
        )
        return ResolvedSkills(tuple(given), dropped)

    async def list_usable(
        self, db: Session, question: SkillQuestion
    ) -> list[tuple[RunSkill, tuple[tuple[SkillRow, SkillVersionRow], ...]]]:
        """Every skill the agent could use, by name, with all rows of this name in lookup order."""
        rows = await self._rows(db, question, None)
        versions = await SkillRepository(db).versions_by_skill(rows)
        pairs = [(row, versions[row.id][row.approved_hash]) for row in rows if row.approved_hash is not None]
        whole = await asyncio.to_thread(self._store.whole_among, {version.hash for _, version in pairs})
        by_name: dict[str, list[tuple[SkillRow, SkillVersionRow]]] = {}
        for row, version in sorted(pairs, key=lambda pair: _ORDER[pair[0].dimension]):
            if version.hash in whole:
                by_name.setdefault(row.name_key, []).append((row, version))
        return [(_run_skill(*by_name[key][0]), tuple(by_name[key])) for key in sorted(by_name)]

    async def read_text(self, skill_hash: str) -> str | None:
        """The whole `SKILL.md` of a version; None when it is not there any more as it was."""
        return await asyncio.to_thread(self._read, skill_hash)

    async def place_copies(self, workspace: Path, skills: Sequence[RunSkill]) -> list[Placed]:
        """Puts read-only copies of the skills' files below `skills/<name>/`, and tells what became of each."""
        placed = await asyncio.to_thread(self._copies.place, workspace, skills)
        failed = [each.name for each in placed if each.outcome == "failed"]
        if failed:
            log.warning("skill_copies_failed", skills=failed)
        return placed

    async def remove_other_copies(self, workspace: Path, names: Collection[str]) -> list[str]:
        """Removes what lies below `skills/` under other names; returns what was removed."""
        return await asyncio.to_thread(self._copies.remove_others, workspace, names)

    async def find_unusable(
        self, session: Session, *, owner_id: str, names: Sequence[str], agent_id: str | None = None
    ) -> dict[str, Reason]:
        """Those of the names that an agent of this owner is not offered."""
        question = SkillQuestion(agent_id, owner_id, owner_id)
        resolved = await self.resolve_for_run(session, question, names)
        return dict(resolved.dropped)

    def _read(self, version: str) -> str | None:
        if not self._store.is_intact(version):
            return None
        try:
            return self._store.read(version, SKILL_FILE).decode("utf-8", "replace")
        except OSError:
            return None

    async def _usable(self, db: Session, question: SkillQuestion, names: Sequence[str]) -> dict[str, RunSkill]:
        keys = {name_key(name) for name in names if is_skill_name(name)}
        if not keys:
            return {}
        rows = await self._rows(db, question, keys)
        versions = await SkillRepository(db).versions_by_skill(rows)
        found: dict[str, RunSkill] = {}
        for row in sorted(rows, key=lambda row: _ORDER[row.dimension]):
            version = versions[row.id][row.approved_hash or ""]
            is_new = row.name_key not in found
            if is_new and await asyncio.to_thread(self._store.is_intact, version.hash):
                found[row.name_key] = _run_skill(row, version)
        return found

    async def _rows(self, db: Session, question: SkillQuestion, keys: Collection[str] | None) -> list[SkillRow]:
        """Rows with an approved version that the caller may reach; with `keys` only those of these names."""
        found = await SkillRepository(db).list_in_use(agent_id=question.agent_id, user_id=question.owner_id)
        return [
            row
            for row in found
            if (keys is None or row.name_key in keys) and _may_reach(question, row.dimension, row.name_key)
        ]

    async def _known(self, db: Session, question: SkillQuestion, names: Iterable[str]) -> frozenset[str]:
        """Keys of skills that exist where the run looks, approved or not."""
        agents = [question.agent_id] if question.agent_id else []
        rows = await SkillRepository(db).list_of_places(agent_ids=agents, user_id=question.owner_id)
        wanted = {name_key(name) for name in names}
        return frozenset(
            row.name_key for row in rows if row.name_key in wanted and _may_reach(question, row.dimension, row.name_key)
        )


def _may_reach(question: SkillQuestion, dimension: str, key: str) -> bool:
    is_owner = bool(question.owner_id) and question.owner_id == question.caller_id
    return dimension != "user" or is_owner or key in {name_key(name) for name in question.granted}


def _run_skill(row: SkillRow, version: SkillVersionRow) -> RunSkill:
    dimension: Dimension = "agent" if row.dimension == "agent" else "user" if row.dimension == "user" else "system"
    return RunSkill(version.name, version.description, version.hash, dimension)
