"""Shapes of clients, as administrators, the configuration and clients themselves write them (platform.md 6.1, 6.7)."""

from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from clary.features.oauth2.policy import CLIENT_ID, SHORTEST_SECRET, AuthMethod, read_scope, require_redirect
from clary.features.oauth2.ports import ProtocolError
from clary.http.payload import Payload
from clary.kit.text import TextError, has_control_characters


def _scope(value: Any) -> Any:
    if isinstance(value, list):
        value = " ".join(str(each) for each in cast("list[object]", value))
    return read_scope(value) if isinstance(value, str) else value


PUBLIC = "none"
GrantType = Literal["authorization_code", "refresh_token"]
Name = Annotated[str, Field(min_length=1, max_length=100)]
Addresses = Annotated[list[str], Field(min_length=1, max_length=20)]
Scope = Annotated[tuple[str, ...], BeforeValidator(_scope)]
Secret = Annotated[str, Field(min_length=SHORTEST_SECRET, max_length=1024)]


class _ClientFields(Payload):
    """What every source says of a client; absent means the default, or unchanged."""

    client_name: Name | None = None
    client_uri: Annotated[str, Field(max_length=2048)] | None = None
    redirect_uris: Addresses | None = None
    token_endpoint_auth_method: AuthMethod | None = None
    grant_types: Annotated[list[GrantType], Field(min_length=1, max_length=2)] | None = None
    response_types: list[Literal["code"]] | None = None
    scope: Scope | None = None
    require_pkce: bool | None = None

    @field_validator("client_name")
    @classmethod
    def _printable(cls, value: str | None) -> str | None:
        if value is not None and has_control_characters(value):
            raise TextError("不能包含控制字符", "control characters are not allowed")
        return value

    @field_validator("client_uri")
    @classmethod
    def _https(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("https://"):
            raise TextError("应为 https 地址", "must be https")
        return value

    @property
    def is_public(self) -> bool:
        """Whether it says that it has no secret."""
        return self.token_endpoint_auth_method == PUBLIC

    def require_addresses(self, *, is_public: bool) -> None:
        """Judges the redirect addresses for a kind of client.

        Raises:
            ValueError
        """
        for address in self.redirect_uris or ():
            require_redirect(address, is_public=is_public)


class ClientCreateRequest(_ClientFields):
    """A client that an administrator makes."""

    may_be_public: ClassVar[bool] = False

    client_id: Annotated[str, Field(max_length=128)] | None = None
    client_secret: Secret | None = None
    skip_consent: bool = False
    introspect_all: bool = False
    enabled: bool = True

    @field_validator("client_id")
    @classmethod
    def _is_id(cls, value: str | None) -> str | None:
        if value is not None and CLIENT_ID.fullmatch(value) is None:
            raise TextError(
                "应为 2 到 128 个字母、数字、点、连字符或下划线",
                "must have 2 to 128 letters, digits, dots, hyphens and underscores",
            )
        return value

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if not self.redirect_uris:
            raise TextError("缺少 redirect_uris", "redirect_uris is missing")
        self.require_addresses(is_public=self.is_public or self.may_be_public)
        return self

    def sent(self) -> dict[str, Any]:
        """The fields that were given."""
        return self.model_dump(exclude_none=True, exclude={"response_types"})


class ClientUpdateRequest(_ClientFields):
    """Changes of a client: absent = unchanged."""

    skip_consent: bool | None = None
    introspect_all: bool | None = None
    enabled: bool | None = None

    @model_validator(mode="after")
    def _fits(self) -> Self:
        # Whether it is public is known to the row; a private scheme is judged there.
        self.require_addresses(is_public=True)
        return self

    def sent(self) -> dict[str, Any]:
        """The fields that were given."""
        return self.model_dump(exclude_none=True, exclude={"response_types"})


class ClientRegistration(_ClientFields):
    """A client that registers itself (RFC 7591); metadata without use here is ignored."""

    def sent(self) -> dict[str, Any]:
        """The fields that were given."""
        return self.model_dump(exclude_none=True, exclude={"response_types"})


def check_client(sent: dict[str, Any], *, is_new: bool) -> dict[str, Any]:
    """The fields of a client, by the rules of the API.

    Raises:
        ValueError: one sentence about the first field that is wrong.
    """
    shape = ClientCreateRequest if is_new else ClientUpdateRequest
    try:
        return shape.model_validate(sent).sent()
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise ValueError(f"{field}: {first['msg']}".removeprefix(": ").replace("Value error, ", "")) from None


def read_registration(raw: bytes, *, allowed: tuple[str, ...]) -> dict[str, Any]:
    """The fields of a client that registers itself; its scope is cut to `allowed`, all of it by default.

    Raises:
        ProtocolError
    """
    try:
        sent = ClientRegistration.model_validate_json(raw)
    except ValidationError as error:
        named = {str(part) for each in error.errors() for part in each["loc"]}
        kind = "invalid_redirect_uri" if "redirect_uris" in named else "invalid_client_metadata"
        raise ProtocolError(kind) from None
    try:
        sent.require_addresses(is_public=sent.is_public)
    except ValueError:
        raise ProtocolError("invalid_redirect_uri") from None
    if not sent.redirect_uris:
        raise ProtocolError("invalid_redirect_uri")
    scope = [each for each in sent.scope or allowed if each in allowed]
    if not scope:
        raise ProtocolError("invalid_client_metadata", "nothing of the scope may be registered")
    return {**sent.sent(), "scope": scope}


class ConfiguredClient(ClientCreateRequest):
    """An entry of `CLARY_OAUTH2_CLIENTS`; `redirect_uri` may stand for one address."""

    may_be_public: ClassVar[bool] = True

    redirect_uri: str | None = None

    @model_validator(mode="before")
    @classmethod
    def _one_address(cls, data: Any) -> Any:
        if not isinstance(data, dict):
            return data
        entry = cast("dict[str, Any]", data)
        alone = {"redirect_uris": [entry["redirect_uri"]]} if "redirect_uri" in entry else {}
        return {**alone, **entry}

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.client_id is None:
            raise TextError("缺少 client_id", "client_id is missing")
        if self.is_public and self.client_secret is not None:
            raise TextError("有密钥的客户端须用密钥认证", "a client with a secret authenticates with it")
        if self.token_endpoint_auth_method not in (None, PUBLIC) and self.client_secret is None:
            raise TextError("缺少 client_secret", "client_secret is missing")
        return self

    def entry(self) -> dict[str, Any]:
        """The entry with its defaults: a client without a secret is public."""
        method = self.token_endpoint_auth_method or ("client_secret_basic" if self.client_secret else PUBLIC)
        self.require_addresses(is_public=method == PUBLIC)
        return {
            **self.sent(),
            "token_endpoint_auth_method": method,
            "client_secret": self.client_secret,
            "enabled": self.enabled,
        }


class SecretRequest(Payload):
    """How long the old secret still works, in seconds."""

    overlap_seconds: Annotated[int, Field(ge=0, le=86_400)] = 0
