"""Rows of the authorization server. Codes, tokens and secrets are kept as SHA-256 only."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, ForeignKey, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from clary.db.columns import Json, Row, UtcTime

DIGEST = String(64)


def _user() -> ForeignKey:
    return ForeignKey("users.user_id", ondelete="CASCADE")


def _client() -> ForeignKey:
    return ForeignKey("oauth2_clients.client_id", ondelete="CASCADE")


class OAuthClientRow(Row):
    """A client. After a new secret the old one may work for a while (`old_secret_hash`, `old_secret_until`)."""

    __tablename__ = "oauth2_clients"

    client_id: Mapped[str] = mapped_column(String(128), primary_key=True)
    client_name: Mapped[str] = mapped_column(String(128))
    client_uri: Mapped[str | None] = mapped_column(String(2048))
    redirect_uris: Mapped[list[str]] = mapped_column(Json)
    auth_method: Mapped[str] = mapped_column(String(32))
    secret_hash: Mapped[str | None] = mapped_column(DIGEST)
    old_secret_hash: Mapped[str | None] = mapped_column(DIGEST)
    old_secret_until: Mapped[datetime | None] = mapped_column(UtcTime)
    grant_types: Mapped[list[str]] = mapped_column(Json)
    scope: Mapped[str] = mapped_column(String(255))
    skip_consent: Mapped[bool] = mapped_column(Boolean)
    require_pkce: Mapped[bool] = mapped_column(Boolean)
    introspect_all: Mapped[bool] = mapped_column(Boolean)
    enabled: Mapped[bool] = mapped_column(Boolean)
    source: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class OAuthRequestRow(Row):
    """An authorization request that waits for consent; used once."""

    __tablename__ = "oauth2_requests"

    request_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    user_id: Mapped[str] = mapped_column(_user(), index=True)
    login_session_id: Mapped[str | None] = mapped_column(String(32))
    csrf_hash: Mapped[str | None] = mapped_column(DIGEST)
    parameters: Mapped[dict[str, Any]] = mapped_column(Json)
    created_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class OAuthConsentRow(Row):
    """What a person lets a client do. `resource` "": without one."""

    __tablename__ = "oauth2_consents"

    user_id: Mapped[str] = mapped_column(_user(), primary_key=True)
    client_id: Mapped[str] = mapped_column(_client(), primary_key=True)
    resource: Mapped[str] = mapped_column(String(512), primary_key=True)
    scope: Mapped[str] = mapped_column(String(255))
    created_at: Mapped[datetime] = mapped_column(UtcTime)
    last_used_at: Mapped[datetime | None] = mapped_column(UtcTime)


class OAuthCodeRow(Row):
    """An authorization code; a spent one stays as long as it could live, so that its replay is noticed."""

    __tablename__ = "oauth2_codes"

    code_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    client_id: Mapped[str] = mapped_column(_client())
    user_id: Mapped[str] = mapped_column(_user(), index=True)
    login_session_id: Mapped[str | None] = mapped_column(String(32))
    sent_redirect_uri: Mapped[str | None] = mapped_column(Text)
    scope: Mapped[str] = mapped_column(String(255))
    resource: Mapped[str | None] = mapped_column(String(512))
    nonce: Mapped[str | None] = mapped_column(Text)
    challenge: Mapped[str | None] = mapped_column(String(128))
    challenge_method: Mapped[str | None] = mapped_column(String(8))
    auth_time: Mapped[datetime] = mapped_column(UtcTime)
    family_id: Mapped[str] = mapped_column(String(32))
    failures: Mapped[int] = mapped_column(Integer)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    spent_at: Mapped[datetime | None] = mapped_column(UtcTime)


class OAuthAccessRow(Row):
    """An access token."""

    __tablename__ = "oauth2_access_tokens"

    token_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    family_id: Mapped[str] = mapped_column(String(32), index=True)
    client_id: Mapped[str] = mapped_column(_client(), index=True)
    user_id: Mapped[str] = mapped_column(_user(), index=True)
    scope: Mapped[str] = mapped_column(String(255))
    resource: Mapped[str | None] = mapped_column(String(512))
    issued_at: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)


class OAuthRefreshRow(Row):
    """A refresh token; a spent one stays until its family ends, so that its reuse is noticed."""

    __tablename__ = "oauth2_refresh_tokens"

    token_hash: Mapped[str] = mapped_column(DIGEST, primary_key=True)
    family_id: Mapped[str] = mapped_column(String(32), index=True)
    client_id: Mapped[str] = mapped_column(_client(), index=True)
    user_id: Mapped[str] = mapped_column(_user(), index=True)
    scope: Mapped[str] = mapped_column(String(255))
    resource: Mapped[str | None] = mapped_column(String(512))
    auth_time: Mapped[datetime] = mapped_column(UtcTime)
    expires_at: Mapped[datetime] = mapped_column(UtcTime, index=True)
    family_ends_at: Mapped[datetime] = mapped_column(UtcTime)
    spent_at: Mapped[datetime | None] = mapped_column(UtcTime)
