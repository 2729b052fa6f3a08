"""The refusals every route can give (platform.md 1.2), and those that several slices share (product.md 1.2)."""

from collections.abc import Sequence
from typing import Any

from clary.errors import (
    ConflictError,
    ForbiddenError,
    InvalidRequestError,
    LimitExceededError,
    NotFoundError,
    ProblemError,
    TooLargeError,
    UnauthenticatedError,
)
from clary.kit.text import Text


class NotSignedInError(UnauthenticatedError):
    """No credential, an expired one, or a malformed one; the text says which."""

    slug = "unauthenticated"
    code = 401
    http_status = 401
    text = Text("未登录", "Not signed in")

    EXPIRED = Text("登录过期", "Login expired")
    MALFORMED = Text("Token非法", "Invalid token")

    def __init__(self, text: Text | None = None) -> None:
        super().__init__(headers={"WWW-Authenticate": "Bearer"})
        if text is not None:
            self.message = text


class RoleMissingError(ForbiddenError):
    """Role or scope missing."""

    slug = "forbidden"
    code = 403
    http_status = 200
    text = Text("权限不足", "Permission denied")


class CsrfFailedError(ForbiddenError):
    """A browser sent the cookie from somewhere else (platform.md 2.5)."""

    slug = "csrf_failed"
    code = 403
    http_status = 403
    text = Text("请求来源校验失败", "Request origin check failed")


class InvalidHostError(InvalidRequestError):
    """The Host header is not one of ours."""

    slug = "invalid_host"
    code = 400
    http_status = 400
    text = Text("请求主机不被允许", "Host not allowed")


class ValidationFailedError(InvalidRequestError):
    """Wrong types, missing keys, lengths, ranges. `errors` is the framework's list without the values sent."""

    slug = "validation_error"
    code = 422
    http_status = 422
    text = Text("参数错误: {sentence}", "Invalid request: {sentence}")

    def __init__(self, sentence: str, errors: Sequence[dict[str, Any]] | None = None) -> None:
        super().__init__(sentence=sentence)
        self.errors = list(errors) if errors else [{"type": "value_error", "loc": ["body"], "msg": sentence}]


class InvalidJsonError(InvalidRequestError):
    """The body is not JSON as platform.md 1.3 allows it."""

    slug = "invalid_json"
    code = 422
    http_status = 422
    text = Text("请求体不是合法的 JSON", "Request body is not valid JSON")


class InvalidTextError(InvalidRequestError):
    """U+0000 or a lone surrogate in a string."""

    slug = "invalid_text"
    code = 422
    http_status = 422
    text = Text("文本包含非法字符", "Text contains forbidden characters")


class RouteNotFoundError(NotFoundError):
    """No such path."""

    slug = "route_not_found"
    code = 404
    http_status = 404
    text = Text("接口不存在", "No such endpoint")


class MethodNotAllowedError(InvalidRequestError):
    """A known path, another method."""

    slug = "method_not_allowed"
    code = 405
    http_status = 405
    text = Text("请求方法不支持", "Method not allowed")


class BodyTooLargeError(TooLargeError):
    """More body, header or address than allowed."""

    slug = "body_too_large"
    code = 413
    http_status = 413
    text = Text("请求体过大", "Request body too large")


class HeadersTooLargeError(TooLargeError):
    """Over 32 KiB of headers, or an address of over 16 KiB (platform.md 1.3 names the limit, not the status)."""

    slug = "headers_too_large"
    code = 431
    http_status = 431
    text = Text("请求头或地址过长", "Request headers or address too long")


class UnsupportedMediaTypeError(InvalidRequestError):
    """A body of another content type."""

    slug = "unsupported_media_type"
    code = 415
    http_status = 415
    text = Text("不支持的内容类型", "Content type not supported")


class ThrottledError(LimitExceededError):
    """Too many requests; `Retry-After` says how long to wait, in seconds."""

    slug = "throttled"
    code = 429
    http_status = 200
    text = Text("操作过于频繁，请 {n} 秒后重试", "Too many requests, try again in {n} seconds")

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_seconds)}, n=retry_after_seconds)


class OutboundRefusedError(InvalidRequestError):
    """The outbound guard does not let the server go there."""

    slug = "outbound_blocked"
    code = 400
    http_status = 200
    text = Text(
        "目标地址不被允许，内网地址需由管理员加入出站白名单",
        "Address not allowed; an administrator must add private addresses to the outbound allow-list",
    )


class ObjectLimitError(ConflictError):
    """E-QUOTA, where things are counted: as many as one person or one place may have."""

    slug = "object_limit"
    code = 409
    http_status = 200
    text = Text("数量已达上限: {n}", "Limit of {n} reached")

    def __init__(self, limit: int) -> None:
        super().__init__(n=limit)


class ArchiveInvalidError(InvalidRequestError):
    """E-ARCHIVE: no archive of the kind, or a damaged one."""

    slug = "archive_invalid"
    code = 400
    http_status = 200
    text = Text("无效的 ZIP 文件", "Invalid ZIP file")


class ArchiveUnsafeError(InvalidRequestError):
    """E-ARCHIVE: one that must not be unpacked, and why."""

    slug = "archive_unsafe"
    code = 400
    http_status = 200
    text = Text("压缩包不安全: {reason}", "Unsafe archive: {reason}")

    def __init__(self, reason: Text) -> None:
        super().__init__()
        self.message = Text(self.text.fill(reason=reason.zh).zh, self.text.fill(reason=reason.en).en)


class InternalError(ProblemError):
    """A fault of ours; the request id finds it in the log."""

    slug = "internal_error"
    code = 500
    http_status = 500
    text = Text("内部服务器错误", "Internal server error")
