"""What a client needs to know: one provider's address and habits, and how long and how often to try."""

from dataclasses import dataclass, field

from yarl import URL

from clary.adapters.model_api.thinking import ThinkingStyle


@dataclass(frozen=True, slots=True)
class ModelApiConfig:
    """One model at one provider.

    `key_origin` is the origin (`scheme://host:port`) the key was saved for; a key never goes anywhere else
    (platform.md 8.1). None: the key was given together with `base_url`.

    Raises:
        ValueError: `base_url` is not an http(s) address, or lies outside `key_origin`.
    """

    base_url: str
    api_key: str = field(repr=False)
    model: str
    thinking_style: ThinkingStyle = "auto"
    supports_structured_output: bool = False
    key_origin: str | None = None

    def __post_init__(self) -> None:
        if self.key_origin is not None and origin_of(self.key_origin) != origin_of(self.base_url):
            raise ValueError("the key belongs to another origin")

    @property
    def completions_url(self) -> str:
        """Where chat completions are asked for."""
        return self.base_url.rstrip("/") + "/chat/completions"

    @property
    def host(self) -> str:
        """Host name in lower case; empty when the address has none."""
        return (URL(self.base_url).host or "").lower()


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Seconds to wait for a provider (stream-runtime.md 9.15)."""

    connect: float = 10.0
    first_token: float = 120.0
    """From the request until the first text, reasoning or call arrives; keep-alive comments do not count."""
    first_token_thinking: float = 300.0
    gap: float = 90.0
    """Between two events after the first token."""
    after_finish: float = 5.0
    """How long a finished response is kept open for its usage; then it counts as complete without."""


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long a call is repeated (stream-runtime.md 9.15)."""

    attempts: int = 6
    first_wait_seconds: float = 1.0
    """Doubles from attempt to attempt."""
    max_retry_after_seconds: float = 60.0
    """Longer demands of the provider are not honoured."""
    total_seconds: float = 300.0
    """For all attempts and waits together; time in which text was arriving does not count."""


NO_RETRY = RetryPolicy(attempts=1)


def origin_of(address: str) -> str:
    """Scheme, host and port of an http(s) address.

    Raises:
        ValueError: it has none. The text does not repeat the address.
    """
    try:
        url = URL(address)
        if url.scheme in ("http", "https"):
            return f"{url.scheme}://{url.raw_host}:{url.port}"
    except ValueError:
        pass
    raise ValueError("not an http(s) address")
