"""Implements upstream login's `IdentityProviders`."""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import quote_plus, urlsplit

from clary.adapters.oidc.fetching import FetchError, ProviderHttp
from clary.adapters.oidc.id_tokens import RefusedTokenError, header_of, require_claims, signed_claims, usable_keys
from clary.features.upstream_login.ports import (
    Endpoints,
    Evidence,
    ExchangeFailedError,
    Grant,
    MetadataIncompleteError,
    MetadataUnavailableError,
    Provider,
    TokenInvalidError,
    UserinfoFailedError,
)
from clary.kit.clock import Clock

METADATA_SECONDS = 15.0
EXCHANGE_SECONDS = 20.0
FRESH_SECONDS = 3600
STALE_SECONDS = 24 * 3600
PAUSE_SECONDS = 60
WELL_KNOWN = "/.well-known/openid-configuration"
MAX_EMAILS = 100
Json = dict[str, Any]


@dataclass(slots=True)
class _Known:
    """What was read of one provider, in seconds of the monotonic clock; `tried`: the last try, good or bad."""

    endpoints: Endpoints | None = None
    read_at: float = 0
    tried_at: float | None = None
    keys: list[Any] | None = None
    keys_read_at: float = 0
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class OpenIdProviders:
    """See the port. `is_safe` tells an address that may be used from one that is plain http to a stranger."""

    def __init__(
        self,
        *,
        providers: Sequence[Provider],
        outbound_allow: Sequence[str],
        is_safe: Callable[[str], bool],
        clock: Clock,
    ) -> None:
        configured = [address for each in providers for address in _addresses(each)]
        self._http = ProviderHttp(outbound_allow=outbound_allow, configured=configured)
        self._is_safe = is_safe
        self._clock = clock
        self._known: dict[str, _Known] = {}

    async def endpoints(self, provider: Provider) -> Endpoints:
        """See the port."""
        if provider.protocol == "oauth2":
            return Endpoints(
                authorize=provider.authorize_url or "",
                token=provider.token_url or "",
                userinfo=provider.userinfo_url,
                issuer=provider.issuer,
            )
        known = self._known.setdefault(provider.id, _Known())
        async with known.lock:
            now = self._clock.monotonic()
            if known.endpoints is not None and now - known.read_at < FRESH_SECONDS:
                return known.endpoints
            # A last good copy serves for a day, and a provider that is away is not asked with every sign-in.
            is_usable = known.endpoints is not None and now - known.read_at < STALE_SECONDS
            if is_usable and known.tried_at is not None and now - known.tried_at < PAUSE_SECONDS:
                return cast("Endpoints", known.endpoints)
            known.tried_at = now
            try:
                document = await self._http.read(provider.discovery_url or "", seconds=METADATA_SECONDS)
            except FetchError:
                if is_usable:
                    return cast("Endpoints", known.endpoints)
                raise MetadataUnavailableError from None
            known.endpoints = self._read_document(provider, document)
            known.read_at = now
            return known.endpoints

    def _read_document(self, provider: Provider, document: Any) -> Endpoints:
        found: Json = cast("Json", document) if isinstance(document, dict) else {}
        names = ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint", "end_session_endpoint")
        addresses = {name: found[name] for name in names if found.get(name) is not None}
        is_whole = all(name in addresses for name in names[:3]) and _is_issuer(provider, found.get("issuer"))
        if not is_whole or not all(self._is_address(each) for each in addresses.values()):
            raise MetadataIncompleteError
        methods: Any = found.get("token_endpoint_auth_methods_supported")
        return Endpoints(
            authorize=addresses["authorization_endpoint"],
            token=addresses["token_endpoint"],
            jwks=addresses["jwks_uri"],
            userinfo=addresses.get("userinfo_endpoint"),
            end_session=addresses.get("end_session_endpoint"),
            issuer=found["issuer"],
            announces_issuer=found.get("authorization_response_iss_parameter_supported") is True,
            token_auth_methods=tuple(cast("list[str]", methods)) if isinstance(methods, list) else (),
        )

    def _is_address(self, value: Any) -> bool:
        if not isinstance(value, str):
            return False
        try:
            parts = urlsplit(value)
            is_web = parts.scheme in ("http", "https") and bool(parts.hostname)
        except ValueError:
            return False
        return is_web and self._is_safe(value)

    async def redeem(self, provider: Provider, grant: Grant) -> Evidence:
        """See the port."""
        endpoints = await self.endpoints(provider)
        tokens = await self._exchange(provider, endpoints, grant)
        access_token: str = tokens["access_token"]
        if provider.protocol == "oauth2":
            claims = await self._userinfo(provider.userinfo_url or "", access_token)
            emails = await self._emails(provider.emails_url, access_token) if provider.emails_url else None
            return Evidence(claims, emails=emails)
        id_token = tokens.get("id_token")
        if not isinstance(id_token, str):
            raise TokenInvalidError
        claims = await self._id_claims(provider, endpoints, grant, id_token, access_token)
        if endpoints.userinfo is not None:
            more = await self._userinfo(endpoints.userinfo, access_token)
            if more.get("sub") != claims["sub"]:
                raise TokenInvalidError
            # What was signed stands; userinfo adds to it.
            claims = {**more, **claims}
        return Evidence(claims, id_token=id_token)

    async def _exchange(self, provider: Provider, endpoints: Endpoints, grant: Grant) -> Json:
        form = {
            "grant_type": "authorization_code",
            "code": grant.code,
            "redirect_uri": grant.redirect_uri,
            "code_verifier": grant.verifier,
        }
        headers = {"Accept": "application/json"}
        secret = provider.client_secret
        if secret is None or _token_auth(provider, endpoints) == "client_secret_post":
            form["client_id"] = provider.client_id
            if secret is not None:
                form["client_secret"] = secret
        else:
            pair = f"{quote_plus(provider.client_id)}:{quote_plus(secret)}"
            headers["Authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
        try:
            answer = await self._http.post(endpoints.token, seconds=EXCHANGE_SECONDS, headers=headers, form=form)
        except FetchError:
            raise ExchangeFailedError from None
        tokens: Json = cast("Json", answer) if isinstance(answer, dict) else {}
        if not isinstance(tokens.get("access_token"), str) or not tokens["access_token"]:
            raise ExchangeFailedError
        return tokens

    async def _id_claims(
        self, provider: Provider, endpoints: Endpoints, grant: Grant, id_token: str, access_token: str
    ) -> Json:
        try:
            header = header_of(id_token)
            usable = usable_keys(await self._keys(provider, endpoints, is_retry=False), header)
            if not usable:
                usable = usable_keys(await self._keys(provider, endpoints, is_retry=True), header)
            claims = signed_claims(id_token, usable)
            require_claims(
                claims,
                issuer=endpoints.issuer or "",
                client_id=provider.client_id,
                nonce=grant.nonce,
                algorithm=header["alg"],
                access_token=access_token,
                now=self._clock.now(),
            )
        except RefusedTokenError:
            raise TokenInvalidError from None
        return claims

    async def _keys(self, provider: Provider, endpoints: Endpoints, *, is_retry: bool) -> list[Any]:
        """The provider's keys, an hour old at most; for a key nobody knows read again, at most once a minute."""
        known = self._known.setdefault(provider.id, _Known())
        async with known.lock:
            now = self._clock.monotonic()
            limit = PAUSE_SECONDS if is_retry else FRESH_SECONDS
            if known.keys is not None and now - known.keys_read_at < limit:
                return known.keys
            try:
                document = await self._http.read(endpoints.jwks or "", seconds=METADATA_SECONDS)
            except FetchError:
                if known.keys is not None and is_retry:
                    known.keys_read_at = now
                    return known.keys
                raise MetadataUnavailableError from None
            keys: Any = cast("Json", document).get("keys") if isinstance(document, dict) else None
            if not isinstance(keys, list):
                raise MetadataIncompleteError
            known.keys, known.keys_read_at = cast("list[Any]", keys), now
            return known.keys

    async def _userinfo(self, address: str, access_token: str) -> Json:
        try:
            answer = await self._http.read(address, seconds=EXCHANGE_SECONDS, token=access_token)
        except FetchError:
            raise UserinfoFailedError from None
        if not isinstance(answer, dict):
            raise UserinfoFailedError
        return cast("Json", answer)

    async def _emails(self, address: str, access_token: str) -> tuple[Mapping[str, Any], ...]:
        try:
            answer = await self._http.read(address, seconds=EXCHANGE_SECONDS, token=access_token)
        except FetchError:
            raise UserinfoFailedError from None
        if not isinstance(answer, list):
            raise UserinfoFailedError
        entries = cast("list[Any]", answer)[:MAX_EMAILS]
        return tuple(cast("Json", each) for each in entries if isinstance(each, dict))


def _addresses(provider: Provider) -> list[str]:
    given = (
        *(provider.issuer, provider.discovery_url, provider.authorize_url, provider.token_url),
        *(provider.userinfo_url, provider.emails_url),
    )
    return [each for each in given if each is not None]


def _is_issuer(provider: Provider, issuer: Any) -> bool:
    """Whether a document is of the issuer that was configured, by name or by the place of its document."""
    if not isinstance(issuer, str) or not issuer:
        return False
    if provider.issuer is not None:
        return issuer == provider.issuer
    place = provider.discovery_url or ""
    # The place of the document does not tell whether the issuer's name ends with a slash.
    return not place.endswith(WELL_KNOWN) or issuer.rstrip("/") == place.removesuffix(WELL_KNOWN).rstrip("/")


def _token_auth(provider: Provider, endpoints: Endpoints) -> str:
    """How the client proves itself: as configured, else Basic unless only the form is offered."""
    if provider.token_auth is not None:
        return provider.token_auth
    offered = endpoints.token_auth_methods
    only_post = "client_secret_post" in offered and "client_secret_basic" not in offered
    return "client_secret_post" if only_post else "client_secret_basic"
