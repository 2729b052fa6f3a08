"""The content of a message as a request brings it: text, or parts of text and images (stream-runtime.md 3.3)."""

import re
from typing import Annotated, Any, Literal, cast

from pydantic import AfterValidator, Field, model_validator

from clary.http.payload import Payload, require_size
from clary.kit.text import Text, TextError

ID_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.:-]{0,127}$"
MAX_TEXT_CHARACTERS = 1_000_000
MAX_METADATA_BYTES = 4 * 1024
_UPLOAD = re.compile(r"(?:http://[^/?#\s]+)?(?:/[A-Za-z0-9._~-]+)*/api/oss/object/[^\s]+")
"""An upload's address, whole or as path (platform.md 10.2). One of another server is never fetched without TLS."""
MAX_DATA_URL = 14 * 1024 * 1024


class ImageUrl(Payload):
    """Where an image is."""

    url: Annotated[str, Field(min_length=1, max_length=15 * 1024 * 1024)]


class ContentPart(Payload):
    """Text, or an image."""

    type: Literal["text", "image_url"]
    text: Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] | None = None
    image_url: ImageUrl | None = None

    @model_validator(mode="after")
    def _holds_what_it_says(self) -> "ContentPart":
        if self.type == "image_url" and self.image_url is None:
            raise TextError("图片内容需要 image_url", "an image part needs image_url")
        return self


Content = Annotated[str, Field(max_length=MAX_TEXT_CHARACTERS)] | list[ContentPart]


def _bounded(value: dict[str, Any]) -> dict[str, Any]:
    return require_size(value, MAX_METADATA_BYTES, Text("metadata 超过 4 KiB", "metadata is larger than 4 KiB"))


Metadata = Annotated[dict[str, str | int | float | bool | None], AfterValidator(_bounded)]


def plain_content(content: str | list[ContentPart] | None) -> Any:
    """Content as JSON: a string, or parts with only the keys of their type."""
    if content is None or isinstance(content, str):
        return content or ""
    return [_part(part) for part in content]


def _part(part: ContentPart) -> dict[str, Any]:
    if part.type == "text":
        return {"type": "text", "text": part.text or ""}
    return {"type": "image_url", "image_url": {"url": part.image_url.url if part.image_url else ""}}


def in_one_text(content: Any) -> Any:
    """Plain content of nothing but text as one text; with an image in it as it is."""
    if isinstance(content, str) or any(part["type"] != "text" for part in content):
        return content
    return "\n".join(part["text"] for part in content)


def has_content(content: Any) -> bool:
    """Whether plain content says or shows anything."""
    if isinstance(content, str):
        return bool(content.strip())
    parts = cast("list[dict[str, Any]]", content)
    return any(part["type"] == "image_url" or str(part.get("text", "")).strip() for part in parts)


def has_known_images(content: str | list[ContentPart] | None) -> bool:
    """Whether every image lies where the server may fetch it: https, `data:`, the workspace or an upload."""
    parts = content if isinstance(content, list) else []
    return all(_is_known(part.image_url.url) for part in parts if part.image_url is not None)


def _is_known(url: str) -> bool:
    if url.startswith("data:"):
        return url.startswith("data:image/") and len(url) <= MAX_DATA_URL
    return url.startswith(("https://", "/workspace/", "/sage-workspace/")) or _UPLOAD.match(url) is not None
