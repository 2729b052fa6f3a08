"""Refusals of the administration of clients and grants (platform.md 6.7); the protocol has its own errors."""

from clary.errors import ConflictError, ForbiddenError, InvalidRequestError, NotFoundError
from clary.kit.text import Text


class ClientExistsError(ConflictError):
    """The id is taken."""

    slug = "client_exists"
    code = 409
    http_status = 200
    text = Text("客户端已存在", "Client already exists")


class ClientLockedError(ForbiddenError):
    """The configuration says what this client is."""

    slug = "client_locked"
    code = 403
    http_status = 200
    text = Text("该客户端由配置管理", "This client is managed by configuration")


class ClientNotFoundError(NotFoundError):
    """No client of this id."""

    slug = "client_not_found"
    code = 404
    http_status = 200
    text = Text("客户端不存在", "Client not found")


class GrantNotFoundError(NotFoundError):
    """The caller let this client do nothing."""

    slug = "grant_not_found"
    code = 404
    http_status = 200
    text = Text("授权不存在", "No such grant")


class ConsentExpiredError(InvalidRequestError):
    """The request is unknown, somebody else's, used, or too old."""

    slug = "consent_expired"
    code = 400
    http_status = 400
    text = Text("授权请求已失效，请重新开始", "This request has expired, please start again")
