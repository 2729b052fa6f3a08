"""What this slice needs from the world: a client of MCP servers, one of their authorization servers, other slices."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from clary.db.session import Session
from clary.features.mcp_servers.errors import FailureKind
from clary.features.permissions.service import Identity

__all__ = [
    "AgentDoor",
    "AuthorizationDoor",
    "AuthorizationServer",
    "CallDoor",
    "CallResult",
    "Elicit",
    "Endpoint",
    "FailureKind",
    "GrantedAgent",
    "Listing",
    "McpClient",
    "McpFailedError",
    "OAuthClient",
    "Part",
    "RemoteError",
    "StdioHost",
    "StdioPipes",
    "StdioProgram",
    "StdioPrograms",
    "Tokens",
]

Json = dict[str, Any]
Protocols = Literal["streamable_http", "sse", "stdio"]


class McpFailedError(Exception):
    """The server could not be used. `challenge`: the `WWW-Authenticate` header of a refusal, if there was one."""

    def __init__(self, kind: FailureKind, challenge: str | None = None) -> None:
        super().__init__(kind)
        self.kind: FailureKind = kind
        self.challenge = challenge


class RemoteError(Exception):
    """The server answered a request with an error of its own; the message is a stranger's text, cut."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class StdioProgram:
    """An entry of the administrator's list (product.md 8.7)."""

    id: str
    command: str
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where to connect, and with what.

    `server` names the server in pools and limits; `user` is "" where everybody uses the same secrets. Endpoints that
    differ in anything are different connections.
    """

    server: str
    protocol: Protocols
    url: str
    user: str = ""
    headers: tuple[tuple[str, str], ...] = field(default=(), repr=False)
    program: StdioProgram | None = None


@dataclass(frozen=True, slots=True)
class Listing:
    """What a server offers now.

    Tools are `{name, title, description, input_schema, annotations}`, as sent; `left_out` names tools whose
    definition nobody could use. Resources are `{uri, name, description}`, prompts `{name, description, arguments}`;
    without `has_extras` nobody asked for these.
    """

    tools: tuple[Json, ...]
    instructions: str = ""
    resources: tuple[Json, ...] = ()
    prompts: tuple[Json, ...] = ()
    left_out: tuple[str, ...] = ()
    has_extras: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of content. `text` of a link is its name; `data` is set for files only."""

    kind: Literal["text", "file", "link"]
    text: str = ""
    uri: str = ""
    mime_type: str = ""
    data: bytes = b""


@dataclass(frozen=True, slots=True)
class CallResult:
    """What a tool answered."""

    parts: tuple[Part, ...]
    structured: Json | None = None
    is_error: bool = False


Elicit = Callable[[str, Json], Awaitable[Json | None]]
"""A question of the server: its message and the schema of the answer; None declines it."""


@dataclass(frozen=True, slots=True)
class CallDoor:
    """What a call under way may reach. `check` sees what the server offers just before the call, and may refuse."""

    check: Callable[[Listing], Awaitable[None]]
    progress: Callable[[str], Awaitable[None]]
    elicit: Elicit
    hops: int = 0


class McpClient(Protocol):
    """Connections to MCP servers: pooled, bounded in number, time and size (product.md 8.6)."""

    async def list_offer(self, endpoint: Endpoint) -> Listing:
        """What the server offers now.

        Raises:
            McpFailedError
        """
        ...

    async def call_tool(self, endpoint: Endpoint, name: str, arguments: Json, door: CallDoor) -> CallResult:
        """Calls a tool after `door.check` has seen the present offer. Sent at most once.

        Raises:
            McpFailedError, RemoteError; whatever `door.check` raises
        """
        ...

    async def read_resource(self, endpoint: Endpoint, uri: str, door: CallDoor) -> CallResult:
        """The contents of a resource.

        Raises:
            McpFailedError, RemoteError
        """
        ...

    async def get_prompt(
        self, endpoint: Endpoint, name: str, arguments: Mapping[str, str], door: CallDoor
    ) -> list[Json]:
        """The messages of a prompt, each `{role, text}`.

        Raises:
            McpFailedError, RemoteError
        """
        ...

    async def forget(self, server: str, *, user: str | None = None) -> None:
        """Ends the connections to a server, or one person's."""
        ...

    def on_change(self, listener: Callable[[str], None]) -> None:
        """Asks to be told, by `Endpoint.server`, when a server says that its tools changed."""
        ...

    async def close(self) -> None:
        """Ends everything."""
        ...


class StdioPrograms(Protocol):
    """The administrator's list of programs, read anew at each use."""

    async def find(self, program_id: str) -> StdioProgram | None:
        """The program of an id; None when it is not listed, or there is no list."""
        ...


class StdioPipes(Protocol):
    """A program under way."""

    async def read(self) -> bytes:
        """The next piece of what it writes; nothing at its end."""
        ...

    async def send(self, data: bytes) -> None:
        """Writes to it.

        Raises:
            OSError: it has gone.
        """
        ...


class StdioHost(Protocol):
    """Runs the administrator's programs in the sandbox, with their own environment and nothing of the server's."""

    def open(self, program: StdioProgram) -> AbstractAsyncContextManager[StdioPipes]:
        """A program, which ends with the block.

        Raises:
            McpFailedError: there is no sandbox here, or it could not be started.
        """
        ...


@dataclass(frozen=True, slots=True)
class AuthorizationServer:
    """Where a person lets this server act for them (product.md 8.5). `resource` is what tokens are asked for."""

    issuer: str
    authorization_endpoint: str
    token_endpoint: str
    registration_endpoint: str | None
    resource: str
    scope: str | None = None
    sends_issuer: bool = False


@dataclass(frozen=True, slots=True)
class OAuthClient:
    """Who this server is to an authorization server."""

    client_id: str
    client_secret: str | None = field(default=None, repr=False)
    method: str = "none"


@dataclass(frozen=True, slots=True)
class Tokens:
    """What an authorization server gave. `expires_in` in seconds; None: it did not say."""

    access_token: str = field(repr=False)
    refresh_token: str | None = field(default=None, repr=False)
    expires_in: int | None = None


class AuthorizationDoor(Protocol):
    """Talks to the authorization servers of MCP servers; every address is checked as those of servers are."""

    async def discover(self, url: str) -> AuthorizationServer:
        """The authorization server that protects an MCP server.

        Raises:
            McpFailedError
        """
        ...

    async def register(self, server: AuthorizationServer, *, redirect_uri: str) -> OAuthClient:
        """Makes this server known there (RFC 7591).

        Raises:
            McpFailedError
        """
        ...

    async def exchange(
        self, server: AuthorizationServer, client: OAuthClient, *, code: str, verifier: str, redirect_uri: str
    ) -> Tokens:
        """Tokens for a code.

        Raises:
            McpFailedError: `unauthorized` when it was refused.
        """
        ...

    async def refresh(self, server: AuthorizationServer, client: OAuthClient, *, refresh_token: str) -> Tokens:
        """Tokens for a refresh token.

        Raises:
            McpFailedError: `unauthorized` when it was refused.
        """
        ...


@dataclass(frozen=True, slots=True)
class GrantedAgent:
    """An agent that somebody may use: whose it is, and the tools it names."""

    owner_id: str
    tools: tuple[str, ...]


class AgentDoor(Protocol):
    """The agents, which live above this slice."""

    async def find_granted(self, session: Session, *, identity: Identity, agent_id: str) -> GrantedAgent | None:
        """An agent that the person may use; None for any other."""
        ...
