"""Use cases of the servers page (product.md 8.2). A server is connected to before anything of it is stored."""

from collections.abc import Callable
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject, changes
from clary.features.mcp_servers.errors import McpServerExistsError, McpServerNotFoundError, McpToolsChangedError
from clary.features.mcp_servers.payloads import McpServerRequest, ServerResponse
from clary.features.mcp_servers.policy import is_frozen
from clary.features.mcp_servers.ports import Listing, McpFailedError
from clary.features.mcp_servers.repository import McpServerRepository, McpTokenRepository
from clary.features.mcp_servers.service.authorizing import Authorizations, OwnPlace, Prepared, problem_of
from clary.features.mcp_servers.service.changing import (
    AddressCheck,
    Configuration,
    first_configuration,
    next_configuration,
)
from clary.features.mcp_servers.service.contact import Contacts, note_failure, note_listing
from clary.features.mcp_servers.service.describing import (
    audited,
    changes_of,
    describe,
    describe_tools,
    error_of,
    state_of,
    warnings_about,
)
from clary.features.mcp_servers.service.finding import get_server
from clary.features.mcp_servers.service.naming import named_tools
from clary.features.mcp_servers.service.vault import McpVault, Secrets
from clary.features.mcp_servers.tables import McpServerRow
from clary.features.permissions.service import Identity, Target
from clary.http.problems import ObjectLimitError
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError

Json = dict[str, Any]
NEVER_SEEN = McpFailedError("unauthorized")


class McpServers:
    """Rows of servers, as their owners and administrators see them."""

    def __init__(
        self,
        *,
        database: Database,
        contacts: Contacts,
        authorizations: Authorizations,
        addresses: AddressCheck,
        vault: McpVault,
        audit: AuditLog,
        clock: Clock,
        new_id: Callable[[], str],
        built_in: Callable[[], frozenset[str]],
        max_servers: int,
    ) -> None:
        self._database = database
        self._contacts = contacts
        self._authorizations = authorizations
        self._addresses = addresses
        self._vault = vault
        self._audit = audit
        self._clock = clock
        self._new_id = new_id
        self._built_in = built_in
        self._max_servers = max_servers

    async def add(self, *, identity: Identity, wanted: McpServerRequest, place: OwnPlace) -> Json:
        """Connects, pins what the server offers, and stores it; a switched-off one is only stored.

        Raises:
            McpServerExistsError, ObjectLimitError, McpServerDownError, McpAddressInvalidError,
            StdioForbiddenError, OutboundRefusedError
        """
        url = await self._addresses.require(wanted, place)
        async with self._database.read() as db:
            await self._require_room(db, wanted.name, identity.user_id)
        row = self._new_row(wanted, first_configuration(wanted, url), owner_id=identity.user_id)
        prepared, listing = await self._meet(row, place)
        try:
            async with self._database.write() as db:
                await self._require_room(db, row.name, identity.user_id)
                await McpServerRepository(db).save(row)
                await self._record(db, identity, "mcp.created", row, audited(row))
                tools = await self._names(db, row)
                if prepared is not None:
                    address = await self._authorizations.begin(
                        db, row, prepared, user_id=identity.user_id, next_address=place.onward(None)
                    )
                    return {"server_name": row.name, "status": "needs_authorization", "authorization_url": address}
        except (McpServerExistsError, ObjectLimitError):
            await self._contacts.client.forget(row.id)
            raise
        warnings = warnings_about(listing) if listing is not None else []
        return {"server_name": row.name, "status": "success", "tools": list(tools.values()), "warnings": warnings}

    async def list_servers(self, db: Session, *, identity: Identity) -> list[ServerResponse]:
        """Own servers, everybody's for an admin; oldest first."""
        rows = await McpServerRepository(db).list_seen(identity)
        holders = await McpTokenRepository(db).holders([row.id for row in rows if row.auth == "oauth"])
        return [describe(row, vault=self._vault, has_token=(row.id, row.owner_id) in holders) for row in rows]

    async def update(
        self, *, identity: Identity, name: str, owner_id: str | None, wanted: McpServerRequest, place: OwnPlace
    ) -> Json:
        """Connects with what is new first; on failure everything stays as it was.

        Raises:
            McpServerNotFoundError, McpNameAmbiguousError, and as `add`
        """
        async with self._database.read() as db:
            row = await get_server(db, identity=identity, name=name, owner_id=owner_id)
            if wanted.name != row.name:
                await self._require_free(db, wanted.name, row.owner_id)
        url = await self._addresses.require(wanted, place)
        configuration = next_configuration(wanted, url, row, self._kept(row))
        tried = self._changed_copy(row, wanted, configuration)
        seen = await self._try(tried)
        async with self._database.write() as db:
            fresh = await McpServerRepository(db).find(row.id)
            if fresh is None:
                raise McpServerNotFoundError(name)
            before = audited(fresh)
            self._apply(fresh, wanted, configuration)
            await McpServerRepository(db).save(fresh)
            if not configuration.is_same_client:
                await McpTokenRepository(db).remove(fresh.id)
                await McpTokenRepository(db).remove_begun(before=self._clock.now(), server_id=fresh.id)
            if isinstance(seen, Listing):
                note_listing(fresh, seen, self._clock.now())
            elif seen is not None:
                note_failure(fresh, seen.kind, self._clock.now())
            detail = changes(before, audited(fresh))
            if wanted.api_key is not None or wanted.headers is not None:
                detail["secrets"] = "sent"
            await self._record(db, identity, "mcp.updated", fresh, detail)
        await self._contacts.client.forget(row.id)
        return {"server_name": fresh.name, "status": "success"}

    async def delete(self, *, identity: Identity, name: str, owner_id: str | None) -> Json:
        """Removes it with its pins and tokens; its connections end, and with them the calls of active runs.

        Raises:
            McpServerNotFoundError, McpNameAmbiguousError
        """
        async with self._database.write() as db:
            row = await get_server(db, identity=identity, name=name, owner_id=owner_id)
            await McpServerRepository(db).remove(row)
            await self._record(db, identity, "mcp.deleted", row, {"name": row.name})
        await self._contacts.client.forget(row.id)
        return {"server_name": row.name}

    async def refresh(self, *, identity: Identity, name: str, owner_id: str | None) -> Json:
        """Looks at what the server offers now; one that cannot be reached is told as `disabled` with an `error`.

        Raises:
            McpServerNotFoundError, McpNameAmbiguousError
        """
        async with self._database.read() as db:
            row = await get_server(db, identity=identity, name=name, owner_id=owner_id)
        if row.disabled:
            return {"server_name": row.name, "status": "disabled"}
        visited = await self._contacts.visit(row)
        if visited is None:
            raise McpServerNotFoundError(name)
        answer: Json = {"server_name": visited.name, "status": visited.state}
        if visited.state == "needs_authorization":
            return answer
        if visited.error_kind is not None:
            return {**answer, "status": "disabled", "error": error_of(visited)}
        found = changes_of(visited)
        status = "frozen" if visited.state == "frozen" else "refreshed"
        return {**answer, "status": status, **({"changes": found} if found else {})}

    async def toggle(self, *, identity: Identity, name: str, owner_id: str | None, disabled: bool | None) -> Json:
        """Switches a server off, or on and looks at it.

        Raises:
            McpServerNotFoundError, McpNameAmbiguousError
        """
        async with self._database.write() as db:
            row = await get_server(db, identity=identity, name=name, owner_id=owner_id)
            before, row.disabled = row.disabled, not row.disabled if disabled is None else disabled
            row.updated_at = self._clock.now()
            if before != row.disabled:
                await self._record(db, identity, "mcp.updated", row, {"disabled": {"old": before, "new": row.disabled}})
        if row.disabled:
            await self._contacts.client.forget(row.id)
        elif before:
            row = await self._contacts.visit(row) or row
        return {"server_name": row.name, "disabled": row.disabled, "status": state_of(row)}

    async def list_tools(self, db: Session, *, identity: Identity, name: str, owner_id: str | None) -> Json:
        """What is pinned, beside what was seen last.

        Raises:
            McpServerNotFoundError, McpNameAmbiguousError
        """
        row = await get_server(db, identity=identity, name=name, owner_id=owner_id)
        await self._audit.record_admin_read(identity, AuditObject("mcp", row.id, row.owner_id), within=db)
        return describe_tools(row, await self._names(db, row))

    async def approve(self, *, identity: Identity, name: str, owner_id: str | None, hash_: str) -> Json:
        """Makes what waits the pin, if it is what the person saw.

        Raises:
            McpServerNotFoundError, McpNameAmbiguousError, McpToolsChangedError
        """
        async with self._database.write() as db:
            row = await get_server(db, identity=identity, name=name, owner_id=owner_id)
            if row.waiting is None or row.pending_hash != hash_:
                raise McpToolsChangedError
            was_frozen = row.pin is not None and is_frozen(row.pin, row.waiting)
            row.pin, row.pinned_hash, row.waiting, row.pending_hash = row.waiting, row.pending_hash, None, None
            if row.state == "frozen":
                row.state = "ready" if row.error_kind is None else "unreachable"
            row.updated_at = self._clock.now()
            await self._record(db, identity, "mcp.approved", row, {"hash": hash_, "was_frozen": was_frozen})
        return {"server_name": row.name, "status": "approved", "state": state_of(row)}

    async def find_target(self, db: Session, *, object_id: str) -> Target | None:
        """What the permission rule has to know of a server."""
        row = await McpServerRepository(db).find(object_id)
        return Target("mcp", object_id, row.owner_id) if row is not None else None

    # Steps

    async def _meet(self, row: McpServerRow, place: OwnPlace) -> tuple[Prepared | None, Listing | None]:
        """The first contact with a server that is not stored yet."""
        if row.disabled:
            return None, None
        if row.auth == "oauth":
            row.state = "needs_authorization"
            return await self._authorizations.prepare(row, place), None
        try:
            listing = await self._contacts.look(row)
        except McpFailedError as failure:
            raise problem_of(row.name, failure) from None
        note_listing(row, listing, self._clock.now())
        return None, listing

    async def _try(self, row: McpServerRow) -> Listing | McpFailedError | None:
        """What a changed server offers; None where nothing is connected to."""
        if row.disabled:
            return None
        try:
            return await self._contacts.look(row)
        except McpFailedError as failure:
            if failure.kind == "unauthorized" and row.auth == "oauth":
                return NEVER_SEEN
            raise problem_of(row.name, failure) from None

    def _kept(self, row: McpServerRow) -> Secrets:
        try:
            return self._vault.open(row)
        except DecryptionError:
            return Secrets()

    def _new_row(self, wanted: McpServerRequest, configuration: Configuration, *, owner_id: str) -> McpServerRow:
        now = self._clock.now()
        row = McpServerRow(
            id=self._new_id(),
            owner_id=owner_id,
            disabled=False,
            description="",
            state="ready",
            failures=0,
            revision=0,
            created_at=now,
        )
        self._apply(row, wanted, configuration)
        return row

    def _changed_copy(self, row: McpServerRow, wanted: McpServerRequest, configuration: Configuration) -> McpServerRow:
        """The row as it would be, to try it; it is never stored."""
        copy = McpServerRow(
            id=row.id,
            owner_id=row.owner_id,
            disabled=row.disabled,
            description=row.description,
            state=row.state,
            failures=0,
            revision=row.revision,
            created_at=row.created_at,
        )
        self._apply(copy, wanted, configuration)
        # Tokens for another origin or client are not for this one.
        if not configuration.is_same_client and copy.auth == "oauth":
            copy.id = self._new_id()
        return copy

    def _apply(self, row: McpServerRow, wanted: McpServerRequest, configuration: Configuration) -> None:
        row.name, row.protocol, row.url = wanted.name, configuration.protocol, configuration.url
        row.auth, row.oauth = configuration.auth, configuration.oauth
        row.sealed = self._vault.seal(configuration.secrets, server_id=row.id)
        if not configuration.is_same_client:
            row.sealed_client = None
        if not configuration.is_same_origin:
            row.pin, row.pinned_hash, row.waiting, row.pending_hash, row.extras = None, None, None, None, None
        if wanted.description is not None:
            row.description = wanted.description
        if wanted.disabled is not None:
            row.disabled = wanted.disabled
        row.revision = (row.revision or 0) + 1
        row.error_kind, row.next_try_at = None, None
        row.updated_at = self._clock.now()

    async def _names(self, db: Session, row: McpServerRow) -> dict[str, str]:
        """Wire names of a server's pinned tools, by the server's own names."""
        rows = await McpServerRepository(db).list_owned(row.owner_id)
        return {tool.original: tool.name for tool in named_tools(rows, self._built_in()) if tool.row.id == row.id}

    async def _require_room(self, db: Session, name: str, owner_id: str) -> None:
        await self._require_free(db, name, owner_id)
        if await McpServerRepository(db).count_owned(owner_id) >= self._max_servers:
            raise ObjectLimitError(self._max_servers)

    async def _require_free(self, db: Session, name: str, owner_id: str) -> None:
        if await McpServerRepository(db).find_owned(name, owner_id=owner_id) is not None:
            raise McpServerExistsError(name)

    async def _record(self, db: Session, identity: Identity, action: str, row: McpServerRow, detail: Json) -> None:
        target = AuditObject("mcp", row.id, row.owner_id)
        await self._audit.record(db, Act(action, Actor.of(identity), target, detail=detail))
