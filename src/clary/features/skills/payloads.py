"""Wire shapes of skills (product.md 7.3)."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, Field

from clary.features.skills.policy.front_matter import MAX_SKILL_FILE_BYTES
from clary.http.payload import Payload
from clary.kit.text import TextError

State = Literal["approved", "quarantined", "rejected"]
SkillDimension = Literal["system", "user", "agent"]


def _short_enough(content: str) -> str:
    if len(content.encode("utf-8", "surrogatepass")) > MAX_SKILL_FILE_BYTES:
        raise TextError("不能超过 256 KiB", "must not have more than 256 KiB")
    return content


class ImportRequest(Payload):
    """An archive somewhere else."""

    url: Annotated[str, Field(max_length=4096)]
    is_system: bool = False
    is_agent: bool = False
    agent_id: str | None = None
    subpath: Annotated[str, Field(max_length=1024)] | None = None


class ContentRequest(Payload):
    """Another `SKILL.md`. `if_hash`: the version it is meant for."""

    name: str
    content: Annotated[str, AfterValidator(_short_enough)]
    if_hash: Annotated[str, Field(max_length=64)] | None = None


class DecisionRequest(Payload):
    """A decision about the version that waits."""

    name: str
    hash: str
    dimension: Annotated[str, Field(max_length=16)] | None = None
    agent_id: str | None = None


class CopyRequest(Payload):
    """A skill for an agent."""

    skill_name: str
    agent_id: str


class RefreshRequest(Payload):
    """Skills of an agent for the workspaces of all its people; without names all of them."""

    agent_id: str
    skill_names: Annotated[list[str], Field(max_length=200)] | None = None


class WorkspaceRequest(Payload):
    """One workspace. `user_id` counts for administrators."""

    agent_id: str
    user_id: str | None = None
    purge_extra: bool = False


class FindingShape(BaseModel):
    """One place that a rule of the scan speaks of; `line` 0: the file as a whole."""

    rule: str
    level: Literal["info", "medium", "high"]
    file: str
    line: int
    excerpt: str


class PermissionShape(BaseModel):
    """What a skill declares, and which of its files can be executed."""

    tools: list[str]
    hosts: list[str]
    executables: list[str]


class SkillShape(BaseModel):
    """Skill of 7.3."""

    id: str
    name: str
    description: str
    user_id: str
    dimension: SkillDimension
    owner_user_id: str | None
    agent_id: str | None
    agent_name: str | None
    path: str
    state: State
    hash: str
    pending_hash: str | None
    conformant: bool
    license: str
    compatibility: str
    metadata: dict[str, str]
    warnings: list[str]
    permissions: PermissionShape
    size: int
    file_count: int
    source: Literal["upload", "url", "edit", "sync"]
    source_url: str | None
    created_at: str
    updated_at: str


class SkillList(BaseModel):
    """All skills the caller may see."""

    skills: list[SkillShape]


class AvailableSkill(BaseModel):
    """What an agent can use. `agent_path`: its own copy, if it has one."""

    name: str
    description: str
    source_dimension: SkillDimension
    source_path: str
    agent_path: str | None
    state: State
    need_update: bool


class AvailableList(BaseModel):
    """Everything an agent can use, by name."""

    skills: list[AvailableSkill]


class ImportAnswer(BaseModel):
    """A version that came in."""

    user_id: str
    name: str
    dimension: SkillDimension
    state: State
    hash: str
    findings: list[FindingShape]
    warnings: list[str]


class UrlImportAnswer(ImportAnswer):
    """The same, and where it came from."""

    source_url: str


class FileShape(BaseModel):
    """A file of a version."""

    path: str
    size: int
    executable: bool


class ContentAnswer(BaseModel):
    """The whole `SKILL.md` and the list of files."""

    content: str
    name: str
    dimension: SkillDimension
    hash: str
    state: State
    files: list[FileShape]


class ChangeShape(BaseModel):
    """One file that differs from the approved version."""

    path: str
    change: Literal["added", "removed", "changed"]


class ReportAnswer(BaseModel):
    """What there is to know before a version is let in."""

    name: str
    hash: str
    state: State
    findings: list[FindingShape]
    permissions: PermissionShape
    diff: list[ChangeShape]
    approved_by: str | None
    approved_at: str | None
    source_url: str | None


class DecisionAnswer(BaseModel):
    """How the version stands now."""

    name: str
    state: State
    hash: str
