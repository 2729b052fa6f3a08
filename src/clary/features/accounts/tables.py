"""Rows of people, their login sessions and the counters against guessing."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, Sealed, UtcTime

DIGEST = String(64)


class UserRow(Row):
    """A person. `username_key` is the name as compared: without case and width."""

    __tablename__ = "users"

    user_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    username: Mapped[str] = mapped_column(String(64))
    username_key: Mapped[str] = mapped_column(String(256), unique=True)
    email: Mapped[str | None] = mapped_column(String(254), unique=True)
    email_verified: Mapped[bool] = mapped_column(Boolean)
    nickname: Mapped[str | None] = mapped_column(String(64))
    phonenum: Mapped[str | None] = mapped_column(String(32))
    avatar_url: Mapped[str | None] = mapped_column(String(512))
    role: Mapped[str] = mapped_column(String(16))
    role_source: Mapped[str | None] = mapped_column(String(64))
    """Who gave the role: `hand`, or the id of the provider whose mapping did; None: nobody (platform.md 5.4)."""
    status: Mapped[str] = mapped_column(String(16))
    password_hash: Mapped[str | None] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    last_login_at: Mapped[datetime | None] = mapped_column(UtcTime)
    updated_at: Mapped[datetime | None] = mapped_column(UtcTime)
    """When name, address or picture were changed last; None: never since the account was made."""


class UserConfigRow(Row):
    """What a client stores for its user."""

    __tablename__ = "user_configs"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    config: Mapped[dict[str, Any]] = mapped_column(Json)


class LoginSessionRow(Row):
    """One sign-in of one browser or client (platform.md 4.3). An ended session has no row."""

    __tablename__ = "login_sessions"

    session_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    cookie_hash: Mapped[str] = mapped_column(DIGEST, unique=True)
    method: Mapped[str] = mapped_column(String(80))
    sealed: Mapped[str | None] = mapped_column(Sealed("user_id"))
    """What the way of signing in keeps with the session, sealed (an id_token, for the sign-out elsewhere)."""
    address: Mapped[str] = mapped_column(String(64))
    user_agent: Mapped[str] = mapped_column(String(256))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_seen_at: Mapped[datetime] = mapped_column(UtcTime)
    cookie_issued_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class UserIdentityRow(Row):
    """Somebody as another service knows them (platform.md 5.4)."""

    __tablename__ = "user_identities"

    provider_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    subject: Mapped[str] = mapped_column(String(255), primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), index=True)
    name: Mapped[str | None] = mapped_column(String(255))
    username: Mapped[str | None] = mapped_column(String(255))
    email: Mapped[str | None] = mapped_column(String(254))
    groups: Mapped[list[str] | None] = mapped_column(Json)
    """The names of groups as last sent, to see a change."""
    linked_at: Mapped[datetime] = mapped_column(UtcTime)


class UserDeletionRow(Row):
    """The wish to delete a user; goes with the user, when everything else is gone."""

    __tablename__ = "user_deletions"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    mode: Mapped[str] = mapped_column(String(16))
    heir_id: Mapped[str | None] = mapped_column(String(64))
    requested_at: Mapped[datetime] = mapped_column(UtcTime)


class EmailCodeRow(Row):
    """A code that was sent to an address: what the server's secret key makes of both (platform.md 4.6)."""

    __tablename__ = "email_codes"

    email: Mapped[str] = mapped_column(String(254), primary_key=True)
    code_mac: Mapped[str] = mapped_column(DIGEST)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    guesses: Mapped[int] = mapped_column(Integer)


class RefreshTokenRow(Row):
    """A refresh token; a spent one stays until its session ends, so that its reuse is noticed."""

    __tablename__ = "refresh_tokens"

    token_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    session_id: Mapped[str] = mapped_column(ForeignKey("login_sessions.session_id", ondelete="CASCADE"), index=True)
    expires_at: Mapped[datetime] = mapped_column(UtcTime)
    spent_at: Mapped[datetime | None] = mapped_column(UtcTime)


class LoginDeviceRow(Row):
    """A browser that has signed in to an account (cookie `clary_device`)."""

    __tablename__ = "login_devices"

    token_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    last_login_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class LoginAddressRow(Row):
    """An address from which an account was signed in to."""

    __tablename__ = "login_addresses"

    user_id: Mapped[str] = mapped_column(ForeignKey("users.user_id", ondelete="CASCADE"), primary_key=True)
    address: Mapped[str] = mapped_column(String(64), primary_key=True)
    last_login_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class ThrottleCounterRow(Row):
    """How often something was tried. The key is a hash: people type passwords into the wrong field."""

    __tablename__ = "throttle_counters"

    kind: Mapped[str] = mapped_column(String(32), primary_key=True)
    key_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    count: Mapped[int] = mapped_column(Integer)
    window_ends_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    blocked_until: Mapped[datetime | None] = mapped_column(UtcTime)


class SigningKeyRow(Row):
    """A key of login access tokens, sealed with the server's secret key."""

    __tablename__ = "signing_keys"

    key_id: Mapped[str] = mapped_column(String(32), primary_key=True)
    purpose: Mapped[str] = mapped_column(String(32))
    sealed: Mapped[str] = mapped_column(Sealed("key_id"))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
