"""Refusals of readiness."""

from clary.errors import UpstreamError
from clary.kit.text import Text


class NotReadyError(UpstreamError):
    """A check failed; the text names which (platform.md 9.2)."""

    slug = "not_ready"
    code = 503
    http_status = 503
    text = Text("服务未就绪: {checks}", "Not ready: {checks}")

    def __init__(self, checks: list[str]) -> None:
        super().__init__(headers={"Retry-After": "5"}, checks=", ".join(checks))


class DrainingError(UpstreamError):
    """The server is shutting down."""

    slug = "draining"
    code = 503
    http_status = 503
    text = Text("服务正在关闭", "Server is shutting down")

    def __init__(self) -> None:
        super().__init__(headers={"Retry-After": "5"})
