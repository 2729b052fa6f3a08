"""Refusals of chat requests before the first byte (stream-runtime.md 2)."""

from clary.errors import ForbiddenError, InvalidRequestError
from clary.kit.text import Text


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
