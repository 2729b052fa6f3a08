"""Puts a draft into the rows: a new skill, or a new version of one (product.md 7.2). One transaction of the caller."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple

from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.permissions.service import Identity
from clary.features.skills.drafts import Draft
from clary.features.skills.errors import SkillStaleError
from clary.features.skills.policy.approval import POLICY, ApprovalMode, judge
from clary.features.skills.policy.findings import worst_level
from clary.features.skills.policy.front_matter import name_key
from clary.features.skills.policy.versions import KEPT_VERSIONS
from clary.features.skills.repository import SkillRepository
from clary.features.skills.selecting import Place
from clary.features.skills.tables import SkillRow, SkillVersionRow
from clary.http.problems import ObjectLimitError
from clary.kit.clock import Clock

Source = Literal["upload", "url", "edit", "sync"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class SkillLimits:
    """How many skills one place may hold, and how large an archive may be."""

    per_user: int
    per_agent: int
    archive_max_mb: int


class Installed(NamedTuple):
    """A skill, and the version that was put in."""

    row: SkillRow
    version: SkillVersionRow


class SkillInstaller:
    """See the module."""

    def __init__(
        self,
        *,
        audit: AuditLog,
        limits: SkillLimits,
        mode: Callable[[], ApprovalMode],
        clock: Clock,
        new_id: Callable[[], str],
    ) -> None:
        self._audit = audit
        self._limits = limits
        self._mode = mode
        self._clock = clock
        self._new_id = new_id

    async def install(
        self,
        db: Session,
        *,
        identity: Identity,
        place: Place,
        draft: Draft,
        source: Source,
        source_url: str | None = None,
    ) -> Installed:
        """A draft whose files are in the store becomes the newest version; what was decided about its hash stands.

        Raises:
            ObjectLimitError, SkillStaleError
        """
        version = self._version(identity, place, draft, source, source_url)
        return await self._put(db, identity, place, draft.hash, version)

    async def install_copy(
        self, db: Session, *, identity: Identity, place: Place, version: SkillVersionRow
    ) -> Installed:
        """An approved version of another place, loaded whole, with its approval.

        Raises:
            ObjectLimitError, SkillStaleError
        """
        copy = SkillVersionRow(
            hash=version.hash,
            name=version.name,
            description=version.description,
            state="approved",
            decider=None,
            size=version.size,
            file_count=version.file_count,
            details=version.details,
            files=version.files,
            findings=version.findings,
            source="sync",
            source_url=version.source_url,
            approved_by=version.approved_by,
            approved_at=version.approved_at,
            created_at=self._clock.now(),
        )
        installed = await self._put(db, identity, place, version.hash, copy)
        if installed.version.state != "approved":
            # Somebody judged this hash otherwise here, when it waited or before.
            approve(installed, by=version.approved_by, at=version.approved_at)
        return installed

    async def _put(
        self, db: Session, identity: Identity, place: Place, version_hash: str, version: SkillVersionRow
    ) -> Installed:
        skills, now = SkillRepository(db), self._clock.now()
        row, is_new = await self._row(skills, place, version)
        known = await skills.find_version(row.id, version_hash)
        others = await skills.list_versions(row.id)
        number = 1 + max((each.number for each in others), default=0)
        if known is None:
            version.skill_id, version.number = row.id, number
            await skills.add_version(version)
        else:
            known.number, version = number, known
        row.newest_hash, row.updated_at = version_hash, now
        if version.state == "approved":
            row.approved_hash, row.pending_hash = version_hash, None
        else:
            row.pending_hash = version_hash if version.state == "quarantined" else None
        await self._forget_old(skills, row, others)
        detail: Json = {"name": version.name, "hash": version_hash, "state": version.state, "source": version.source}
        target = AuditObject("skill", row.id, place.owner_id)
        action = "skill.created" if is_new else "skill.updated"
        await self._audit.record(db, Act(action, Actor.of(identity), target, detail=detail))
        return Installed(row, version)

    async def _row(self, skills: SkillRepository, place: Place, version: SkillVersionRow) -> tuple[SkillRow, bool]:
        key = name_key(version.name)
        row = await skills.find(place.dimension, place.id, key, locked=True)
        if row is not None:
            return row, False
        limit = {"user": self._limits.per_user, "agent": self._limits.per_agent}.get(place.dimension)
        if limit is not None and await skills.count(place.dimension, place.id) >= limit:
            raise ObjectLimitError(limit)
        row = SkillRow(
            id=self._new_id(),
            dimension=place.dimension,
            place=place.id,
            name_key=key,
            newest_hash=version.hash,
            created_at=self._clock.now(),
            updated_at=self._clock.now(),
        )
        if not await skills.add(row):
            raise SkillStaleError
        return row, True

    async def _forget_old(self, skills: SkillRepository, row: SkillRow, others: Sequence[SkillVersionRow]) -> None:
        """Keeps the last versions, and what is in use or waits; `others` come the newest first."""
        needed = {row.approved_hash, row.pending_hash, row.newest_hash}
        earlier = [each.hash for each in others if each.hash != row.newest_hash]
        gone = [each for each in earlier[KEPT_VERSIONS - 1 :] if each not in needed]
        if gone:
            await skills.remove_versions(row.id, gone)

    def _version(
        self, identity: Identity, place: Place, draft: Draft, source: Source, source_url: str | None
    ) -> SkillVersionRow:
        verdict = judge(
            mode=self._mode(),
            dimension=place.dimension,
            worst=worst_level(each.level for each in draft.findings),
            is_url_import=source == "url",
            has_executables=bool(draft.programs),
        )
        is_in, now, front = verdict.state == "approved", self._clock.now(), draft.front_matter
        approver = identity.user_id if place.dimension == "system" else POLICY
        return SkillVersionRow(
            hash=draft.hash,
            name=front.name,
            description=front.description,
            state=verdict.state,
            decider=verdict.decider,
            size=draft.size,
            file_count=len(draft.files),
            details={
                **front.kept,
                "tools": list(front.tools),
                "hosts": list(front.hosts),
                "executables": list(draft.programs),
                "conformant": front.is_conformant,
                "warnings": list(front.warnings),
            },
            files=[each.as_row() for each in draft.files],
            findings=[each.as_wire() for each in draft.findings],
            source=source,
            source_url=source_url,
            approved_by=approver if is_in else None,
            approved_at=now if is_in else None,
            created_at=now,
        )


def approve(installed: Installed, *, by: str | None, at: datetime | None) -> None:
    """Lets a version in: it is the one in use from now on."""
    row, version = installed
    version.state, version.decider, version.approved_by, version.approved_at = "approved", None, by, at
    row.approved_hash, row.pending_hash = version.hash, None
