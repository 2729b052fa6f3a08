"""How a person lets this server use an MCP server in their name (product.md 8.5)."""

import base64
import hashlib
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from datetime import timedelta
from typing import Any, Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from clary.db.database import Database
from clary.db.session import Session
from clary.features.mcp_servers.errors import McpServerDownError, McpServerNotFoundError
from clary.features.mcp_servers.ports import (
    AgentDoor,
    AuthorizationDoor,
    AuthorizationServer,
    McpFailedError,
    OAuthClient,
)
from clary.features.mcp_servers.repository import McpServerRepository, McpTokenRepository
from clary.features.mcp_servers.service.contact import Contacts
from clary.features.mcp_servers.service.finding import ABSENT, get_server
from clary.features.mcp_servers.service.naming import names_server
from clary.features.mcp_servers.service.token_keeping import TokenKeeper
from clary.features.mcp_servers.service.vault import McpVault
from clary.features.mcp_servers.tables import McpAuthorizationRow, McpServerRow
from clary.features.permissions.service import Identity
from clary.http.problems import OutboundRefusedError
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError, hash_token
from clary.kit.ids import new_token
from clary.kit.next_address import local_address

LIFE = timedelta(minutes=10)
MAX_STATE = 200
Fault = Literal["state_invalid", "access_denied", "exchange_failed"]


@dataclass(frozen=True, slots=True)
class OwnPlace:
    """Where browsers find this server: origin ("" while no request says), path before `/api`, the web client's path."""

    origin: str
    api_prefix: str = ""
    web_base: str = ""

    def at(self, origin: str) -> "OwnPlace":
        """The same, for a request that came to an origin."""
        return replace(self, origin=origin)

    @property
    def callback(self) -> str:
        """Where authorization servers lead back to."""
        return f"{self.origin}{self.api_prefix}/api/mcp/oauth/callback"

    def onward(self, wanted: str | None) -> str:
        """A place of this server to go on to."""
        return local_address(wanted, own_origin=self.origin, web_base=self.web_base)

    def is_own_face(self, url: str) -> bool:
        """Whether an address is this server's own MCP face (product.md 11, "Loops")."""
        parts, own = urlsplit(url), urlsplit(self.origin)
        same = (parts.scheme, parts.hostname, _port(parts.scheme, parts.port)) == (
            own.scheme,
            own.hostname,
            _port(own.scheme, own.port),
        )
        return same and parts.path.rstrip("/") in ("/mcp", f"{self.api_prefix}/mcp")


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was found out before anything is stored."""

    server: AuthorizationServer
    client: OAuthClient
    is_new_client: bool
    redirect_uri: str


@dataclass(frozen=True, slots=True)
class Returned:
    """What the browser came back with."""

    state: str | None
    code: str | None
    error: str | None
    iss: str | None


class Authorizations:
    """Each person's own; the owner's token is never another person's."""

    def __init__(
        self,
        *,
        database: Database,
        door: AuthorizationDoor,
        vault: McpVault,
        tokens: TokenKeeper,
        contacts: Contacts,
        agents: AgentDoor,
        built_in: Callable[[], frozenset[str]],
        clock: Clock,
    ) -> None:
        self._database = database
        self._door = door
        self._vault = vault
        self._tokens = tokens
        self._contacts = contacts
        self._agents = agents
        self._built_in = built_in
        self._clock = clock

    async def start(
        self, *, identity: Identity, name: str, agent_id: str | None, next_address: str | None, place: OwnPlace
    ) -> str:
        """The address at which the person agrees.

        Raises:
            McpServerNotFoundError, McpServerDownError, OutboundRefusedError
        """
        async with self._database.read() as db:
            row = await self._usable(db, identity, name, agent_id)
        if row.auth != "oauth":
            raise McpServerNotFoundError(name)
        prepared = await self.prepare(row, place)
        async with self._database.write() as db:
            fresh = await McpServerRepository(db).find(row.id)
            if fresh is None or fresh.revision != row.revision:
                raise McpServerNotFoundError(name)
            return await self.begin(
                db, fresh, prepared, user_id=identity.user_id, next_address=place.onward(next_address)
            )

    async def prepare(self, row: McpServerRow, place: OwnPlace) -> Prepared:
        """Finds the authorization server, and makes this server known there if it has to be.

        Raises:
            McpServerDownError, OutboundRefusedError
        """
        try:
            found = await self._door.discover(row.url)
            oauth, redirect_uri = row.oauth or {}, place.callback
            server = replace(found, scope=oauth.get("scope") or found.scope)
            client, is_new = self._client(row, redirect_uri), False
            if client is None:
                client, is_new = await self._door.register(server, redirect_uri=redirect_uri), True
        except McpFailedError as failure:
            raise problem_of(row.name, failure) from None
        return Prepared(server, client, is_new, redirect_uri)

    async def begin(
        self, db: Session, row: McpServerRow, prepared: Prepared, *, user_id: str, next_address: str
    ) -> str:
        """Begins an authorization; the address leads the person's browser there."""
        if prepared.is_new_client:
            row.sealed_client = self._vault.seal_client(prepared.client, prepared.redirect_uri, server_id=row.id)
        state, verifier, now = new_token(), new_token(), self._clock.now()
        tokens, state_hash = McpTokenRepository(db), hash_token(state)
        await tokens.remove_begun(before=now - LIFE)
        kept = {
            "verifier": verifier,
            "server": asdict(prepared.server),
            "client": asdict(prepared.client),
            "redirect_uri": prepared.redirect_uri,
            "next": next_address,
            "revision": row.revision,
        }
        sealed = self._vault.seal_json(kept, place=_place(state_hash))
        tokens.begin(
            McpAuthorizationRow(state_hash=state_hash, server_id=row.id, user_id=user_id, sealed=sealed, created_at=now)
        )
        return _address(prepared, state=state, verifier=verifier)

    async def finish(self, *, identity: Identity, returned: Returned, place: OwnPlace) -> str:
        """Takes what the person brought back; returns where the browser goes on to, with the fault if there is one."""
        taken = await self._take(identity, returned.state)
        if taken is None:
            return with_fault(place.onward(None), "state_invalid")
        row, kept = taken
        onward = place.onward(kept["next"])
        server, client = AuthorizationServer(**kept["server"]), OAuthClient(**kept["client"])
        if not _is_issuer(returned.iss, server):
            return with_fault(onward, "state_invalid")
        if returned.error or not returned.code:
            return with_fault(onward, "access_denied")
        try:
            tokens = await self._door.exchange(
                server, client, code=returned.code, verifier=kept["verifier"], redirect_uri=kept["redirect_uri"]
            )
        except McpFailedError:
            return with_fault(onward, "exchange_failed")
        async with self._database.write() as db:
            if await McpServerRepository(db).find(row.id) is None:
                return with_fault(onward, "state_invalid")
            await self._tokens.keep(
                db, server_id=row.id, user_id=identity.user_id, tokens=tokens, server=server, client=client
            )
        await self._contacts.client.forget(row.id, user=identity.user_id)
        if identity.user_id == row.owner_id and not row.disabled:
            await self._contacts.visit(row)
        return onward

    async def forget(self, *, identity: Identity, name: str, agent_id: str | None) -> None:
        """Forgets the person's own tokens.

        Raises:
            McpServerNotFoundError
        """
        async with self._database.write() as db:
            row = await self._usable(db, identity, name, agent_id)
            await McpTokenRepository(db).remove(row.id, identity.user_id)
            if row.auth == "oauth" and row.owner_id == identity.user_id:
                row.state = "needs_authorization"
        await self._contacts.client.forget(row.id, user=identity.user_id)

    async def _take(self, identity: Identity, state: str | None) -> tuple[McpServerRow, dict[str, Any]] | None:
        if not state or len(state) > MAX_STATE:
            return None
        state_hash = hash_token(state)
        async with self._database.write() as db:
            begun = await McpTokenRepository(db).take(state_hash, user_id=identity.user_id)
            row = await McpServerRepository(db).find(begun.server_id) if begun is not None else None
        if begun is None or row is None or self._clock.now() - begun.created_at > LIFE:
            return None
        try:
            kept = self._vault.open_json(begun.sealed, place=_place(state_hash))
        except DecryptionError:
            return None
        return (row, kept) if kept["revision"] == row.revision else None

    async def _usable(self, db: Session, identity: Identity, name: str, agent_id: str | None) -> McpServerRow:
        """The caller's own server, or that of the owner of an agent which the caller may use and which names it."""
        if agent_id in ABSENT or agent_id is None:
            return await get_server(db, identity=identity, name=name, own_only=True)
        agent = await self._agents.find_granted(db, identity=identity, agent_id=agent_id)
        servers = McpServerRepository(db)
        row = await servers.find_owned(name, owner_id=agent.owner_id) if agent is not None else None
        if agent is None or row is None:
            raise McpServerNotFoundError(name)
        owned = await servers.list_owned(agent.owner_id)
        if row.owner_id != identity.user_id and not names_server(owned, row, agent.tools, self._built_in()):
            raise McpServerNotFoundError(name)
        return row

    def _client(self, row: McpServerRow, redirect_uri: str) -> OAuthClient | None:
        client_id = (row.oauth or {}).get("client_id")
        if not client_id:
            return self._vault.open_client(row, redirect_uri)
        try:
            secret = self._vault.open(row).client_secret
        except DecryptionError:
            secret = None
        return OAuthClient(client_id, secret, "client_secret_basic" if secret else "none")


def problem_of(name: str, failure: McpFailedError) -> McpServerDownError | OutboundRefusedError:
    """The refusal that a failure becomes while a person waits."""
    return OutboundRefusedError() if failure.kind == "denied" else McpServerDownError(name, failure.kind)


def with_fault(onward: str, fault: Fault) -> str:
    """An own address with what went wrong."""
    parts = urlsplit(onward)
    query = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name != "mcp_error"]
    return urlunsplit(parts._replace(query=urlencode([*query, ("mcp_error", fault)])))


def _is_issuer(iss: str | None, server: AuthorizationServer) -> bool:
    """Whether an answer is from the server that was asked (RFC 9207)."""
    return not server.sends_issuer if iss is None else iss.rstrip("/") == server.issuer.rstrip("/")


def _address(prepared: Prepared, *, state: str, verifier: str) -> str:
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    wanted = {
        "response_type": "code",
        "client_id": prepared.client.client_id,
        "redirect_uri": prepared.redirect_uri,
        "state": state,
        "code_challenge": challenge,
        "code_challenge_method": "S256",
        "resource": prepared.server.resource,
        **({"scope": prepared.server.scope} if prepared.server.scope else {}),
    }
    parts = urlsplit(prepared.server.authorization_endpoint)
    query = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] not in wanted]
    return urlunsplit(parts._replace(query=urlencode([*query, *wanted.items()])))


def _port(scheme: str, port: int | None) -> int:
    return port or (443 if scheme == "https" else 80)


def _place(state_hash: str) -> str:
    return f"mcp_authorizations.sealed:{state_hash}"
