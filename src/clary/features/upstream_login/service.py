"""Use cases of upstream login (platform.md 5): begin, come back, sign out.

Providers are asked outside of transactions.
"""

import hmac
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import structlog

from clary.db.database import Database
from clary.db.session import Session
from clary.errors import ProblemError
from clary.features.accounts.ports import Mailer, MailError
from clary.features.accounts.service import Identities, Origin, OutsideClaims, SignedIn, SignIn
from clary.features.audit.service import ANONYMOUS, Act, Actor, AuditLog
from clary.features.permissions.service import Identity
from clary.features.upstream_login.errors import (
    DeniedError,
    DisabledError,
    ExchangeFailedError,
    NoProviderError,
    ProviderMismatchError,
    ProviderReportedError,
    ProviderUnknownError,
    RedirectUriError,
    StateInvalidError,
)
from clary.features.upstream_login.flows import Begun, Flow, Flows, challenge_of, cookie_name, require_browser
from clary.features.upstream_login.policy import (
    Person,
    callback_addresses,
    decide,
    in_order,
    outside_claims,
    read_person,
    require_allowed,
)
from clary.features.upstream_login.ports import Endpoints, Grant, IdentityProviders, Provider
from clary.http.problems import CsrfFailedError, NotSignedInError, RoleMissingError
from clary.kit import json_text
from clary.kit.clock import Clock
from clary.kit.crypto import DecryptionError, SecretBox
from clary.kit.next_address import local_address
from clary.kit.text import Text

__all__ = ["Begun", "Flow", "Place", "Provider", "Returned", "UpstreamLogin", "Wish", "cookie_name"]

log = structlog.get_logger()

METHOD = "upstream:"
BUTTON = Text("使用{name}登录", "Sign in with {name}")
LINKED_SUBJECT = Text("{instance} 账号新增登录方式", "New way to sign in to {instance}")
LINKED_TEXT = Text(
    "您的账号 {username} 现在可以通过 {provider} 登录。若非本人操作，请联系管理员。",
    "Your account {username} can now be signed in to through {provider}. If this was not you, tell an administrator.",
)


@dataclass(frozen=True, slots=True)
class Place:
    """Where browsers find this server: `public_url` if there is one, the path before `/api`, the web client's path."""

    public_url: str | None = None
    api_prefix: str = ""
    web_base: str = ""

    def origin(self, peer_origin: str) -> str:
        """The own origin, for a request that came to `peer_origin`."""
        return self.public_url or peer_origin


@dataclass(frozen=True, slots=True)
class Wish:
    """A request to begin. `next_address` and `redirect_uri` as sent; `cookies`: names of flow cookies."""

    provider_id: str | None
    next_address: str | None
    redirect_uri: str | None
    links: bool
    identity: Identity | None
    fetch_site: str | None
    peer_origin: str
    cookies: Collection[str]


@dataclass(frozen=True, slots=True)
class Returned:
    """What the callback was called with; None where absent."""

    code: str | None
    error: str | None
    iss: str | None
    identity: Identity | None
    origin: Origin


class UpstreamLogin:
    """The door of the slice. Without providers (another mode) everything answers that there are none."""

    def __init__(
        self,
        *,
        database: Database,
        providers: Sequence[Provider],
        upstream: IdentityProviders,
        identities: Identities,
        sign_in: SignIn,
        secret_box: SecretBox,
        audit: AuditLog,
        clock: Clock,
        place: Place,
        mailer: Mailer | None = None,
        instance_name: Callable[[], str] = lambda: "Clary",
    ) -> None:
        self._database = database
        self._providers = in_order(providers)
        self._upstream = upstream
        self._identities = identities
        self._sign_in = sign_in
        self._box = secret_box
        self._audit = audit
        self._flows = Flows(secret_box=secret_box, clock=clock)
        self._mailer = mailer
        self._instance_name = instance_name
        self.place = place

    def list_providers(self) -> list[dict[str, str]]:
        """The entries of the sign-in page, the default one first (platform.md 5.1)."""
        return [
            {
                "id": each.id,
                "type": "oidc",
                "protocol": each.protocol,
                "login_url": f"{self.place.api_prefix}/api/auth/upstream/login/{each.id}",
                "name": each.name,
                "button_text": each.button_text or BUTTON.fill(name=each.name).render(),
                "description": each.description,
                "icon": each.icon,
            }
            for each in self._providers
        ]

    def next_address(self, wanted: str | None, *, peer_origin: str) -> str:
        """Where a browser goes on to, by the rule of 5.2."""
        return local_address(wanted, own_origin=self.place.origin(peer_origin), web_base=self.place.web_base)

    def require_provider(self, provider_id: str | None) -> Provider:
        """A provider by id; the default one for None.

        Raises:
            ProviderUnknownError, NoProviderError
        """
        if provider_id is None:
            if not self._providers:
                raise NoProviderError
            return self._providers[0]
        for each in self._providers:
            if each.id == provider_id:
                return each
        raise ProviderUnknownError

    async def begin(self, wish: Wish) -> tuple[str, Begun]:
        """Begins a flow: the provider's address, and what the browser keeps.

        Raises:
            ProviderUnknownError, NoProviderError, RedirectUriError, NotSignedInError, RoleMissingError,
            CsrfFailedError, MetadataUnavailableError, MetadataIncompleteError
        """
        provider = self.require_provider(wish.provider_id)
        link_user_id = _require_linker(wish) if wish.links else None
        addresses = callback_addresses(
            provider.id, own_origin=self.place.origin(wish.peer_origin), api_prefix=self.place.api_prefix
        )
        if wish.redirect_uri is not None and wish.redirect_uri not in addresses:
            raise RedirectUriError
        endpoints = await self._upstream.endpoints(provider)
        async with self._database.write() as db:
            begun = await self._flows.begin(
                db,
                provider_id=provider.id,
                next_address=self.next_address(wish.next_address, peer_origin=wish.peer_origin),
                redirect_uri=wish.redirect_uri or addresses[0],
                link_user_id=link_user_id,
                cookies=wish.cookies,
            )
        return self._request(provider, endpoints, begun), begun

    def _request(self, provider: Provider, endpoints: Endpoints, begun: Begun) -> str:
        flow = begun.flow
        own = {
            "response_type": "code",
            "client_id": provider.client_id,
            "redirect_uri": flow.redirect_uri,
            "scope": provider.scope,
            "state": begun.state,
            "code_challenge": challenge_of(flow.verifier),
            "code_challenge_method": "S256",
            "nonce": flow.nonce if provider.protocol == "oidc" else "",
        }
        # What the operator adds stands behind; a name of ours, even one we leave out, is not his to give.
        more = {name: value for name, value in provider.extra_params.items() if name not in own}
        return _with_query(endpoints.authorize, {**{name: value for name, value in own.items() if value}, **more})

    async def resume(self, *, state: str | None, cookie: str | None) -> Flow:
        """The flow a callback names, which is over by that.

        Raises:
            FlowExpiredError, StateInvalidError
        """
        async with self._database.write() as db:
            flow = await self._flows.take(db, state=state)
        require_browser(flow, cookie)
        return flow

    async def arrive(self, flow: Flow, returned: Returned, *, provider_id: str) -> SignedIn | None:
        """Ends a flow: a new session; None after adding the identity to a user who is signed in.

        Raises:
            ProblemError: any refusal of platform.md 5.
        """
        provider = self.require_provider(provider_id)
        if flow.provider_id != provider.id:
            raise ProviderMismatchError
        try:
            person = await self._prove(provider, flow, returned)
            require_allowed(provider, person)
            if flow.link_user_id is not None:
                await self._add_to(provider, person, flow.link_user_id, returned.identity)
                return None
            return await self._enter(provider, person, returned.origin)
        except ProblemError as problem:
            outcome: Literal["denied", "failed"] = "denied" if problem.code in (401, 403, 409) else "failed"
            detail = {"method": METHOD + provider.id, "reason": problem.slug}
            await self._audit.record_refusal(Act("auth.login_failed", ANONYMOUS, outcome=outcome, detail=detail))
            raise

    async def _prove(self, provider: Provider, flow: Flow, returned: Returned) -> Person:
        endpoints = await self._upstream.endpoints(provider)
        if returned.iss is not None or endpoints.announces_issuer:
            expected = endpoints.issuer or ""
            # Plain OAuth 2 without a configured issuer has nothing to compare with.
            is_known = provider.protocol == "oidc" or bool(expected)
            if is_known and not hmac.compare_digest((returned.iss or "").encode(), expected.encode()):
                raise StateInvalidError
        if returned.error is not None:
            raise DeniedError if returned.error == "access_denied" else ProviderReportedError
        if not returned.code:
            raise ExchangeFailedError
        grant = Grant(returned.code, flow.redirect_uri, flow.verifier, flow.nonce)
        return read_person(provider, await self._upstream.redeem(provider, grant))

    async def _enter(self, provider: Provider, person: Person, origin: Origin) -> SignedIn:
        claims, mails_to = outside_claims(provider, person), None
        sealed_parts = await self._sign_out_parts(provider, person)
        async with self._database.write() as db:
            user_id, linked_name = await self._user_of(db, provider, person, claims)
            mails_to = linked_name
            sealed = self._box.seal(sealed_parts, place=_place(user_id)) if sealed_parts else None
            signed = await self._sign_in.open_from_outside(
                db, user_id=user_id, method=METHOD + provider.id, origin=origin, sealed=sealed
            )
        if mails_to is not None and person.email is not None:
            await self._tell(provider, username=mails_to, email=person.email)
        return signed

    async def _user_of(
        self, db: Session, provider: Provider, person: Person, claims: OutsideClaims
    ) -> tuple[str, str | None]:
        """The user by the rules of 5.4, with what this sign-in changes; and the name of one just linked by e-mail."""
        known = await self._identities.find_by_identity(db, provider_id=provider.id, subject=person.subject)
        by_email = await self._identities.find_by_email(db, email=person.email) if person.email else None
        has_one = by_email is not None and await self._identities.has_identity_of(
            db, user_id=by_email.user_id, provider_id=provider.id
        )
        if known is not None and not known.is_active:
            raise DisabledError
        decision = decide(provider, person, known=known, by_email=by_email, has_identity_here=has_one)
        if decision.user_id is None:
            return (await self._identities.create_from_outside(db, claims=claims)).user_id, None
        if decision.does == "link":
            await self._identities.link(db, user_id=decision.user_id, claims=claims)
        await self._identities.update_from_outside(db, user_id=decision.user_id, claims=claims)
        linked = by_email.username if decision.does == "link" and by_email is not None else None
        return decision.user_id, linked

    async def _add_to(self, provider: Provider, person: Person, user_id: str, identity: Identity | None) -> None:
        """Adds an identity to the person who asked for it, if they are still the one at this browser."""
        if identity is None or not identity.is_interactive or identity.user_id != user_id:
            raise NotSignedInError
        claims = outside_claims(provider, person)
        async with self._database.write() as db:
            await self._identities.link(db, user_id=user_id, claims=claims, actor=Actor.of(identity))

    async def _tell(self, provider: Provider, *, username: str, email: str) -> None:
        if self._mailer is None:
            return
        subject = LINKED_SUBJECT.fill(instance=self._instance_name()).render()
        text = LINKED_TEXT.fill(username=username, provider=provider.name).render()
        try:
            await self._mailer.send(to=email, subject=subject, text=text)
        except MailError:
            # The link stands and is audited; a mail server that is away must not undo a sign-in.
            log.warning("link_mail_not_sent", provider=provider.id)

    async def _sign_out_parts(self, provider: Provider, person: Person) -> str | None:
        """What a later sign-out elsewhere needs, as JSON; None: this provider is not told."""
        if not provider.signs_out:
            return None
        endpoints = await self._upstream.endpoints(provider)
        return json_text.dumps({"id_token": person.id_token, "end_session": endpoints.end_session}).decode()

    def logout_url(self, *, method: str, sealed: str | None, user_id: str, peer_origin: str) -> str | None:
        """Implements accounts' `SignOutElsewhere` (platform.md 5.1)."""
        provider_id = method.removeprefix(METHOD)
        provider = next((each for each in self._providers if each.id == provider_id), None)
        if provider is None or not method.startswith(METHOD) or not provider.signs_out or sealed is None:
            return None
        try:
            parts: Mapping[str, str | None] = json_text.loads(self._box.open(sealed, place=_place(user_id)))
        except DecryptionError:
            log.warning("sealed_session_unreadable", provider=provider_id)
            return None
        address = provider.end_session_url or parts.get("end_session")
        if not address:
            return None
        back = f"{self.place.origin(peer_origin)}{self.place.web_base}/login"
        own = {
            "client_id": provider.client_id,
            "id_token_hint": parts.get("id_token") or "",
            "post_logout_redirect_uri": back,
        }
        return _with_query(address, {name: value for name, value in own.items() if value})


def _require_linker(wish: Wish) -> str:
    if wish.identity is None:
        raise NotSignedInError
    if not wish.identity.is_interactive:
        raise RoleMissingError
    if wish.fetch_site not in (None, "same-origin", "none"):
        raise CsrfFailedError
    return wish.identity.user_id


def _with_query(address: str, params: Mapping[str, str]) -> str:
    """An address with more parameters; what it has already stays, unless it is one of them."""
    parts = urlsplit(address)
    kept = [(name, value) for name, value in parse_qsl(parts.query, keep_blank_values=True) if name not in params]
    return urlunsplit(parts._replace(query=urlencode([*kept, *params.items()])))


def _place(user_id: str) -> str:
    return f"login_sessions.sealed:{user_id}"
