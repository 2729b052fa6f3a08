"""analyze_image."""

import asyncio
import base64
import binascii
import re
from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.ports import PageError, WebAccess
from clary.features.toolbox.workspace_files import refusals_in
from clary.kit import safe_paths
from clary.kit.image_facts import ImageFacts, image_facts
from clary.kit.text import Text, cut
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import words

MAX_IMAGE_BYTES: Final = 10 * 1024 * 1024
MAX_PIXELS: Final = 50_000_000
MAX_PROMPT: Final = 8000
_DATA: Final = re.compile(r"data:image/[a-z.+-]{1,20};base64,", re.IGNORECASE)
_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*:")

_NO_MODEL: Final = Text("当前模型不支持图片输入", "The model takes no images here")
_NOT_AN_IMAGE: Final = Text(
    "不是支持的图片（PNG、JPEG、GIF、WebP）", "Not an image of a supported kind (PNG, JPEG, GIF, WebP)"
)
_TOO_LARGE: Final = Text(
    "图片过大，上限 10 MB、5000 万像素", "The image is too large; the limits are 10 MB and 50 million pixels"
)
_BAD_ADDRESS: Final = Text("图片地址必须是 https", "The address of an image must be https")
_STATUS: Final = Text("服务器返回状态 {status}", "The server answered with status {status}")
_DEFAULT_PROMPT: Final = Text("请详细描述这张图片的内容。", "Describe in detail what this image shows.")


class AnalyzeImageTool(DefinedTool):
    """What a model sees in an image."""

    definition: ClassVar[ToolDefinition] = ToolDefinition(
        name="analyze_image",
        description=Text(
            "让模型查看一张图片并描述或回答问题；图片可以是工作区路径、https 地址或 data: 地址。",
            "Has a model look at an image and describe it or answer a question; a workspace path, an https or a data: "
            "address.",
        ),
        parameters=(
            Parameter(
                "image_path",
                {"type": "string", "minLength": 1},
                Text("工作区路径、https 或 data: 地址", "Workspace path, https or data: address"),
                required=True,
            ),
            Parameter("prompt", {"type": "string"}, Text("想知道什么", "What to look for")),
        ),
        effect="read",
    )

    def __init__(self, web: WebAccess) -> None:
        self._web = web

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`. The model is always given the bytes themselves: nobody else fetches the address."""
        path = str(arguments["image_path"]).strip()
        if context.images is None:
            raise ToolFailedError(words(_NO_MODEL, context.language))
        content = await self._content(path, context)
        facts = _require_image(content, context)
        prompt = str(arguments.get("prompt") or words(_DEFAULT_PROMPT, context.language))[:MAX_PROMPT]
        address = f"data:{facts.media_type};base64,{await asyncio.to_thread(_base64, content)}"
        description = await context.images.describe(address, prompt)
        shown_path = "data:" if path[:5].lower() == "data:" else cut(path, 2048)
        return {
            "status": "success",
            "data": {"description": description, "image_path": shown_path, "mime_type": facts.media_type},
        }

    async def _content(self, path: str, context: ToolContext) -> bytes:
        if path[:5].lower() == "data:":
            return await asyncio.to_thread(_from_data, path, context)
        if path.startswith("file://") or not _SCHEME.match(path):
            return await asyncio.to_thread(_from_workspace, path, context)
        if not path.lower().startswith("https://"):
            raise ToolFailedError(words(_BAD_ADDRESS, context.language), "INVALID_ARGUMENTS")
        try:
            page = await self._web.pages.fetch(path, https_only=True, max_bytes=MAX_IMAGE_BYTES)
        except PageError as problem:
            raise ToolFailedError(words(problem.message, context.language)) from None
        if page.http_status != 200:
            raise ToolFailedError(words(_STATUS.fill(status=page.http_status), context.language))
        return page.body


def _require_image(content: bytes, context: ToolContext) -> ImageFacts:
    facts = image_facts(content)
    if facts is None:
        raise ToolFailedError(words(_NOT_AN_IMAGE, context.language))
    if len(content) > MAX_IMAGE_BYTES or facts.width * facts.height > MAX_PIXELS:
        raise ToolFailedError(words(_TOO_LARGE, context.language))
    return facts


def _from_data(address: str, context: ToolContext) -> bytes:
    begun = _DATA.match(address)
    if begun is None:
        raise ToolFailedError(words(_NOT_AN_IMAGE, context.language), "INVALID_ARGUMENTS")
    if len(address) > MAX_IMAGE_BYTES * 4 // 3 + 100:
        raise ToolFailedError(words(_TOO_LARGE, context.language))
    try:
        return base64.b64decode(address[begun.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise ToolFailedError(words(_NOT_AN_IMAGE, context.language), "INVALID_ARGUMENTS") from None


def _from_workspace(path: str, context: ToolContext) -> bytes:
    with refusals_in(context.language, path):
        relative = safe_paths.locate(context.workspace, path)
        return safe_paths.read_bytes(context.workspace, relative, MAX_IMAGE_BYTES)


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode("ascii")
