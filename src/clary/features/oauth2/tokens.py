"""The token, revocation, introspection and userinfo endpoints (platform.md 6.5–6.7)."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from clary.db.database import Database
from clary.db.session import Session
from clary.features.accounts.service import AccountService, AddressRate, Credentials
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.oauth2.issuing import Origin, TokenIssuer, claims_of, held_scope
from clary.features.oauth2.policy import ACCESS_PREFIX, GRANT_TYPES, MAX_CODE_FAILURES, TOKENS_PER_MINUTE
from clary.features.oauth2.ports import Client, CodeGrant, IdTokens, ProtocolCore, ProtocolError, Redeemed
from clary.features.oauth2.repository import OAuthRepository, SqlProtocolStore
from clary.features.oauth2.tables import OAuthAccessRow, OAuthCodeRow, OAuthRefreshRow
from clary.http.problems import ThrottledError
from clary.kit.clock import Clock
from clary.kit.crypto import hash_token

Json = dict[str, Any]
Form = Mapping[str, str]
Headers = Mapping[str, str]
INACTIVE: Json = {"active": False}


class TokenEndpoints:
    """Each method is one transaction; a refusal that spends, counts or revokes is committed as well."""

    def __init__(
        self,
        *,
        database: Database,
        core: ProtocolCore,
        issuer: TokenIssuer,
        accounts: AccountService,
        credentials: Credentials,
        rate: AddressRate,
        audit: AuditLog,
        clock: Clock,
    ) -> None:
        self._database = database
        self._core = core
        self._issuer = issuer
        self._accounts = accounts
        self._credentials = credentials
        self._rate = rate
        self._audit = audit
        self._clock = clock

    async def token(self, form: Form, headers: Headers, *, address: str, issuer: str) -> Json:
        """Redeems a code or a refresh token (RFC 6749 4.1.3, 6).

        Raises:
            ProtocolError, ThrottledError
        """
        await self._require_rate(address)
        if "grant_type" not in form:
            raise ProtocolError("invalid_request", "grant_type is missing")
        if form["grant_type"] not in GRANT_TYPES:
            raise ProtocolError("unsupported_grant_type")
        signer = await self._issuer.signer()
        async with self._database.write() as db:
            found = await self._redeem(db, form, headers, issuer, signer)
        if isinstance(found, ProtocolError):
            raise found
        return found

    async def revoke(self, form: Form, headers: Headers, *, address: str) -> None:
        """Ends a token of the client; others are left alone without a word (RFC 7009).

        Raises:
            ProtocolError, ThrottledError
        """
        await self._require_rate(address)
        async with self._database.write() as db:
            client = await self._client(db, form, headers)
            row = await _find(db, form)
            if row is None or row.client_id != client.client_id:
                return
            tokens = OAuthRepository(db)
            if isinstance(row, OAuthRefreshRow):
                await tokens.end_family(row.family_id)
            else:
                await tokens.end_access(row.token_hash)
            self._credentials.forget_user_after_commit(db, row.user_id)

    async def introspect(self, form: Form, headers: Headers, *, address: str, issuer: str) -> Json:
        """What a token is, for its client (RFC 7662).

        Raises:
            ProtocolError, ThrottledError
        """
        await self._require_rate(address)
        async with self._database.read() as db:
            client = await self._client(db, form, headers)
            if client.is_public:
                raise ProtocolError("invalid_client", status=401)
            row, now = await _find(db, form), self._clock.now()
            if (
                row is None
                or row.expires_at <= now
                or (row.client_id != client.client_id and not client.introspect_all)
            ):
                return INACTIVE
            if isinstance(row, OAuthRefreshRow) and (row.spent_at is not None or row.family_ends_at <= now):
                return INACTIVE
            owner = await self._accounts.find_profile(db, user_id=row.user_id)
            holder = await OAuthRepository(db).find_client(row.client_id)
        if owner is None or not owner.is_active or holder is None or not holder.enabled:
            return INACTIVE
        shown: Json = {
            "active": True,
            "scope": " ".join(held_scope(tuple(row.scope.split()), owner)),
            "client_id": row.client_id,
            "username": owner.username,
            "exp": int(row.expires_at.timestamp()),
            "sub": row.user_id,
            "iss": issuer,
        }
        if isinstance(row, OAuthAccessRow):
            shown |= {"token_type": "Bearer", "iat": int(row.issued_at.timestamp())}
        if row.resource is not None:
            shown["aud"] = row.resource
        return shown

    async def userinfo(self, token: str | None, *, issuer: str) -> Json | None:
        """What the token's scopes say about its owner; None: no good token (6.6)."""
        if token is None or not token.startswith(ACCESS_PREFIX):
            return None
        async with self._database.read() as db:
            row = await OAuthRepository(db).find_access(hash_token(token))
            if row is None or row.expires_at <= self._clock.now() or (row.resource or "").endswith("/mcp"):
                return None
            holder = await OAuthRepository(db).find_client(row.client_id)
            owner = await self._accounts.find_profile(db, user_id=row.user_id)
        if owner is None or not owner.is_active or holder is None or not holder.enabled:
            return None
        return claims_of(owner, tuple(row.scope.split()), issuer)

    async def _redeem(
        self, db: Session, form: Form, headers: Headers, issuer: str, signer: IdTokens
    ) -> Json | ProtocolError:
        now = self._clock.now()

        def judge(store: SqlProtocolStore) -> Redeemed | ProtocolError:
            try:
                return self._core.check_token(store, _with_client(store, form, headers), headers)
            except ProtocolError as error:
                return error

        store, found = await db.run_sync(lambda session: _judged(SqlProtocolStore(session, now), judge))
        if store.replayed is not None:
            await self._end_replayed(db, store.replayed)
        if isinstance(found, ProtocolError):
            await self._count_failure(db, store.code)
            return found
        if form.get("resource") not in (None, _resource(found)):
            await self._count_failure(db, store.code)
            return ProtocolError("invalid_target")
        origin = await self._spend(db, found, now)
        if origin is None:
            return ProtocolError("invalid_grant")
        await self._note_use(db, origin, now)
        body = await self._issuer.issue(db, origin, issuer=issuer, signer=signer)
        return body if body is not None else ProtocolError("invalid_grant")

    async def _spend(self, db: Session, found: Redeemed, now: datetime) -> Origin | None:
        """Spends what was redeemed; None: somebody else did, or its login session is over."""
        tokens = OAuthRepository(db)
        if found.code is not None:
            grant = found.code
            alive = await self._is_alive(db, grant)
            if not await tokens.spend_code(grant.code_hash, now) or not alive:
                return None
            return Origin(
                found.client,
                grant.user_id,
                grant.scope,
                grant.scope,
                grant.resource,
                grant.auth_time,
                grant.family_id,
                nonce=grant.nonce,
                has_id_token=True,
            )
        refresh = found.refresh
        assert refresh is not None
        if not await tokens.spend_refresh(refresh.token_hash, now):
            return None
        return Origin(
            found.client,
            refresh.user_id,
            refresh.scope,
            found.scope,
            refresh.resource,
            refresh.auth_time,
            refresh.family_id,
            refresh.family_ends_at,
        )

    async def _is_alive(self, db: Session, grant: CodeGrant) -> bool:
        """A code goes with the login session it was given in."""
        if grant.login_session_id is None:
            return True
        return await self._credentials.is_session_alive(db, session_id=grant.login_session_id)

    async def _note_use(self, db: Session, origin: Origin, now: datetime) -> None:
        tokens = OAuthRepository(db)
        client = await tokens.find_client(origin.client.client_id)
        consent = await tokens.find_consent(origin.user_id, origin.client.client_id, origin.resource or "")
        if client is not None:
            client.last_used_at = now
        if consent is not None:
            consent.last_used_at = now

    async def _end_replayed(self, db: Session, row: OAuthCodeRow | OAuthRefreshRow) -> None:
        """Whoever came second may be the thief, or the one who was robbed: every token of it ends."""
        await OAuthRepository(db).end_family(row.family_id)
        self._credentials.forget_user_after_commit(db, row.user_id)
        action = "oauth2.code_replayed" if isinstance(row, OAuthCodeRow) else "oauth2.refresh_reused"
        actor = Actor("client", row.user_id, client_id=row.client_id)
        target = AuditObject("oauth2_client", row.client_id, row.user_id)
        await self._audit.record(db, Act(action, actor, target, "denied"))

    async def _count_failure(self, db: Session, code: OAuthCodeRow | None) -> None:
        """A wrong verifier, address or client leaves a code as it was; the fifth destroys it."""
        if code is None:
            return
        row = await db.merge(code)
        row.failures += 1
        if row.failures >= MAX_CODE_FAILURES:
            await OAuthRepository(db).remove_code(row.code_hash)

    async def _client(self, db: Session, form: Form, headers: Headers) -> Client:
        now = self._clock.now()
        _require_one_method(form, headers)
        return await db.run_sync(lambda session: self._core.authenticate(SqlProtocolStore(session, now), form, headers))

    async def _require_rate(self, address: str) -> None:
        wait = await self._rate.count(
            kind="oauth2_token", address=address, limit=TOKENS_PER_MINUTE, window=timedelta(minutes=1)
        )
        if wait is not None:
            raise ThrottledError(wait)


def _judged(store: SqlProtocolStore, judge: Any) -> Any:
    return store, judge(store)


def _resource(found: Redeemed) -> str | None:
    grant = found.code or found.refresh
    return grant.resource if grant is not None else None


def _require_one_method(form: Form, headers: Headers) -> None:
    has_basic = headers.get("Authorization", "").lower().startswith("basic ")
    if has_basic and "client_secret" in form:
        raise ProtocolError("invalid_request", "more than one way of client authentication")


def _with_client(store: SqlProtocolStore, form: Form, headers: Headers) -> Form:
    """The form; a public client that proves itself by PKCE may leave its id out (6.5)."""
    _require_one_method(form, headers)
    if "client_id" in form or headers.get("Authorization") or form.get("grant_type") != "authorization_code":
        return form
    holder = store.holder_of(form.get("code", ""))
    client = store.find_client(holder) if holder is not None else None
    return {**form, "client_id": client.client_id} if client is not None and client.is_public else form


async def _find(db: Session, form: Form) -> OAuthAccessRow | OAuthRefreshRow | None:
    token = form.get("token")
    if not token:
        raise ProtocolError("invalid_request", "token is missing")
    tokens, token_hash = OAuthRepository(db), hash_token(token)
    return await tokens.find_access(token_hash) or await tokens.find_refresh(token_hash)
