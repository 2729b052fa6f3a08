"""What can be refused about files of a workspace (product.md 1.2).

ProblemError
├── InvalidRequestError  PathMissingError
├── ForbiddenError       PathDeniedError
├── NotFoundError        FileMissingError
├── ConflictError        FileTakenError, IdempotencyMismatchError
└── TooLargeError        FileTooLargeError, QuotaExceededError
"""

from clary.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError, TooLargeError
from clary.kit.text import Text


class PathMissingError(InvalidRequestError):
    """E-PATH: no path was given."""

    slug = "path_missing"
    code = 400
    http_status = 200
    text = Text("缺少必要的路径参数", "A path is required")


class PathDeniedError(ForbiddenError):
    """E-PATH: outside the workspace, over a link, or not for writing."""

    slug = "path_denied"
    code = 403
    http_status = 200
    text = Text("访问被拒绝：文件路径超出工作空间范围", "Access denied: the path is outside the workspace")


class FileMissingError(NotFoundError):
    """E-FILE: nothing is there."""

    slug = "file_not_found"
    code = 404
    http_status = 200
    text = Text("文件不存在: {path}", "File not found: {path}")

    def __init__(self, path: str) -> None:
        super().__init__(path=path)


class FileTakenError(ConflictError):
    """E-FILE: something is there that may not be replaced."""

    slug = "file_exists"
    code = 409
    http_status = 200
    text = Text("文件已存在: {path}", "File already exists: {path}")

    def __init__(self, path: str) -> None:
        super().__init__(path=path)


class FileTooLargeError(TooLargeError):
    """E-SIZE."""

    slug = "file_too_large"
    code = 413
    http_status = 200
    text = Text("文件过大，上限 {n} MB", "The file is too large, limit {n} MB")

    def __init__(self, limit_mb: int) -> None:
        super().__init__(n=limit_mb)


class QuotaExceededError(TooLargeError):
    """E-QUOTA: the workspace is full."""

    slug = "quota_exceeded"
    code = 413
    http_status = 200
    text = Text("存储空间不足，上限 {n} MB", "Storage quota exceeded, limit {n} MB")

    def __init__(self, limit_mb: int) -> None:
        super().__init__(n=limit_mb)


class IdempotencyMismatchError(ConflictError):
    """The key was used for another archive within 24 hours."""

    slug = "idempotency_mismatch"
    code = 409
    http_status = 200
    text = Text("幂等键已用于不同的请求", "The idempotency key was used for another request")
