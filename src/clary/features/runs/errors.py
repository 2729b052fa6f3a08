"""Problems of runs."""

from clary.errors import ConflictError, LimitExceededError, NotFoundError
from clary.kit.text import Text


class RunNotFoundError(NotFoundError):
    """Unknown, deleted, or somebody else's (platform.md 12.4)."""

    slug = "run_not_found"
    code = 404
    http_status = 200
    text = Text("运行不存在", "Run not found")


class SessionBusyError(ConflictError):
    """The conversation already has an active run."""

    slug = "session_busy"
    code = 409
    http_status = 200
    text = Text(
        "会话正在运行中，请先调用 interrupt 或使用不同的会话ID",
        "The conversation is running; interrupt it first or use another session id",
    )


class SessionReleasingError(ConflictError):
    """The replaced run is not gone in time."""

    slug = "session_releasing"
    code = 409
    http_status = 200
    text = Text("会话正在清理中，请稍后重试", "The conversation is being cleaned up, please try again")


class IdempotencyMismatchError(ConflictError):
    """The key was used for another request."""

    slug = "idempotency_mismatch"
    code = 409
    http_status = 409
    text = Text("幂等键已用于不同的请求", "The idempotency key was used for another request")


class TooManyRunsError(LimitExceededError):
    """Too many active runs of one user."""

    slug = "too_many_runs"
    code = 429
    http_status = 200
    text = Text("运行数量已达上限，请稍后重试", "Too many active runs, please try again later")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})


class TooManyViewsError(LimitExceededError):
    """Too many open views of one run."""

    slug = "too_many_views"
    code = 429
    http_status = 429
    text = Text("运行数量已达上限，请稍后重试", "Too many active runs, please try again later")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})
