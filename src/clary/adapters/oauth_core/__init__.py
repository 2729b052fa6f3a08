"""The protocol core of the authorization server, by Authlib: client authentication, grants, PKCE (RFC 6749, 7636).

Authlib is synchronous and has its own idea of storing; here it judges requests only. It is asked inside one database
transaction, through `ProtocolStore`, and what follows from its judgement is done by the slice.
"""

# pyright: basic, reportMissingTypeStubs=false, reportIncompatibleMethodOverride=false
# (the library comes without types)

from collections import defaultdict
from collections.abc import Mapping
from typing import Any

from authlib.oauth2 import OAuth2Error
from authlib.oauth2.rfc6749 import AuthorizationServer, InvalidClientError, InvalidRequestError, OAuth2Request
from authlib.oauth2.rfc6749.grants import AuthorizationCodeGrant, RefreshTokenGrant
from authlib.oauth2.rfc6749.requests import OAuth2Payload
from authlib.oauth2.rfc7636 import CodeChallenge

from clary.features.oauth2.ports import (
    AskedFor,
    Client,
    CodeGrant,
    ProtocolError,
    ProtocolStore,
    Redeemed,
    RefreshGrant,
)
from clary.kit.crypto import hash_token, same_text

METHODS = ["client_secret_basic", "client_secret_post", "none"]


class AuthlibCore:
    """Implements `ProtocolCore`. `allow_plain`: PKCE method `plain` is accepted, too (6.2)."""

    def __init__(self, *, scopes: tuple[str, ...], allow_plain: bool = False) -> None:
        self._scopes = scopes
        self._methods = ["S256", "plain"] if allow_plain else ["S256"]

    def check_authorization(self, store: ProtocolStore, parameters: Mapping[str, str]) -> AskedFor:
        """See the port."""
        redirect_uri = _known_redirect(store, parameters)
        response_type = parameters.get("response_type")
        if response_type != "code":
            # Said here: the library would repeat the value, which may hold anything.
            error = "unsupported_response_type" if response_type else "invalid_request"
            raise ProtocolError(error, redirect_uri=redirect_uri)
        request = _Request("GET", parameters, {})
        try:
            grant = self._server(store).get_consent_grant(request)
        except OAuth2Error as error:
            raise _translated(error) from None
        client: _Client = grant.request.client
        return AskedFor(client.client, grant.redirect_uri, tuple((grant.request.scope or "").split()))

    def check_token(self, store: ProtocolStore, form: Mapping[str, str], headers: Mapping[str, str]) -> Redeemed:
        """See the port."""
        request = _Request("POST", form, headers)
        try:
            grant: Any = self._server(store).get_token_grant(request)
            grant.validate_token_request()
        except OAuth2Error as error:
            raise _translated(error) from None
        client: Any = request.client
        code = request.authorization_code.grant if request.authorization_code else None
        refresh = request.refresh_token.grant if request.refresh_token else None
        granted: tuple[str, ...] = (code or refresh).scope  # type: ignore[union-attr]
        return Redeemed(client.client, code, refresh, tuple(form.get("scope", "").split()) or granted)

    def authenticate(self, store: ProtocolStore, form: Mapping[str, str], headers: Mapping[str, str]) -> Client:
        """See the port."""
        request = _Request("POST", form, headers)
        try:
            client: Any = self._server(store).authenticate_client(request, METHODS)
        except OAuth2Error as error:
            raise _translated(error) from None
        return client.client

    def _server(self, store: ProtocolStore) -> "_Server":
        server = _Server(store, self._scopes)
        server.register_grant(_CodeGrant, [_Challenge(self._methods)])
        server.register_grant(_RefreshGrant)
        return server


def _known_redirect(store: ProtocolStore, parameters: Mapping[str, str]) -> str:
    """The redirect address of a request, known to belong to its client; nothing is told anywhere else."""
    client = store.find_client(parameters.get("client_id", ""))
    if client is None:
        raise ProtocolError("invalid_client", status=401)
    sent = parameters.get("redirect_uri")
    if sent is None and len(client.redirect_uris) == 1:
        return client.redirect_uris[0]
    if sent is None or not client.allows_redirect(sent):
        raise ProtocolError("invalid_request", "redirect_uri is not registered")
    return sent


def _translated(error: OAuth2Error) -> ProtocolError:
    status = 401 if isinstance(error, InvalidClientError) else 400
    return ProtocolError(str(error.error), str(error.description or ""), redirect_uri=error.redirect_uri, status=status)


class _Payload(OAuth2Payload):
    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    @property
    def data(self) -> dict[str, str]:
        return self._values

    @property
    def datalist(self) -> "defaultdict[str, list[str]]":
        # Repeated parameters were refused before.
        return defaultdict(list, {name: [value] for name, value in self._values.items()})


class _Request(OAuth2Request):
    """A request whose address does not matter: whether it came by https is judged by those who serve it."""

    def __init__(self, method: str, values: Mapping[str, str], headers: Mapping[str, str]) -> None:
        super().__init__(method, "https://clary.invalid/", headers=dict(headers))
        self.payload: Any = _Payload(values)

    @property
    def form(self) -> dict[str, str]:
        return self.payload.data

    @property
    def args(self) -> dict[str, str]:
        return self.payload.data


class _Server(AuthorizationServer):
    def __init__(self, store: ProtocolStore, scopes: tuple[str, ...]) -> None:
        super().__init__(scopes_supported=list(scopes))
        self.store = store

    def query_client(self, client_id: str) -> "_Client | None":
        client = self.store.find_client(client_id)
        return _Client(client) if client is not None else None

    def create_oauth2_request(self, request: OAuth2Request) -> OAuth2Request:
        return request

    def send_signal(self, name: str, *args: Any, **kwargs: Any) -> None:
        """Nobody listens."""


class _Client:
    """A client in Authlib's words."""

    def __init__(self, client: Client) -> None:
        self.client = client

    def get_client_id(self) -> str:
        return self.client.client_id

    def get_default_redirect_uri(self) -> str | None:
        return self.client.redirect_uris[0] if len(self.client.redirect_uris) == 1 else None

    def get_allowed_scope(self, scope: str | None) -> str | None:
        if not scope:
            return " ".join(self.client.scope)
        wanted = list(dict.fromkeys(scope.split()))
        return " ".join(wanted) if set(wanted) <= set(self.client.scope) else None

    def check_redirect_uri(self, redirect_uri: str) -> bool:
        return self.client.allows_redirect(redirect_uri)

    def check_client_secret(self, client_secret: str) -> bool:
        found = hash_token(client_secret)
        return any(same_text(found, known) for known in self.client.secret_hashes)

    def check_endpoint_auth_method(self, method: str, endpoint: str) -> bool:
        return method == self.client.auth_method

    def check_response_type(self, response_type: str) -> bool:
        return response_type == "code"

    def check_grant_type(self, grant_type: str) -> bool:
        return grant_type in self.client.grant_types


class _Code:
    """A code in Authlib's words."""

    def __init__(self, grant: CodeGrant) -> None:
        self.grant = grant
        self.code_challenge = grant.challenge
        self.code_challenge_method = grant.challenge_method

    def get_redirect_uri(self) -> str | None:
        return self.grant.sent_redirect_uri

    def get_scope(self) -> str:
        return " ".join(self.grant.scope)


class _Refresh:
    """A refresh token in Authlib's words."""

    def __init__(self, grant: RefreshGrant) -> None:
        self.grant = grant

    def check_client(self, client: _Client) -> bool:
        return client.client.client_id == self.grant.client_id

    def get_scope(self) -> str:
        return " ".join(self.grant.scope)


class _CodeGrant(AuthorizationCodeGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def query_authorization_code(self, code: str, client: _Client) -> _Code | None:
        grant = self.server.store.find_code(code, client.client.client_id)
        return _Code(grant) if grant is not None else None


class _RefreshGrant(RefreshTokenGrant):
    TOKEN_ENDPOINT_AUTH_METHODS = METHODS

    def authenticate_refresh_token(self, refresh_token: str) -> _Refresh | None:
        client: Any = self.request.client
        grant = self.server.store.find_refresh(refresh_token, client.client.client_id)
        return _Refresh(grant) if grant is not None else None


class _Challenge(CodeChallenge):
    """PKCE as 6.3 has it: a missing method means `plain`, and public clients must use it at authorize already."""

    def __init__(self, methods: list[str]) -> None:
        super().__init__(required=True)
        self.SUPPORTED_CODE_CHALLENGE_METHOD = methods

    def validate_code_challenge(self, grant: Any, redirect_uri: str) -> None:
        sent = grant.request.payload.data
        client: Client = grant.request.client.client
        if "code_challenge" in sent:
            sent.setdefault("code_challenge_method", "plain")
        elif client.is_public or client.require_pkce:
            raise InvalidRequestError("public clients must use PKCE" if client.is_public else "Missing code_challenge")
        super().validate_code_challenge(grant, redirect_uri)
