"""Language models behind an OpenAI-compatible `/chat/completions` endpoint.

Owns: the request's JSON, reading the event stream, what a failure means, and repeating it (stream-runtime.md 9.15).
Refuses: choosing a provider, prompts, budgets, storing anything. Nothing the provider says in an error leaves this
room: a failure is a kind, never a text, and neither the address nor the key is ever part of an exception.
"""

from clary.adapters.model_api.client import OpenAiModelClient
from clary.adapters.model_api.completion import Completion, complete
from clary.adapters.model_api.config import ModelApiConfig, RetryPolicy, Timeouts
from clary.adapters.model_api.probes import (
    ConnectionProbe,
    ImageProbe,
    SchemaProbe,
    verify_connection,
    verify_image,
    verify_schema,
)
from clary.adapters.model_api.thinking import ThinkingStyle, has_thinking_switch

__all__ = [
    "Completion",
    "ConnectionProbe",
    "ImageProbe",
    "ModelApiConfig",
    "OpenAiModelClient",
    "RetryPolicy",
    "SchemaProbe",
    "ThinkingStyle",
    "Timeouts",
    "complete",
    "has_thinking_switch",
    "verify_connection",
    "verify_image",
    "verify_schema",
]
