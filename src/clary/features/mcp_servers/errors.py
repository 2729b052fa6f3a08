"""What can be refused about MCP servers (product.md 1.2, 8).

ProblemError
├── NotFoundError        McpServerNotFoundError
├── ConflictError        McpServerExistsError, McpNameAmbiguousError, McpToolsChangedError
├── InvalidRequestError  McpAddressInvalidError
├── ForbiddenError       StdioForbiddenError
└── UpstreamError        McpServerDownError
"""

from typing import Literal

from clary.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, UpstreamError
from clary.kit.text import Text

FailureKind = Literal["unreachable", "timeout", "unauthorized", "bad_protocol", "too_large", "denied"]
"""Why a server could not be used (product.md 8.3)."""

REASONS: dict[FailureKind, Text] = {
    "unreachable": Text("无法连接", "could not connect"),
    "timeout": Text("连接超时", "timed out"),
    "unauthorized": Text("认证失败", "authentication failed"),
    "bad_protocol": Text("协议错误", "protocol error"),
    "too_large": Text("工具定义过大", "tool definitions too large"),
    "denied": Text("目标地址不被允许", "the target address is not allowed"),
}
"""The fixed reasons of product.md 8.3."""


class McpServerNotFoundError(NotFoundError):
    """An unknown or foreign name."""

    slug = "mcp_not_found"
    code = 404
    http_status = 200
    text = Text("MCP服务器 '{name}' 不存在", "MCP server '{name}' not found")

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class McpServerExistsError(ConflictError):
    """Its owner has another server of this name."""

    slug = "mcp_exists"
    code = 409
    http_status = 200
    text = Text("MCP服务器 '{name}' 已存在", "MCP server '{name}' already exists")

    def __init__(self, name: str) -> None:
        super().__init__(name=name)


class McpNameAmbiguousError(ConflictError):
    """An administrator named a server that several people have."""

    slug = "name_ambiguous"
    code = 409
    http_status = 200
    text = Text(
        "存在多个同名 MCP 服务器，请指定 user_id",
        "Several MCP servers have this name, give user_id",
    )


class McpToolsChangedError(ConflictError):
    """What was to be approved is not what waits."""

    slug = "version_conflict"
    code = 409
    http_status = 200
    text = Text("工具定义已再次变化", "The tool definitions changed again")


class McpAddressInvalidError(InvalidRequestError):
    """The address of the protocol is missing, or none."""

    slug = "mcp_url"
    code = 400
    http_status = 200
    text = Text("MCP 服务器地址无效", "Invalid MCP server address")


class StdioForbiddenError(ForbiddenError):
    """A program that the administrator has not listed, or one with arguments of the caller (product.md 8.7)."""

    slug = "stdio_forbidden"
    code = 403
    http_status = 200
    text = Text("不允许的 stdio MCP 服务器", "This stdio MCP server is not allowed")


class McpServerDownError(UpstreamError):
    """The server could not be used; the reason is one of a fixed list."""

    slug = "mcp_unreachable"
    code = 502
    http_status = 200
    text = Text("MCP server {name} 注册失败: {reason}", "MCP server {name} could not be registered: {reason}")

    def __init__(self, name: str, kind: FailureKind) -> None:
        super().__init__()
        reason = REASONS[kind]
        self.kind: FailureKind = kind
        self.message = Text(
            self.text.fill(name=name, reason=reason.zh).zh, self.text.fill(name=name, reason=reason.en).en
        )
