"""Tokens and what they say about a person (platform.md 6.5, 6.6)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from clary.db.session import Session
from clary.features.accounts.service import AccountService, Profile
from clary.features.oauth2.policy import ACCESS_PREFIX, FAMILY_LIFE, REFRESH_LIFE, REFRESH_PREFIX
from clary.features.oauth2.ports import Client, IdTokens
from clary.features.oauth2.repository import OAuthRepository
from clary.features.oauth2.tables import OAuthAccessRow, OAuthRefreshRow
from clary.kit.clock import Clock
from clary.kit.crypto import hash_token
from clary.kit.ids import new_token

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Origin:
    """What tokens come from. `scope`: what the family may get; `asked`: what this access token gets of it."""

    client: Client
    user_id: str
    scope: tuple[str, ...]
    asked: tuple[str, ...]
    resource: str | None
    auth_time: datetime
    family_id: str
    family_ends_at: datetime | None = None
    nonce: str | None = None
    has_id_token: bool = False


class TokenIssuer:
    """Makes tokens in the caller's transaction."""

    def __init__(
        self,
        *,
        accounts: AccountService,
        id_tokens: Callable[[], Awaitable[IdTokens]],
        clock: Clock,
        access_seconds: int,
    ) -> None:
        self._accounts = accounts
        self._id_tokens = id_tokens
        self._clock = clock
        self._access_seconds = access_seconds

    async def signer(self) -> IdTokens:
        """Who signs id_tokens; to be asked for outside of transactions, because the first time a key is made."""
        return await self._id_tokens()

    async def issue(self, db: Session, origin: Origin, *, issuer: str, signer: IdTokens) -> Json | None:
        """The body of a token answer; None: the person may not act any more. No scope is ever more than they hold."""
        profile = await self._accounts.find_profile(db, user_id=origin.user_id)
        if profile is None or not profile.is_active:
            return None
        now, access = self._clock.now(), new_token(ACCESS_PREFIX)
        held = held_scope(origin.asked, profile)
        tokens = OAuthRepository(db)
        tokens.add(
            OAuthAccessRow(
                token_hash=hash_token(access),
                family_id=origin.family_id,
                client_id=origin.client.client_id,
                user_id=origin.user_id,
                scope=" ".join(held),
                resource=origin.resource,
                issued_at=now,
                expires_at=now + timedelta(seconds=self._access_seconds),
            )
        )
        body: Json = {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": self._access_seconds,
            "scope": " ".join(held),
        }
        if "refresh_token" in origin.client.grant_types:
            body["refresh_token"] = self._refresh(tokens, origin, now)
        if origin.has_id_token and "openid" in held:
            claims = self._claims(origin, profile, held, issuer, now)
            body["id_token"] = signer.sign(claims, access_token=access)
        return body

    def _refresh(self, tokens: OAuthRepository, origin: Origin, now: datetime) -> str:
        refresh = new_token(REFRESH_PREFIX)
        tokens.add(
            OAuthRefreshRow(
                token_hash=hash_token(refresh),
                family_id=origin.family_id,
                client_id=origin.client.client_id,
                user_id=origin.user_id,
                scope=" ".join(origin.scope),
                resource=origin.resource,
                auth_time=origin.auth_time,
                expires_at=now + REFRESH_LIFE,
                family_ends_at=origin.family_ends_at or now + FAMILY_LIFE,
                spent_at=None,
            )
        )
        return refresh

    def _claims(self, origin: Origin, profile: Profile, scope: tuple[str, ...], issuer: str, now: datetime) -> Json:
        seconds = int(now.timestamp())
        claims: Json = {
            **claims_of(profile, scope, issuer),
            "aud": origin.client.client_id,
            "azp": origin.client.client_id,
            "iat": seconds,
            "exp": seconds + 3600,
            "auth_time": int(origin.auth_time.timestamp()),
        }
        if origin.nonce is not None:
            claims["nonce"] = origin.nonce
        return claims


def held_scope(scope: tuple[str, ...], profile: Profile) -> tuple[str, ...]:
    """The scopes without what the person does not hold now."""
    return tuple(each for each in scope if each != "admin" or profile.role == "admin")


def claims_of(profile: Profile, scope: tuple[str, ...], issuer: str) -> Json:
    """What userinfo and id_token say for these scopes; empty values are left out (6.6)."""
    claims: Json = {"sub": profile.user_id, "iss": issuer}
    if "profile" in scope:
        claims |= {
            "preferred_username": profile.username,
            "name": profile.nickname or profile.username,
            "nickname": profile.nickname,
            "role": profile.role,
            "picture": profile.avatar_url,
            "avatar_url": profile.avatar_url,
            "updated_at": int(profile.updated_at.timestamp()),
        }
    if "email" in scope and profile.email:
        claims |= {"email": profile.email, "email_verified": profile.email_verified}
    if "groups" in scope:
        claims["groups"] = list(profile.groups) or None
    return {name: value for name, value in claims.items() if value is not None}
