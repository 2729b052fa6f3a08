"""What can be refused about skills (product.md 1.2, 7.3, 7.4).

ProblemError
├── NotFoundError        SkillNotFoundError
├── ForbiddenError       SkillForbiddenError, ApprovalForbiddenError
├── InvalidRequestError  AgentIdMissingError, ArchiveTypeError, SkillMissingError, SkillAmbiguousError,
│                        SkillInvalidError, SkillRenamedError
├── TooLargeError        SkillTooLargeError
├── ConflictError        SkillStaleError
└── UpstreamError        DownloadFailedError
"""

from collections.abc import Sequence

from clary.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    NotFoundError,
    TooLargeError,
    UpstreamError,
)
from clary.kit.safe_archives import UnsafeReason
from clary.kit.text import Text, same

MAY_NOT_IMPORT = Text("权限不足：只有管理员可以导入系统技能", "Only administrators may import system skills")
MAY_NOT_CHANGE = Text("无权修改系统技能", "Only administrators may change system skills")
MAY_NOT_DELETE = Text("无权删除系统技能", "Only administrators may delete system skills")
NOT_FOUND = same("Skill '{name}' not found")
NOT_IN_AGENT = same("Skill '{name}' not found in agent workspace")
BAD_IMPORT = Text("技能验证失败，请检查 SKILL.md 格式", "Skill validation failed, please check the format of SKILL.md")
BAD_EDIT = Text(
    "技能格式验证失败，请检查 SKILL.md 格式 (需包含 name 和 description)。",
    "Skill validation failed, please check SKILL.md (name and description are required).",
)
_MIB = 1024 * 1024

UNSAFE_REASONS: dict[UnsafeReason, Text] = {
    "path": Text("路径越界", "a path leads outside"),
    "link": Text("包含链接", "it holds a link"),
    "device": Text("包含特殊文件", "it holds a special file"),
    "encrypted": Text("包含加密条目", "an entry is encrypted"),
    "duplicate": Text("文件名重复", "two names are equal"),
    "name": Text("文件名不被允许", "a name is not allowed"),
    "method": Text("压缩方式不受支持", "a compression method is not supported"),
    "ratio": Text("压缩比过高", "the compression ratio is too high"),
    "entries": Text("条目过多", "too many entries"),
    "nesting": Text("目录层级过深", "folders are nested too deeply"),
    "path_length": Text("路径过长", "a path is too long"),
}


class SkillNotFoundError(NotFoundError):
    """E-SKILL: unknown, or not for this caller."""

    slug = "skill_not_found"
    code = 404
    http_status = 200
    text = NOT_FOUND

    def __init__(self, name: str, text: Text = NOT_FOUND) -> None:
        super().__init__()
        self.message = text.fill(name=name)


class SkillForbiddenError(ForbiddenError):
    """E-SKILL-EDIT: seen, but for administrators to change."""

    slug = "skill_forbidden"
    code = 403
    http_status = 200
    text = MAY_NOT_CHANGE

    def __init__(self, text: Text) -> None:
        super().__init__()
        self.message = text


class ApprovalForbiddenError(ForbiddenError):
    """What the scan found is for an administrator to judge."""

    slug = "approval_forbidden"
    code = 403
    http_status = 200
    text = Text("该技能需要管理员批准", "This skill needs an administrator's approval")


class AgentIdMissingError(InvalidRequestError):
    """`is_agent` without an agent."""

    slug = "agent_id_missing"
    code = 400
    http_status = 200
    text = Text("缺少 agent_id", "agent_id is required")


class ArchiveTypeError(InvalidRequestError):
    """Something else than an archive of the accepted kinds."""

    slug = "archive_type"
    code = 400
    http_status = 200
    text = Text("仅支持 ZIP 文件", "Only ZIP files are supported")


class SkillTooLargeError(TooLargeError):
    """E-SIZE: the archive, what is in it, or one of its files."""

    slug = "file_too_large"
    code = 413
    http_status = 200
    text = Text("文件过大，上限 {n} MB", "The file is too large, limit {n} MB")

    def __init__(self, max_bytes: int) -> None:
        megabytes = max_bytes / _MIB
        super().__init__(n=int(megabytes) if megabytes >= 1 else round(megabytes, 2))


class SkillMissingError(InvalidRequestError):
    """No `SKILL.md` where it may stand."""

    slug = "skill_missing"
    code = 400
    http_status = 200
    text = Text("未找到有效的技能结构 (缺少 SKILL.md)", "No valid skill found (SKILL.md is missing)")


class SkillAmbiguousError(InvalidRequestError):
    """Several skills, and nobody said which one."""

    slug = "skill_ambiguous"
    code = 400
    http_status = 200
    text = Text(
        "压缩包包含多个技能，请指定 subpath: {names}",
        "The archive contains several skills, choose one with subpath: {names}",
    )

    def __init__(self, names: Sequence[str]) -> None:
        super().__init__(names=", ".join(names))


class SkillInvalidError(InvalidRequestError):
    """The front matter breaks a rule of 7.1."""

    slug = "skill_invalid"
    code = 400
    http_status = 200
    text = BAD_IMPORT

    def __init__(self, text: Text = BAD_IMPORT) -> None:
        super().__init__()
        self.message = text


class SkillRenamedError(InvalidRequestError):
    """An edit may not change the name."""

    slug = "skill_renamed"
    code = 400
    http_status = 200
    text = same("Skill name cannot be changed. Expected '{a}', got '{b}'")

    def __init__(self, expected: str, got: str) -> None:
        super().__init__()
        self.message = same(f"Skill name cannot be changed. Expected '{expected}', got '{got}'")


class SkillStaleError(ConflictError):
    """Another hash is the present, or the waiting one."""

    slug = "version_conflict"
    code = 409
    http_status = 200
    text = Text("技能已被修改，请刷新后重试", "The skill was changed meanwhile, please reload")


class DownloadFailedError(UpstreamError):
    """Nothing usable came from the address; deliberately does not say why."""

    slug = "download_failed"
    code = 502
    http_status = 200
    text = Text("导入失败: 无法下载该地址", "Import failed: the address could not be downloaded")
