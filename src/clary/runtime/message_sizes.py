"""How large messages are to a model, roughly: images and the arguments of calls count (stream-runtime.md 9.8)."""

from collections.abc import Sequence
from typing import Final

from clary.kit import json_text
from clary.runtime.messages import (
    AssistantMessage,
    ImagePart,
    ModelMessage,
    SystemMessage,
    ToolMessage,
    ToolSpec,
    UserMessage,
)
from clary.runtime.toolset import estimate_tokens

IMAGE_TOKENS: Final = 1000
MESSAGE_TOKENS: Final = 6


def raw_estimate(messages: Sequence[ModelMessage], tools: Sequence[ToolSpec]) -> int:
    """Estimated tokens of an input, before any calibration."""
    schemas = sum(estimate_tokens(json_text.dumps_text(tool.parameters) + tool.description) for tool in tools)
    return schemas + sum(_message_estimate(message) for message in messages)


def _message_estimate(message: ModelMessage) -> int:
    size = MESSAGE_TOKENS + estimate_tokens(plain_text(message))
    if isinstance(message, AssistantMessage):
        size += sum(estimate_tokens(call.name + call.arguments) + MESSAGE_TOKENS for call in message.tool_calls)
    if isinstance(message, UserMessage) and not isinstance(message.content, str):
        size += sum(IMAGE_TOKENS for part in message.content if isinstance(part, ImagePart))
    return size


def plain_text(message: ModelMessage) -> str:
    """The words of a message, without pictures and calls."""
    if isinstance(message, (SystemMessage, AssistantMessage)):
        return message.text
    if isinstance(message, ToolMessage):
        return message.content
    if isinstance(message.content, str):
        return message.content
    return " ".join(part.text for part in message.content if not isinstance(part, ImagePart))
