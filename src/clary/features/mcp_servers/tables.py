"""Rows of MCP servers, of people's tokens for them, and of authorizations under way."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Index, Integer, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, Sealed, UtcTime


class McpServerRow(Row):
    """One server.

    `pin` and `waiting` are definitions as `policy.definitions_of` makes them: what was approved, and what was seen
    last where it differs. `revision` rises with each change of address or secrets; what was learned under an older
    one does not count. `sealed` holds the secrets, `sealed_client` who this server is to its authorization server.
    """

    __tablename__ = "mcp_servers"
    __table_args__ = (UniqueConstraint("owner_id", "name"), Index(None, "next_try_at"))

    id: Mapped[str] = mapped_column(String(32), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(64))
    protocol: Mapped[str] = mapped_column(String(32))
    url: Mapped[str] = mapped_column(String(2048))
    description: Mapped[str] = mapped_column(Text)
    auth: Mapped[str] = mapped_column(String(16))
    oauth: Mapped[dict[str, Any] | None] = mapped_column(Json)
    sealed: Mapped[str | None] = mapped_column(Sealed("id"))
    sealed_client: Mapped[str | None] = mapped_column(Sealed("id"))
    disabled: Mapped[bool] = mapped_column(Boolean)
    state: Mapped[str] = mapped_column(String(32))
    error_kind: Mapped[str | None] = mapped_column(String(32))
    failures: Mapped[int] = mapped_column(Integer)
    next_try_at: Mapped[datetime | None] = mapped_column(UtcTime)
    pin: Mapped[dict[str, Any] | None] = mapped_column(Json)
    pinned_hash: Mapped[str | None] = mapped_column(String(64))
    waiting: Mapped[dict[str, Any] | None] = mapped_column(Json)
    pending_hash: Mapped[str | None] = mapped_column(String(64))
    extras: Mapped[dict[str, Any] | None] = mapped_column(Json)
    revision: Mapped[int] = mapped_column(Integer)
    last_checked_at: Mapped[datetime | None] = mapped_column(UtcTime)
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class McpTokenRow(Row):
    """What an authorization server gave one person for one server; sealed."""

    __tablename__ = "mcp_tokens"

    server_id: Mapped[str] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[str] = mapped_column(String(64), primary_key=True, index=True)
    sealed: Mapped[str] = mapped_column(Sealed("server_id", "user_id"))
    expires_at: Mapped[datetime | None] = mapped_column(UtcTime)
    updated_at: Mapped[datetime] = mapped_column(UtcTime)


class McpAuthorizationRow(Row):
    """An authorization that a person has begun; taken once."""

    __tablename__ = "mcp_authorizations"

    state_hash: Mapped[str] = mapped_column(String(64), primary_key=True)
    server_id: Mapped[str] = mapped_column(ForeignKey("mcp_servers.id", ondelete="CASCADE"), index=True)
    user_id: Mapped[str] = mapped_column(String(64))
    sealed: Mapped[str] = mapped_column(Sealed("state_hash"))
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
