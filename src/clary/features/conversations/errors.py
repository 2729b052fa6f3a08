"""Problems of conversations."""

from clary.errors import ConflictError, InvalidRequestError, LimitExceededError, NotFoundError
from clary.kit.text import Text


class SessionNotFoundError(NotFoundError):
    """Unknown, deleted, or somebody else's (product.md E-SESSION)."""

    slug = "session_not_found"
    code = 404
    http_status = 200
    text = Text("会话 {id} 不存在", "Conversation {id} not found")

    def __init__(self, session_id: str) -> None:
        super().__init__(id=session_id)


class SessionAmbiguousError(ConflictError):
    """An admin named an id that several users hold (stream-runtime.md 1)."""

    slug = "session_ambiguous"
    code = 409
    http_status = 200
    text = Text(
        "多个用户持有该会话 ID，请指定 user_id",
        "Several users hold this conversation id, give user_id",
    )


class ShareConflictError(ConflictError):
    """Another user shares the same id already."""

    slug = "share_conflict"
    code = 409
    http_status = 200
    text = Text("该会话 ID 已被其他用户分享", "This conversation id is already shared by another user")


class TitleEmptyError(InvalidRequestError):
    """The title has no text."""

    slug = "title_empty"
    code = 400
    http_status = 200
    text = Text("标题不能为空", "The title must not be empty")


class ShareGuessingError(LimitExceededError):
    """Too many misses of the shared view from one address."""

    slug = "throttled"
    code = 429
    http_status = 429
    text = Text("操作过于频繁，请 {n} 秒后重试", "Too many requests, try again in {n} seconds")

    def __init__(self, retry_after_seconds: int) -> None:
        super().__init__(headers={"Retry-After": str(retry_after_seconds)}, n=retry_after_seconds)
