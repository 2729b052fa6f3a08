"""What can be refused about files (platform.md 10).

ProblemError
├── InvalidRequestError  PathInvalidError, RemoteEmptyError
├── NotFoundError        FileMissingError
├── TooLargeError        FileTooLargeError, QuotaExceededError
└── UpstreamError        DownloadFailedError
"""

from clary.errors import InvalidRequestError, NotFoundError, TooLargeError, UpstreamError
from clary.kit.text import Text


class FileMissingError(NotFoundError):
    """No such object for this caller; unknown, deleted and foreign ones read alike."""

    slug = "file_not_found"
    code = 404
    http_status = 200
    text = Text("文件不存在", "File not found")


class FileTooLargeError(TooLargeError):
    """One file is over the limit."""

    slug = "file_too_large"
    code = 413
    http_status = 200
    text = Text("文件过大，上限 {n} MB", "The file is too large, limit {n} MB")

    def __init__(self, limit_mb: int) -> None:
        super().__init__(n=limit_mb)


class QuotaExceededError(TooLargeError):
    """All files of a person together are over the limit."""

    slug = "quota_exceeded"
    code = 413
    http_status = 200
    text = Text("存储空间不足，上限 {n} MB", "Storage quota exceeded, limit {n} MB")

    def __init__(self, limit_mb: int) -> None:
        super().__init__(n=limit_mb)


class PathInvalidError(InvalidRequestError):
    """The path an upload asked for."""

    slug = "path_invalid"
    code = 400
    http_status = 200
    text = Text("文件路径不合法", "File path not allowed")


class DownloadFailedError(UpstreamError):
    """Deliberately does not say why."""

    slug = "download_failed"
    code = 502
    http_status = 200
    text = Text("下载失败: 无法下载该地址", "The address could not be downloaded")


class RemoteEmptyError(InvalidRequestError):
    """Nothing lies at the address."""

    slug = "remote_empty"
    code = 400
    http_status = 200
    text = Text("远端资源为空", "The remote file is empty")
