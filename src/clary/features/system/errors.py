"""Refusals of readiness and of settings."""

from clary.errors import ConflictError, UpstreamError
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


class SettingsLockedError(ConflictError):
    """A variable that is set fixes the value; the text names the settings (platform.md 9.3)."""

    slug = "settings_locked"
    code = 409
    http_status = 200
    text = Text("该设置由环境变量固定: {name}", "This setting is fixed by the environment: {name}")

    def __init__(self, names: list[str]) -> None:
        super().__init__(name=", ".join(names))
