"""Skills as they are told (product.md 7.3)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from clary.features.skills.policy.findings import Finding
from clary.features.skills.selecting import Place
from clary.features.skills.tables import SkillRow, SkillVersionRow
from clary.kit.clock import wire_time

Json = dict[str, Any]
State = Literal["approved", "quarantined", "rejected"]


@dataclass(frozen=True, slots=True)
class Standing:
    """The version that counts of a skill, and how it stands. `is_usable`: a run may be given it."""

    version: SkillVersionRow
    state: State
    pending_hash: str | None

    @property
    def is_usable(self) -> bool:
        """Whether the version is approved and whole."""
        return self.state == "approved"


def standing_of(row: SkillRow, versions: Mapping[str, SkillVersionRow], *, is_whole: bool) -> Standing:
    """The approved version if there is one, else the newest. `is_whole`: the approved one has its hash on disk."""
    if row.approved_hash is not None:
        state: State = "approved" if is_whole else "quarantined"
        return Standing(versions[row.approved_hash], state, row.pending_hash)
    newest = versions[row.newest_hash]
    return Standing(newest, "rejected" if newest.state == "rejected" else "quarantined", row.pending_hash)


def skill_object(row: SkillRow, place: Place, standing: Standing) -> Json:
    """Skill of 7.3, for those who may read it."""
    version, details = standing.version, standing.version.details
    return {
        **_named(row, place, version),
        "state": standing.state,
        "hash": version.hash,
        "pending_hash": standing.pending_hash,
        "conformant": details["conformant"],
        "license": details["license"],
        "compatibility": details["compatibility"],
        "metadata": details["metadata"],
        "warnings": details["warnings"],
        "permissions": permissions_of(version),
        "size": version.size,
        "file_count": version.file_count,
        "source": version.source,
        "source_url": version.source_url,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
    }


def shown_to_granted(row: SkillRow, place: Place, standing: Standing) -> Json:
    """The same for those who may only use the agent: name and description, the rest empty."""
    return {
        **_named(row, place, standing.version),
        "state": standing.state,
        "hash": "",
        "pending_hash": None,
        "conformant": standing.version.details["conformant"],
        "license": "",
        "compatibility": "",
        "metadata": {},
        "warnings": [],
        "permissions": {"tools": [], "hosts": [], "executables": []},
        "size": 0,
        "file_count": 0,
        "source": standing.version.source,
        "source_url": None,
        "created_at": wire_time(row.created_at),
        "updated_at": wire_time(row.updated_at),
    }


def permissions_of(version: SkillVersionRow) -> Json:
    """What a version declares, and what in it can be executed."""
    return {name: version.details[name] for name in ("tools", "hosts", "executables")}


def path_of(place: Place, name: str) -> str:
    """The virtual path of a skill; no path of this machine."""
    return f"{place.wire_path}/{name}"


def findings_as_wire(findings: tuple[Finding, ...]) -> list[Json]:
    """What the scan found, the worst first."""
    return [each.as_wire() for each in findings]


def _named(row: SkillRow, place: Place, version: SkillVersionRow) -> Json:
    return {
        "id": row.id,
        "name": version.name,
        "description": version.description,
        "user_id": place.owner_id,
        "dimension": place.dimension,
        "owner_user_id": place.owner_id or None,
        "agent_id": place.id if place.agent is not None else None,
        "agent_name": place.agent.name if place.agent is not None else None,
        "path": path_of(place, version.name),
    }
