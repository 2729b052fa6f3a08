"""Language models behind an OpenAI-compatible `/chat/completions` endpoint.

Owns: the request's JSON, reading the event stream, what a failure means, and repeating it (stream-runtime.md 9.15).
Refuses: choosing a provider, prompts, budgets, storing anything. Nothing the provider says in an error leaves this
room: a failure is a kind, never a text, and neither the address nor the key is ever part of an exception.
"""

from clary.adapters.model_api.client import OpenAiModelClient
from clary.adapters.model_api.completion import Completion, complete
from clary.adapters.model_api.config import ModelApiConfig, RetryPolicy, Timeouts
from clary.adapters.model_api.probes import verify_connection, verify_image, verify_schema

__all__ = [
    "Completion",
    "ModelApiConfig",
    "OpenAiModelClient",
    "RetryPolicy",
    "Timeouts",
    "complete",
    "verify_connection",
    "verify_image",
    "verify_schema",
]
