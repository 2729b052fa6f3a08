"""Refusals of asking for permissions (platform.md 7.4)."""

from clary.errors import NotFoundError
from clary.kit.text import Text


class ObjectNotFoundError(NotFoundError):
    """No object of this type and id, or no such person or key to ask about."""

    slug = "object_not_found"
    code = 404
    http_status = 200
    text = Text("对象不存在", "Object not found")
