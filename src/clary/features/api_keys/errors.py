"""Refusals of API keys (platform.md 7.4)."""

from clary.errors import ConflictError, NotFoundError
from clary.kit.text import Text


class KeyNotFoundError(NotFoundError):
    """No key of this id for this person."""

    slug = "key_not_found"
    code = 404
    http_status = 200
    text = Text("密钥不存在", "Key not found")


class KeyLimitError(ConflictError):
    """Fifty keys are enough for anybody."""

    slug = "key_limit"
    code = 409
    http_status = 200
    text = Text("密钥数量已达上限", "Too many keys")
