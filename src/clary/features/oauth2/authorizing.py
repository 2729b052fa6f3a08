"""The authorization endpoint and consent (platform.md 6.3, 6.4)."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from clary.db.database import Database
from clary.db.session import Session
from clary.features.audit.service import Act, Actor, AuditLog, AuditObject
from clary.features.oauth2.errors import ConsentExpiredError
from clary.features.oauth2.policy import (
    CODE_LIFE,
    MARKER_LIFE,
    MAX_ECHO,
    REQUEST_LIFE,
    is_confined,
    repeated,
    with_parameters,
)
from clary.features.oauth2.ports import AskedFor, Client, ProtocolCore, ProtocolError
from clary.features.oauth2.repository import OAuthRepository, SqlProtocolStore, client_of
from clary.features.oauth2.tables import OAuthCodeRow, OAuthConsentRow, OAuthRequestRow
from clary.features.permissions.service import Identity
from clary.http.problems import CsrfFailedError
from clary.kit.clock import Clock
from clary.kit.crypto import SecretBox, hash_token, same_text
from clary.kit.ids import new_hex, new_token

MARKER = "clary_login"
MARKER_PLACE = "oauth2.login_marker"


@dataclass(frozen=True, slots=True)
class Browser:
    """Whoever sits at the browser (cookie or proxied identity), and since when; None: nobody signed in."""

    identity: Identity | None
    signed_in_at: datetime | None


@dataclass(frozen=True, slots=True)
class Place:
    """Where the request came to: issuer, own address, prefix of the protocol routes, and path and query as sent."""

    issuer: str
    own_address: str
    prefix: str
    path: str
    query: str
    web_base: str


@dataclass(frozen=True, slots=True)
class ConsentPage:
    """What the person is asked, and the values the form sends back."""

    request: str
    csrf: str
    client: Client
    redirect_uri: str
    scope: tuple[str, ...]
    username: str
    switch_url: str


class Authorization:
    """What comes of a request is an address to go to, or a refusal that goes nowhere."""

    def __init__(
        self, *, database: Database, core: ProtocolCore, secret_box: SecretBox, audit: AuditLog, clock: Clock
    ) -> None:
        self._database = database
        self._core = core
        self._secret_box = secret_box
        self._audit = audit
        self._clock = clock

    async def authorize(self, pairs: Sequence[tuple[str, str]], browser: Browser, place: Place) -> str:
        """The address the browser goes on to: the client, the login page, or the consent page.

        Raises:
            ProtocolError: without a redirect address: it must not be redirected anywhere.
        """
        sent = dict(pairs)
        try:
            asked = await self._check(pairs, sent)
        except ProtocolError as error:
            if error.redirect_uri is None:
                raise
            return self.error_address(error, error.redirect_uri, sent.get("state"), place.issuer)
        try:
            _require_in_order(pairs, sent, place)
            return await self._go_on(asked, sent, browser, place)
        except ProtocolError as error:
            return self.error_address(error, asked.redirect_uri, sent.get("state"), place.issuer)

    async def _check(self, pairs: Sequence[tuple[str, str]], sent: dict[str, str]) -> AskedFor:
        names = [name for name, _ in pairs]
        if names.count("client_id") > 1 or names.count("redirect_uri") > 1:
            raise ProtocolError("invalid_request", "a parameter was sent more than once")
        now = self._clock.now()
        judged = {name: value for name, value in sent.items() if name not in ("request", "request_uri")}
        async with self._database.read() as db:
            return await db.run_sync(
                lambda session: self._core.check_authorization(SqlProtocolStore(session, now), judged)
            )

    async def _go_on(self, asked: AskedFor, sent: dict[str, str], browser: Browser, place: Place) -> str:
        prompts = set(sent.get("prompt", "").split())
        identity, is_silent = browser.identity, "none" in prompts
        if identity is None or browser.signed_in_at is None or self._must_sign_in(sent, prompts, browser, place):
            if is_silent:
                raise ProtocolError("login_required")
            return self._login_address(place, sent, marks="login" in prompts)
        scope = tuple(each for each in asked.scope if each != "admin" or identity.role == "admin")
        parameters: dict[str, Any] = {
            "client_id": asked.client.client_id,
            "redirect_uri": asked.redirect_uri,
            "sent_redirect_uri": sent.get("redirect_uri"),
            "scope": " ".join(scope),
            "state": sent.get("state"),
            "nonce": sent.get("nonce"),
            "challenge": sent.get("code_challenge"),
            "method": (sent.get("code_challenge_method") or "plain") if "code_challenge" in sent else None,
            "resource": sent.get("resource"),
            "auth_time": browser.signed_in_at.timestamp(),
        }
        async with self._database.write() as db:
            if "consent" in prompts or not await self._is_consented(db, asked, identity, parameters):
                if is_silent:
                    raise ProtocolError("consent_required")
                return await self._ask(db, identity, parameters, place)
            return await self._code(db, identity, parameters, place.issuer)

    def _must_sign_in(self, sent: dict[str, str], prompts: set[str], browser: Browser, place: Place) -> bool:
        assert browser.signed_in_at is not None
        age = self._clock.now() - browser.signed_in_at
        if "max_age" in sent and age > timedelta(seconds=int(sent["max_age"])):
            return True
        return "login" in prompts and not self._is_fresh(sent, browser.signed_in_at, place)

    def _is_fresh(self, sent: dict[str, str], signed_in_at: datetime, place: Place) -> bool:
        """Whether the sign-in is the one that was asked for here: the mark in the address says when that was."""
        asked_at, _, mac = sent.get(MARKER, "").partition(".")
        if not asked_at.isdecimal() or len(asked_at) > 15 or not same_text(mac, self._mark(asked_at, sent)):
            return False
        moment = datetime.fromtimestamp(int(asked_at) / 1000, signed_in_at.tzinfo)
        return signed_in_at > moment and self._clock.now() - moment <= MARKER_LIFE

    def _mark(self, asked_at: str, sent: dict[str, str]) -> str:
        others = urlencode(sorted((name, value) for name, value in sent.items() if name != MARKER))
        return self._secret_box.mac(f"{asked_at}\n{others}", place=MARKER_PLACE)

    def _login_address(self, place: Place, sent: dict[str, str], *, marks: bool) -> str:
        query = place.query
        if marks:
            kept = [(name, value) for name, value in parse_qsl(query, keep_blank_values=True) if name != MARKER]
            asked_at = str(int(self._clock.now().timestamp() * 1000))
            query = urlencode([*kept, (MARKER, f"{asked_at}.{self._mark(asked_at, sent)}")])
        onward = f"{place.path}?{query}" if query else place.path
        hint = f"&login_hint={quote(sent['login_hint'][:255], safe='')}" if sent.get("login_hint") else ""
        return f"{place.web_base}/login?next={quote(onward, safe='')}{hint}"

    async def _is_consented(self, db: Session, asked: AskedFor, identity: Identity, parameters: dict[str, Any]) -> bool:
        client = asked.client
        if client.skip_consent:
            return True
        # Another program of the same machine could catch the answer: the person sees each time who asks.
        if client.is_public and is_confined(asked.redirect_uri):
            return False
        row = await OAuthRepository(db).find_consent(identity.user_id, client.client_id, parameters["resource"] or "")
        return row is not None and set(parameters["scope"].split()) <= set(row.scope.split())

    async def _ask(self, db: Session, identity: Identity, parameters: dict[str, Any], place: Place) -> str:
        request = new_token()
        OAuthRepository(db).add(
            OAuthRequestRow(
                request_hash=hash_token(request),
                user_id=identity.user_id,
                login_session_id=identity.login_session_id,
                csrf_hash=None,
                parameters=parameters,
                created_at=self._clock.now(),
            )
        )
        return f"{place.prefix}/consent?request={request}"

    async def consent_page(self, *, request: str, identity: Identity, place: Place) -> ConsentPage:
        """What is asked, with a fresh token for the form.

        Raises:
            ConsentExpiredError
        """
        csrf = new_token()
        async with self._database.write() as db:
            row = await self._waiting(db, request, identity)
            row.csrf_hash = hash_token(csrf)
            client = await OAuthRepository(db).find_client(row.parameters["client_id"])
        if client is None:
            raise ConsentExpiredError
        onward = quote(f"{place.path}?{place.query}", safe="")
        return ConsentPage(
            request,
            csrf,
            client_of(client, self._clock.now()),
            row.parameters["redirect_uri"],
            tuple(row.parameters["scope"].split()),
            identity.username,
            f"{place.web_base}/login?next={onward}",
        )

    async def answer(
        self, *, request: str, csrf: str, allows: bool, ticked: Sequence[str], identity: Identity, issuer: str
    ) -> str:
        """Where the browser goes on to after the person decided; a request is answered once.

        Raises:
            ConsentExpiredError, CsrfFailedError
        """
        async with self._database.write() as db:
            row = await self._waiting(db, request, identity)
            is_same = row.login_session_id == identity.login_session_id and row.csrf_hash is not None
            if not is_same or not same_text(row.csrf_hash or "", hash_token(csrf)):
                raise CsrfFailedError
            if not await OAuthRepository(db).consume_request(row.request_hash):
                raise ConsentExpiredError
            parameters, state = dict(row.parameters), row.parameters["state"]
            kept = [each for each in parameters["scope"].split() if each in ticked or each == "openid"]
            if not allows or not kept:
                error = ProtocolError("access_denied")
                return self.error_address(error, parameters["redirect_uri"], state, issuer)
            parameters["scope"] = " ".join(kept)
            await self._remember(db, identity, parameters)
            return await self._code(db, identity, parameters, issuer)

    async def _waiting(self, db: Session, request: str, identity: Identity) -> OAuthRequestRow:
        row = await OAuthRepository(db).find_request(hash_token(request))
        if row is None or row.user_id != identity.user_id or self._clock.now() - row.created_at > REQUEST_LIFE:
            raise ConsentExpiredError
        return row

    async def _remember(self, db: Session, identity: Identity, parameters: dict[str, Any]) -> None:
        tokens, resource = OAuthRepository(db), parameters["resource"] or ""
        known = await tokens.find_consent(identity.user_id, parameters["client_id"], resource)
        if known is None:
            tokens.add(
                OAuthConsentRow(
                    user_id=identity.user_id,
                    client_id=parameters["client_id"],
                    resource=resource,
                    scope=parameters["scope"],
                    created_at=self._clock.now(),
                    last_used_at=None,
                )
            )
        else:
            known.scope = " ".join(dict.fromkeys([*known.scope.split(), *parameters["scope"].split()]))
        target = AuditObject("oauth2_client", parameters["client_id"], identity.user_id)
        detail = {"scope": parameters["scope"], "resource": parameters["resource"]}
        await self._audit.record(db, Act("oauth2.consent_given", Actor.of(identity), target, detail=detail))

    async def _code(self, db: Session, identity: Identity, parameters: dict[str, Any], issuer: str) -> str:
        code, now = new_token(), self._clock.now()
        OAuthRepository(db).add(
            OAuthCodeRow(
                code_hash=hash_token(code),
                client_id=parameters["client_id"],
                user_id=identity.user_id,
                login_session_id=identity.login_session_id,
                sent_redirect_uri=parameters["sent_redirect_uri"],
                scope=parameters["scope"],
                resource=parameters["resource"],
                nonce=parameters["nonce"],
                challenge=parameters["challenge"],
                challenge_method=parameters["method"],
                auth_time=datetime.fromtimestamp(parameters["auth_time"], now.tzinfo),
                family_id=new_hex(32),
                failures=0,
                expires_at=now + CODE_LIFE,
                spent_at=None,
            )
        )
        answer = {"code": code, "state": parameters["state"], "iss": issuer}
        return with_parameters(parameters["redirect_uri"], answer)

    def error_address(self, error: ProtocolError, redirect_uri: str, state: str | None, issuer: str) -> str:
        """The client's address with an error (RFC 6749 4.1.2.1, RFC 9207)."""
        shown = state if state is not None and len(state) <= MAX_ECHO else None
        described = error.description or None
        return with_parameters(
            redirect_uri, {"error": error.error, "error_description": described, "state": shown, "iss": issuer}
        )


def _require_in_order(pairs: Sequence[tuple[str, str]], sent: dict[str, str], place: Place) -> None:
    """What the core does not judge (6.3, step 2).

    Raises:
        ProtocolError
    """
    if repeated(pairs) is not None:
        raise ProtocolError("invalid_request", "a parameter was sent more than once")
    for name in ("request", "request_uri"):
        if name in sent:
            raise ProtocolError(f"{name}_not_supported")
    if any(len(sent.get(name, "")) > MAX_ECHO for name in ("state", "nonce")):
        raise ProtocolError("invalid_request", "state and nonce have at most 1024 characters")
    if sent.get("resource") not in (None, place.own_address, place.own_address + "/mcp"):
        raise ProtocolError("invalid_target")
    if sent.get("response_mode") not in (None, "query"):
        raise ProtocolError("invalid_request", "response_mode must be query")
    max_age = sent.get("max_age", "0")
    if not max_age.isdecimal() or len(max_age) > 9:
        raise ProtocolError("invalid_request", "max_age must be seconds")
    prompts = sent.get("prompt", "").split()
    if not set(prompts) <= {"none", "login", "consent"} or ("none" in prompts and len(prompts) > 1):
        raise ProtocolError("invalid_request", "prompt is not supported")
