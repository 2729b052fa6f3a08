"""What can be refused about agents (product.md 1.2).

ProblemError
├── NotFoundError        AgentNotFoundError, VersionNotFoundError, TaskNotFoundError
├── ForbiddenError       AgentForbiddenError
├── InvalidRequestError  AgentNameEmptyError
├── ConflictError        AgentExistsError, AgentStaleError
└── ProviderFailedError  ModelCallFailedError (of the providers)
"""

from clary.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from clary.features.llm_providers.errors import ProviderFailedError
from clary.kit.text import Text

MAY_NOT_CHANGE = Text("无权更新该Agent", "You may not change this agent")
MAY_NOT_SEE_GRANTS = Text("无权查看授权用户", "You may not see this agent's authorizations")
MAY_NOT_SHARE = Text("无权修改授权", "You may not change this agent's authorizations")
MAY_NOT_DELETE = Text("无权删除该Agent", "You may not delete this agent")


class AgentNotFoundError(NotFoundError):
    """E-AGENT: unknown, or not for this caller."""

    slug = "agent_not_found"
    code = 404
    http_status = 200
    text = Text("Agent '{id}' 不存在", "Agent '{id}' not found")

    def __init__(self, agent_id: str) -> None:
        super().__init__(id=agent_id)


class AgentForbiddenError(ForbiddenError):
    """E-AGENT-EDIT: seen, but not the caller's to change."""

    slug = "agent_forbidden"
    code = 403
    http_status = 200
    text = MAY_NOT_CHANGE

    def __init__(self, text: Text) -> None:
        super().__init__()
        self.message = text


class AgentNameEmptyError(InvalidRequestError):
    """E-AGENT-NAME: nothing is left of the name after trimming."""

    slug = "agent_name_empty"
    code = 400
    http_status = 200
    text = Text("Agent 名称不能为空", "The agent name must not be empty")


class AgentExistsError(ConflictError):
    """E-AGENT-NAME: the owner has an agent of this name."""

    slug = "agent_exists"
    code = 409
    http_status = 200
    text = Text("Agent '{name}' 已存在", "Agent '{name}' already exists")

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class AgentStaleError(ConflictError):
    """E-AGENT-STALE: the version in `If-Match` is not the present one."""

    slug = "version_conflict"
    code = 409
    http_status = 200
    text = Text("Agent 已被修改，请刷新后重试", "The agent was changed meanwhile, please reload")


class VersionNotFoundError(NotFoundError):
    """A version that never was, or is no longer kept (product.md 3.2)."""

    slug = "version_not_found"
    code = 404
    http_status = 200
    text = Text("版本不存在", "Version not found")


class TaskNotFoundError(NotFoundError):
    """E-TASK: unknown, somebody else's, or forgotten."""

    slug = "task_not_found"
    code = 404
    http_status = 200
    text = Text("任务不存在", "Task not found")


class ModelCallFailedError(ProviderFailedError):
    """E-MODEL: the slug is the kind of the failure (stream-runtime.md 9.15)."""

    code = 502
    http_status = 200
    text = Text("模型调用失败: {reason}", "The model call failed: {reason}")
