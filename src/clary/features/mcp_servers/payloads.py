"""Wire shapes of MCP servers (product.md 8.1, 8.2)."""

import unicodedata
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from clary.features.mcp_servers.policy import is_name
from clary.http.payload import Payload
from clary.kit.text import TextError, has_control_characters

Json = dict[str, Any]
FORBIDDEN_HEADERS = frozenset(
    (
        "host",
        "cookie",
        "content-length",
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    )
)
_TOKEN = frozenset("!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")


def _server_name(text: str) -> str:
    name = unicodedata.normalize("NFC", text.strip())
    if not is_name(name):
        raise TextError(
            "应为 1 到 64 个字母、数字、空格、_、- 或 .，且不能是 add、list、oauth",
            "must have 1 to 64 letters, digits, spaces, _, - or ., and be none of add, list, oauth",
        )
    return name


def one_line(text: str) -> str:
    """A secret as it goes into a header.

    Raises:
        ValueError
    """
    text = text.strip()
    if has_control_characters(text) or len(text.splitlines()) > 1 or not text.isascii():
        raise TextError("应为一行普通字符", "must be a single line of plain characters")
    return text


def header_map(headers: dict[str, str]) -> dict[str, str]:
    """Headers to send with each request.

    Raises:
        ValueError
    """
    for name in headers:
        if not name or len(name) > 100 or not _TOKEN.issuperset(name):
            raise TextError("应为合法的请求头名称", "must have names of header fields")
        if name.lower() in FORBIDDEN_HEADERS:
            raise TextError(f"不能设置 {name}", f"must not set {name}")
    if len({name.lower() for name in headers}) < len(headers):
        raise TextError("请求头不能重复", "must not name a header twice")
    return {name: one_line(value) for name, value in headers.items()}


Name = Annotated[str, AfterValidator(_server_name)]
Secret = Annotated[str, Field(max_length=4096), AfterValidator(one_line)]
Headers = Annotated[dict[str, Annotated[str, Field(max_length=4096)]], Field(max_length=20), AfterValidator(header_map)]


class OAuthBody(Payload):
    """Who this server is to the authorization server; without an id it registers itself."""

    client_id: Annotated[str, Field(max_length=512), AfterValidator(one_line)] | None = None
    client_secret: Secret | None = None
    scope: Annotated[str, Field(max_length=1000), AfterValidator(one_line)] | None = None


class McpServerRequest(Payload):
    """MCPServerRequest. Absent secrets stay as they are when a server is changed."""

    name: Name
    protocol: Literal["streamable_http", "sse", "stdio"]
    streamable_http_url: str | None = None
    sse_url: str | None = None
    api_key: Secret | None = None
    description: Annotated[str, Field(max_length=1000)] | None = None
    headers: Headers | None = None
    auth: Literal["none", "api_key", "oauth"] | None = None
    oauth: OAuthBody | None = None
    disabled: bool | None = None
    command: str | None = None
    args: Any = None
    env: Any = None

    @model_validator(mode="before")
    @classmethod
    def _blank_is_absent(cls, data: Any) -> Any:
        # The form of existing clients sends "" for what was left empty.
        if isinstance(data, dict):
            return {key: each for key, each in data.items() if not (key in ("auth", "disabled") and each == "")}  # pyright: ignore[reportUnknownVariableType]
        return data

    @property
    def address(self) -> str:
        """The address of the protocol; "" where there is none."""
        url = self.streamable_http_url if self.protocol == "streamable_http" else self.sse_url
        return (url or "").strip()


class ToggleRequest(Payload):
    """Which way; absent flips."""

    disabled: bool | None = None


class ApproveRequest(Payload):
    """What is approved."""

    hash: Annotated[str, Field(max_length=128)]


class RefreshRequest(Payload):
    """Nothing is read of it; existing clients send `{}`."""


class ServerResponse(BaseModel):
    """Server of 8.2."""

    name: str
    protocol: str
    disabled: bool
    streamable_http_url: str | None
    sse_url: str | None
    api_key: str | None
    user_id: str
    description: str
    headers: dict[str, str]
    auth: str
    authorized: bool
    state: str
    error: str | None
    error_kind: str | None
    tool_count: int
    hash: str | None
    pending_hash: str | None
    last_checked_at: str | None
    created_at: str | None
    updated_at: str | None


class ExtraServer(Payload):
    """One server of a request (stream-runtime.md 3.2)."""

    streamable_http_url: str | None = None
    url: str | None = None
    sse_url: str | None = None
    api_key: Secret | None = None
    headers: Headers | None = None
    disabled: bool = False
    command: Any = None
    args: Any = None
    env: Any = None

    @model_validator(mode="after")
    def _only_addresses(self) -> "ExtraServer":
        if self.command is not None or self.args is not None or self.env is not None:
            raise TextError("不能包含 command、args 或 env", "must not have command, args or env")
        if not is_address(self.address):
            raise TextError("缺少地址", "must have an address")
        return self

    @property
    def address(self) -> str:
        """Where it is."""
        return (self.streamable_http_url or self.url or self.sse_url or "").strip()

    @property
    def protocol(self) -> Literal["streamable_http", "sse"]:
        """What is spoken there."""
        return "streamable_http" if self.streamable_http_url or self.url else "sse"


def extra_server(fields: Any) -> ExtraServer | None:
    """A server of a request; None for a shape that is not allowed."""
    try:
        return ExtraServer.model_validate(fields)
    except ValidationError:
        return None


def is_address(url: str) -> bool:
    """Whether a text is an http(s) address that could be saved (product.md 8.1)."""
    if not url or len(url) > 2048 or has_control_characters(url) or any(char.isspace() or char == "\\" for char in url):
        return False
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0 and "@" not in parts.netloc
