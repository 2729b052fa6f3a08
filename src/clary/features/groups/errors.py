"""Refusals of groups (platform.md 7.4)."""

from clary.errors import ConflictError, NotFoundError
from clary.kit.text import Text


class GroupNotFoundError(NotFoundError):
    """No such group, or one the caller does not belong to."""

    slug = "group_not_found"
    code = 404
    http_status = 200
    text = Text("用户组不存在", "Group not found")


class GroupExistsError(ConflictError):
    """Some group has this name, ignoring case and width."""

    slug = "group_exists"
    code = 409
    http_status = 200
    text = Text("用户组已存在", "Group already exists")
