"""Refusals of the slice."""

from clary.errors import InvalidRequestError, UpstreamError
from clary.kit.text import Text


class JaegerUnsetError(UpstreamError):
    """Nobody said where Jaeger is (platform.md 12.4)."""

    slug = "jaeger_unset"
    code = 503
    http_status = 503
    text = Text("未配置 Jaeger 地址", "Jaeger address is not configured")


class GatePathInvalidError(InvalidRequestError):
    """A path that another server might read differently (platform.md 12.1)."""

    slug = "path_invalid"
    code = 400
    http_status = 400
    text = Text("文件路径不合法", "File path not allowed")
