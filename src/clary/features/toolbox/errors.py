"""What can be refused about tools (product.md 1.2, 6.3).

ProblemError
├── NotFoundError        ToolNotFoundError
├── InvalidRequestError  ToolNeedsRunError, ToolArgumentsError, ToolUnavailableError
└── UpstreamError        ToolRunFailedError, ToolTimeoutError
"""

from clary.errors import InvalidRequestError, NotFoundError, UpstreamError
from clary.kit.text import Text


class ToolNotFoundError(NotFoundError):
    """E-TOOL: unknown, or not for this caller."""

    slug = "tool_not_found"
    code = 404
    http_status = 200
    text = Text("工具不存在", "Tool not found")


class ToolNeedsRunError(InvalidRequestError):
    """It means something only inside a conversation."""

    slug = "tool_needs_run"
    code = 400
    http_status = 200
    text = Text("该工具只能在会话中使用", "This tool works only inside a conversation")


class ToolArgumentsError(InvalidRequestError):
    """The arguments break the tool's schema, or cannot be meant so."""

    slug = "tool_arguments"
    code = 400
    http_status = 200
    text = Text("参数错误: {reason}", "Invalid arguments: {reason}")

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class ToolUnavailableError(InvalidRequestError):
    """It is there, but cannot be used on this server now."""

    slug = "tool_unavailable"
    code = 400
    http_status = 200
    text = Text("工具不可用: {reason}", "Tool unavailable: {reason}")

    def __init__(self, reason: Text) -> None:
        super().__init__()
        self.message = Text(self.text.zh.replace("{reason}", reason.zh), self.text.en.replace("{reason}", reason.en))


class ToolRunFailedError(UpstreamError):
    """The tool could not do it; the reason is the tool's own."""

    slug = "tool_failed"
    code = 500
    http_status = 200
    text = Text("工具执行失败: {reason}", "Tool execution failed: {reason}")

    def __init__(self, reason: str) -> None:
        super().__init__(reason=reason)


class ToolTimeoutError(UpstreamError):
    """Over its time limit (stream-runtime.md 9.5)."""

    slug = "tool_timeout"
    code = 504
    http_status = 200
    text = Text("工具执行超时", "Tool execution timed out")
