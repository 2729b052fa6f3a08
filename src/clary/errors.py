"""The root of the problem tree.

    ProblemError (abstract: each leaf states slug, wire code, HTTP status and both texts)
    ├── InvalidRequestError    the caller must change the request
    ├── UnauthenticatedError   no valid identity
    ├── ForbiddenError         seen, but not allowed
    ├── NotFoundError          unknown, or not to be seen
    ├── ConflictError          the state does not allow it
    ├── TooLargeError          over a size limit
    ├── LimitExceededError     too often, or too many
    └── UpstreamError          somebody else's service failed

Slices name their own leaves. A leaf's `http_status` is 200 where existing clients show the server's text only then
(platform.md 1.1); `problem_status` is the true status, used for problem+json and on stream and file answers.
"""

from typing import ClassVar

from clary.kit.text import Text


class ProblemError(Exception):
    """A refusal that a caller is told about. Never carries exception text, SQL, paths or secrets."""

    slug: ClassVar[str]
    code: ClassVar[int]
    http_status: ClassVar[int]
    text: ClassVar[Text]
    problem_status: ClassVar[int | None] = None
    """True status of rows marked `→ n`; the code otherwise."""

    def __init__(self, *, headers: dict[str, str] | None = None, **fields: object) -> None:
        self.message = self.text.fill(**fields) if fields else self.text
        self.headers = dict(headers or {})
        super().__init__(self.message.en)

    @property
    def true_status(self) -> int:
        """The HTTP status that says what happened."""
        return self.problem_status or self.code


class InvalidRequestError(ProblemError):
    """The caller must change the request."""


class UnauthenticatedError(ProblemError):
    """No valid identity."""


class ForbiddenError(ProblemError):
    """Seen, but not allowed."""


class NotFoundError(ProblemError):
    """Unknown, or not to be seen; both read alike."""


class ConflictError(ProblemError):
    """The present state does not allow it."""


class TooLargeError(ProblemError):
    """Over a size limit."""


class LimitExceededError(ProblemError):
    """Too often, or too many."""


class UpstreamError(ProblemError):
    """A service outside failed."""
