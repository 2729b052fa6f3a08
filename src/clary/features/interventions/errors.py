"""Problems of answers, approvals and guidance (stream-runtime.md 10.8)."""

from clary.errors import ConflictError, InvalidRequestError, LimitExceededError, NotFoundError
from clary.kit.text import Text


class QuestionnaireNotFoundError(NotFoundError):
    """Unknown, or somebody else's."""

    slug = "questionnaire_not_found"
    code = 404
    http_status = 404
    text = Text("问卷不存在", "Questionnaire not found")


class QuestionnaireSubmittedError(ConflictError):
    """Somebody was quicker, perhaps the same person on a page opened again."""

    slug = "questionnaire_submitted"
    code = 409
    http_status = 409
    text = Text("问卷已提交", "Already submitted")


class QuestionnaireClosedError(ConflictError):
    """Too late: the deadline is over, or the run has ended."""

    slug = "questionnaire_closed"
    code = 410
    http_status = 410
    text = Text("问卷已过期", "The questionnaire has expired")


class ApprovalNotFoundError(NotFoundError):
    """Unknown, or somebody else's."""

    slug = "approval_not_found"
    code = 404
    http_status = 200
    text = Text("审批不存在", "Approval not found")


class ApprovalMismatchError(ConflictError):
    """The hash is not that of the call that waits."""

    slug = "approval_mismatch"
    code = 409
    http_status = 200
    text = Text("待审批的内容已变化", "The call to approve has changed")


class ApprovalDecidedError(ConflictError):
    """Decided before, or too late."""

    slug = "approval_decided"
    code = 409
    http_status = 200
    text = Text("审批已结束: {status}", "Already decided: {status}")

    def __init__(self, status: str) -> None:
        super().__init__(status=status)


class ContentEmptyError(InvalidRequestError):
    """Nothing was said."""

    slug = "content_empty"
    code = 400
    http_status = 200
    text = Text("内容不能为空", "The content must not be empty")


class GuidanceNotFoundError(NotFoundError):
    """Unknown, or taken by a run already."""

    slug = "guidance_not_found"
    code = 404
    http_status = 200
    text = Text("引导消息不存在或已被处理", "Guidance not found or already used")


class GuidanceConflictError(ConflictError):
    """The id was used for other words."""

    slug = "guidance_conflict"
    code = 409
    http_status = 200
    text = Text("该引导消息已存在且内容不同", "This guidance id exists with other content")


class GuidanceLimitError(LimitExceededError):
    """Too many items wait."""

    slug = "guidance_limit"
    code = 429
    http_status = 200
    text = Text("待处理的引导消息过多", "Too much guidance is pending")
