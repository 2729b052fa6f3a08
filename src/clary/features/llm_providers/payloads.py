"""Wire shapes of providers (platform.md 8.1–8.4)."""

import unicodedata
from decimal import Decimal
from typing import Annotated, Any, ClassVar, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, field_serializer

from clary.features.llm_providers.ports import ThinkingStyle
from clary.http.payload import Payload
from clary.kit.safe_http import is_web_address
from clary.kit.text import TextError, has_control_characters

MAX_URL = 2048
MAX_KEY = 4096
PER = (1, 1_000, 1_000_000)


def _plain(text: str) -> str:
    text = unicodedata.normalize("NFC", text.strip())
    if has_control_characters(text):
        raise TextError("不能包含控制字符", "must not contain control characters")
    return text


def normal_address(url: str) -> str:
    """A base URL without trailing slashes.

    Raises:
        ValueError: not http(s), no host, or with user info, query or fragment.
    """
    url = url.strip()
    if len(url) > MAX_URL:
        raise TextError("不能超过 2048 个字符", "must not be longer than 2048 characters")
    if has_control_characters(url) or any(char.isspace() or char == "\\" for char in url):
        raise TextError("不能包含空格或控制字符", "must not contain spaces or control characters")
    parts = urlsplit(url)
    if not parts.hostname or parts.port == 0 or not is_web_address(url):
        raise TextError("应为 http 或 https 地址", "must be an http or https address")
    if "@" in parts.netloc or "?" in url or "#" in url:
        raise TextError("不能包含用户信息、查询参数或片段", "must not contain user info, a query or a fragment")
    return url.rstrip("/")


def _one_key(keys: list[str]) -> list[str]:
    filled = [key.strip() for key in keys if key.strip()]
    if len(filled) != 1:
        raise TextError("需要且只能有一个 API Key", "Exactly one API key is required")
    if has_control_characters(filled[0]) or len(filled[0].splitlines()) > 1:
        raise TextError("API Key 只能有一行", "API key must be a single line")
    if len(filled[0]) > MAX_KEY:
        raise TextError("不能超过 4096 个字符", "must not be longer than 4096 characters")
    return filled


def _known_per(per: int) -> int:
    if per not in PER:
        raise TextError("应为 1、1000 或 1000000", "must be 1, 1000 or 1000000")
    return per


Name = Annotated[str, AfterValidator(_plain), Field(min_length=1, max_length=128)]
ModelName = Annotated[str, AfterValidator(_plain), Field(min_length=1, max_length=255)]
Address = Annotated[str, AfterValidator(normal_address)]
Keys = Annotated[list[str], Field(max_length=100), AfterValidator(_one_key)]
Amount = Annotated[Decimal, Field(ge=0, le=1_000_000, decimal_places=6, allow_inf_nan=False)]


class PricesBody(Payload):
    """Prices as sent (platform.md 8.4)."""

    currency: str = Field(pattern="^[A-Z]{3}$")
    per: Annotated[int, AfterValidator(_known_per)] = 1_000_000
    input: Amount
    output: Amount
    cached_input: Amount | None = None
    cache_write: Amount | None = None
    reasoning: Amount | None = None
    request: Amount | None = None

    @field_serializer("input", "output", "cached_input", "cache_write", "reasoning", "request")
    def _as_number(self, amount: Decimal | None) -> int | float | None:
        if amount is None:
            return None
        return int(amount) if amount == amount.to_integral_value() else float(amount)

    def to_wire(self) -> dict[str, Any]:
        """The object as it is stored and shown: numbers, no absent keys."""
        return self.model_dump(exclude_none=True)


class _ProviderBody(Payload):
    model_config = ConfigDict(extra="ignore", allow_inf_nan=False)

    max_tokens: int | None = Field(None, ge=1, le=10_000_000)
    max_model_len: int | None = Field(None, ge=1024, le=100_000_000)
    temperature: float | None = Field(None, ge=0, le=2)
    top_p: float | None = Field(None, ge=0, le=1)
    presence_penalty: float | None = Field(None, ge=-2, le=2)
    supports_multimodal: bool = False
    supports_structured_output: bool = False
    thinking_style: ThinkingStyle = "auto"
    prices: PricesBody | None = None
    is_default: bool = False
    is_system: bool = False
    group_ids: list[Annotated[str, Field(max_length=64)]] = Field(default_factory=list[str], max_length=1000)


class ProviderCreateRequest(_ProviderBody):
    """LLMProviderCreate."""

    name: Name | None = None
    base_url: Address
    api_keys: Keys
    model: ModelName

    @property
    def api_key(self) -> str:
        """The one key, or a mask that stands for one."""
        return self.api_keys[0]

    def name_or_default(self) -> str:
        """`<model>@<host>` where no name was given."""
        return self.name or f"{self.model}@{urlsplit(self.base_url).hostname}"[:128]


class VerifyRequest(ProviderCreateRequest):
    """LLMProviderCreate to be tried; `provider_id` says whose stored key a mask stands for."""

    provider_id: str | None = None


class ProviderUpdateRequest(_ProviderBody):
    """LLMProviderUpdate: absent = unchanged."""

    null_clears: ClassVar[frozenset[str]] = frozenset(
        {"max_tokens", "max_model_len", "temperature", "top_p", "presence_penalty", "prices"}
    )

    name: Name | None = None
    base_url: Address | None = None
    api_keys: Keys | None = None
    model: ModelName | None = None

    @property
    def api_key(self) -> str | None:
        """The one key or mask, if one was sent."""
        return self.api_keys[0] if self.api_keys else None

    def plain_changes(self) -> dict[str, Any]:
        """Values to set on a row, without address, key, prices and what only some callers may set."""
        apart = {"base_url", "api_keys", "prices", "is_default", "is_system", "group_ids"}
        return {name: getattr(self, name) for name in self.model_fields_set - apart}


class ProviderResponse(BaseModel):
    """Provider object; `api_keys` holds the mask."""

    id: str
    provider_id: str
    user_id: str
    name: str
    base_url: str
    api_keys: list[str]
    model: str
    max_tokens: int | None
    max_model_len: int | None
    temperature: float | None
    top_p: float | None
    presence_penalty: float | None
    supports_multimodal: bool
    supports_structured_output: bool
    thinking_style: str
    prices: dict[str, Any] | None
    is_default: bool
    is_system: bool
    group_ids: list[str]
    access: Literal["owner", "admin", "system"]
    created_at: str | None
    updated_at: str | None


class DeletedProvider(BaseModel):
    """`agents`: those that named the provider and now use the default order."""

    provider_id: str
    agents: list[str]


class VerifiedConnection(BaseModel):
    """Answer of `verify`."""

    model: str
    latency_ms: int


class ImageOutcome(BaseModel):
    """Answer of `verify-multimodal` when the call went through."""

    supports_multimodal: Literal[True] = True
    recognized: bool
    response: str


class ImageFailure(BaseModel):
    """Answer of `verify-multimodal` when it did not."""

    supports_multimodal: Literal[False] = False
    recognized: Literal[False] = False
    error: str
    error_kind: str


class ConnectionCapability(BaseModel):
    """Plain completions."""

    supported: bool
    response: str


class ImageCapability(BaseModel):
    """Image input; `error` only where the call failed."""

    supported: bool
    recognized: bool
    response: str
    error: str | None = None


class StructuredCapability(BaseModel):
    """JSON-schema answers; `parsed` only where there is a valid one."""

    supported: bool
    response: str
    parsed: Any = None
    error: str | None = None


class Capabilities(BaseModel):
    """Answer of `verify-capabilities`."""

    connection: ConnectionCapability
    supports_multimodal: bool
    supports_structured_output: bool
    multimodal: ImageCapability
    structured_output: StructuredCapability
    model: str
    base_url: str
