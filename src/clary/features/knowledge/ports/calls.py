"""Calls of models of vectors and rerankers: where they go, who pays, what they end with."""

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, field
from typing import Any, Final, Protocol


class EmbeddingFailedError(Exception):
    """The model gave no usable vectors now. `kind`: slug of the problem as for models (`provider_timeout` …)."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


REFUSALS: Final = frozenset({"provider_error", "provider_bad_response", "context_exceeded"})
"""Kinds of trouble that a single text may be the reason of."""


class CallRefusedError(EmbeddingFailedError):
    """A budget does not allow the call now; nothing was sent."""

    def __init__(self) -> None:
        super().__init__("provider_quota")


@dataclass(frozen=True, slots=True)
class ModelEndpoint:
    """Where a model of vectors or a reranker answers.

    `model`: empty where none is named. `dims`: what vectors must have, None: whatever comes; `sends_dims`: it is asked
    for. `is_servers`: the operator named the address, so that it may be private; nobody else's may.
    """

    base_url: str
    api_key: str | None = field(repr=False)
    model: str
    dims: int | None = None
    sends_dims: bool = False
    batch: int = 32
    timeout_seconds: float = 30.0
    is_servers: bool = False
    provider_id: str = "server"
    prices: Mapping[str, Any] | None = None
    """Of the provider, if it names them and they are for this model (platform.md 8.4)."""


@dataclass(frozen=True, slots=True)
class Payer:
    """On whom calls of models are booked (platform.md 14.1): the person who asks, else the owner of the base.

    `agent_id`, `session_id`: of the root run, where a run asks; `request_source`: its endpoint.
    """

    user_id: str
    key_id: str | None = None
    client_id: str | None = None
    agent_id: str | None = None
    session_id: str | None = None
    run_id: str | None = None
    root_run_id: str | None = None
    request_source: str = "other"


class CallUse(Protocol):
    """One attempt at a call, while it is made. One that neither ended was cut off."""

    def ended(self, tokens: int | None) -> None:
        """It was answered; `tokens` as the model counts them, None: it did not say."""
        ...

    def failed(self, kind: str) -> None:
        """It was refused or came to nothing."""
        ...


class CallMeter(Protocol):
    """The budgets and the ledger in front of one model. No transaction may be open."""

    def attempt(self, texts: Sequence[str]) -> AbstractAsyncContextManager[CallUse]:
        """Leave for one call with these texts; it is booked when the block ends.

        Raises:
            CallRefusedError
        """
        ...


class CallMeters(Protocol):
    """Meters for the models of this server's people. The model inside this server is nobody's call."""

    def meter(self, payer: Payer, endpoint: ModelEndpoint) -> CallMeter:
        """For calls of one model on somebody's books."""
        ...
