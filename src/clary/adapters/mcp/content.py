"""What servers send, in the words of the slice."""

import base64
import binascii
from typing import Any, cast

from mcp import types as wire

from clary.features.mcp_servers.ports import CallResult, Part

Json = dict[str, Any]


def definition_of(tool: wire.Tool) -> Json:
    """What is pinned of a tool."""
    annotations = tool.annotations
    return {
        "name": tool.name,
        "title": tool.title or "",
        "description": tool.description or "",
        "input_schema": tool.input_schema,
        "annotations": None
        if annotations is None
        else annotations.model_dump(by_alias=True, mode="json", exclude_none=True),
    }


def call_result(answer: wire.CallToolResult) -> CallResult:
    """A tool's answer; content of a kind we do not know is named, not lost."""
    structured: Any = answer.structured_content
    return CallResult(
        parts=tuple(_part(block) for block in answer.content),
        structured=cast("Json", structured) if isinstance(structured, dict) else None,
        is_error=answer.is_error,
    )


def resource_result(answer: wire.ReadResourceResult) -> CallResult:
    """The contents of a resource."""
    return CallResult(parts=tuple(_contents(each) for each in answer.contents))


def prompt_messages(answer: wire.GetPromptResult) -> list[Json]:
    """Role and text of each message; what is no text is named."""
    found: list[Json] = []
    for message in answer.messages:
        part = _part(message.content)
        found.append({"role": message.role, "text": part.text or f"[{part.mime_type or part.uri}]"})
    return found


def _part(block: wire.ContentBlock) -> Part:
    match block:
        case wire.TextContent():
            return Part("text", text=block.text)
        case wire.ImageContent() | wire.AudioContent():
            return _file(block.data, block.mime_type, "")
        case wire.ResourceLink():
            return Part("link", text=block.title or block.name, uri=str(block.uri), mime_type=block.mime_type or "")
        case wire.EmbeddedResource():
            return _contents(block.resource)


def _contents(resource: wire.TextResourceContents | wire.BlobResourceContents) -> Part:
    if isinstance(resource, wire.TextResourceContents):
        return Part("text", text=resource.text, uri=str(resource.uri))
    return _file(resource.blob, resource.mime_type or "application/octet-stream", str(resource.uri))


def _file(encoded: str, mime_type: str, uri: str) -> Part:
    try:
        data = base64.b64decode(encoded, validate=False)
    except (binascii.Error, ValueError):
        return Part("text", text=f"[{mime_type}: broken data]")
    return Part("file", uri=uri, mime_type=mime_type, data=data)
