"""What a run is given of a provider, and what this slice needs from the world."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal, NamedTuple, Protocol

from clary.db.session import Session
from clary.runtime.model import FailureKind, ModelClient

ThinkingStyle = Literal["auto", "none", "reasoning_effort", "enable_thinking", "thinking_object"]
ProviderKind = Literal["openai", "demo"]

DEFAULT_MAX_TOKENS = 4096
DEFAULT_MAX_MODEL_LEN = 54_000


@dataclass(frozen=True, slots=True)
class Prices:
    """What tokens cost: amounts of `currency` for `per` tokens, `request` for each call (platform.md 8.4)."""

    currency: str
    per: int
    input: Decimal
    output: Decimal
    cached_input: Decimal | None = None
    cache_write: Decimal | None = None
    reasoning: Decimal | None = None
    request: Decimal | None = None

    @classmethod
    def from_wire(cls, wire: dict[str, Any]) -> "Prices":
        """From the object of the API, which is also how a row keeps it."""

        def amount(name: str) -> Decimal | None:
            return None if wire.get(name) is None else Decimal(str(wire[name]))

        return cls(
            currency=wire["currency"],
            per=wire["per"],
            input=Decimal(str(wire["input"])),
            output=Decimal(str(wire["output"])),
            cached_input=amount("cached_input"),
            cache_write=amount("cache_write"),
            reasoning=amount("reasoning"),
            request=amount("request"),
        )


class UnitPrice(NamedTuple):
    """What is reserved for a call, in the server's currency: a token at its dearest, and the call itself."""

    token: Decimal
    call: Decimal


@dataclass(frozen=True, slots=True)
class ProviderSnapshot:
    """Everything a run needs to call a model; later changes of the row do not reach it.

    The two lengths are never None. Sampling values that are None are not sent. `prices` is the object of platform.md
    8.4, None for an unpriced model. `api_key` is opened and must not be written anywhere unsealed.
    """

    id: str
    kind: ProviderKind
    owner_id: str
    name: str
    base_url: str
    api_key: str = field(repr=False)
    model: str
    max_tokens: int = DEFAULT_MAX_TOKENS
    max_model_len: int = DEFAULT_MAX_MODEL_LEN
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    supports_multimodal: bool = False
    supports_structured_output: bool = False
    thinking_style: ThinkingStyle = "auto"
    prices: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class DefaultProvider:
    """The provider that the environment describes (`CLARY_DEFAULT_LLM_*`); it lives in memory, in no row."""

    base_url: str
    api_key: str = field(repr=False)
    model: str
    max_tokens: int | None = DEFAULT_MAX_TOKENS
    max_model_len: int | None = DEFAULT_MAX_MODEL_LEN
    temperature: float | None = None
    top_p: float | None = None
    presence_penalty: float | None = None
    supports_multimodal: bool = False
    prices: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class ConnectionProbe:
    """Whether one completion came back: `failure` is None, or the kind of the failure."""

    response: str
    latency_ms: int
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class ImageProbe:
    """Whether a picture was taken (`failure` is None), and whether its colour was told right."""

    recognized: bool
    response: str
    failure: FailureKind | None = None


@dataclass(frozen=True, slots=True)
class StructuredProbe:
    """Whether an answer kept to a JSON schema; `parsed` is that answer, None when it did not."""

    response: str
    parsed: dict[str, Any] | None
    failure: FailureKind | None = None


Meter = Callable[[ModelClient], ModelClient]
"""Puts a meter before a model."""


class ProviderProbe(Protocol):
    """Real calls that find out what a provider can (platform.md 8.3).

    One attempt each, through `meter`, bounded in time and size; nothing is raised but what the meter refuses.
    `response` is the provider's own text, cut to 500 characters and without the key.
    """

    async def verify_connection(self, provider: ProviderSnapshot, meter: Meter) -> ConnectionProbe:
        """One completion of `Hi`, 5 tokens, 10 seconds."""
        ...

    async def verify_image(self, provider: ProviderSnapshot, meter: Meter) -> ImageProbe:
        """A red picture of 20 × 20 and the question for its colour, 50 tokens, 30 seconds."""
        ...

    async def verify_structured(self, provider: ProviderSnapshot, meter: Meter) -> StructuredProbe:
        """One answer that a JSON schema asks for."""
        ...


@dataclass(frozen=True, slots=True)
class CallOwner:
    """On whom calls outside runs are booked, and for what (platform.md 14.1)."""

    user_id: str
    step_name: str
    key_id: str | None = None
    client_id: str | None = None
    agent_id: str | None = None


class MeteredModel(ModelClient, Protocol):
    """A model whose every call attempt asks the budgets first and books itself.

    Beside what `ModelClient` says, a call that does not fit raises the refusal of the budget, as people are told it.
    """

    async def require_room(self, db: Session) -> None:
        """Raises that refusal where a budget is spent already; sends nothing."""
        ...


class Metering(Protocol):
    """The only way to call a model outside runs (platform.md 14.1, 14.3)."""

    def metered(self, client: ModelClient, provider: ProviderSnapshot, owner: CallOwner) -> MeteredModel:
        """The model, with the meter before it."""
        ...


class ProviderReferences(Protocol):
    """Those who name providers."""

    async def forget_provider(self, session: Session, *, provider_id: str) -> list[str]:
        """Removes a provider from every agent that names it and returns the ids of these agents, sorted."""
        ...


class GroupMemberships(Protocol):
    """Who belongs to which groups."""

    async def groups_of(self, session: Session, *, user_id: str) -> frozenset[str]:
        """Ids of the groups a person belongs to now."""
        ...
