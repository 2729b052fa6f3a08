"""Refusals of chat requests before the first byte (stream-runtime.md 2)."""

from clary.errors import ForbiddenError, InvalidRequestError, UpstreamError
from clary.kit.text import Text
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.model import FailureKind


class UserMessageMissingError(InvalidRequestError):
    """There is nothing to edit (stream-runtime.md 10.2)."""

    slug = "user_message_missing"
    code = 400
    http_status = 200
    text = Text("没有用户消息", "There is no user message")


class NothingToAnswerError(UserMessageMissingError):
    """There is nothing to answer again (stream-runtime.md 10.1)."""

    code = 422
    http_status = 422


class MessagesEmptyError(InvalidRequestError):
    """No message was sent."""

    slug = "messages_empty"
    code = 422
    http_status = 422
    text = Text("消息列表不能为空", "The message list must not be empty")


class ModelOverrideForbiddenError(ForbiddenError):
    """The request names another model of a stored provider that the caller may not edit."""

    slug = "model_override_forbidden"
    code = 403
    http_status = 403
    text = Text("权限不足", "Permission denied")


class ModelCallFailedError(UpstreamError):
    """The model did not answer; the slug is the kind of the failure (product.md 1.2, E-MODEL)."""

    code = 502
    http_status = 200
    text = Text("模型调用失败: {reason}", "The model call failed: {reason}")

    def __init__(self, kind: FailureKind) -> None:
        super().__init__()
        self.kind: FailureKind = kind
        reason = KIND_TEXTS[kind]
        self.message = Text(self.text.fill(reason=reason.zh).zh, self.text.fill(reason=reason.en).en)

    @property
    def slug(self) -> str:  # pyright: ignore[reportIncompatibleVariableOverride]
        """One refusal with many slugs."""
        return self.kind
