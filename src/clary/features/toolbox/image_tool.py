"""analyze_image."""

from typing import Any, ClassVar, Final

from clary.features.toolbox.definition import DefinedTool, Parameter, ToolDefinition
from clary.features.toolbox.pictures import Pictures
from clary.kit.text import Text, cut
from clary.runtime.tools import ToolContext, ToolFailedError
from clary.runtime.toolset import words

MAX_PROMPT: Final = 8000

_NO_MODEL: Final = Text("当前模型不支持图片输入", "The model takes no images here")
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
        path_arguments=("image_path",),
    )

    def __init__(self, pictures: Pictures) -> None:
        self._pictures = pictures

    async def run(self, arguments: dict[str, Any], context: ToolContext) -> dict[str, Any]:
        """See `Tool.run`. The model is always given the bytes themselves: nobody else fetches the address."""
        path = str(arguments["image_path"]).strip()
        if context.images is None:
            raise ToolFailedError(words(_NO_MODEL, context.language))
        picture = await self._pictures.read(path, context.workspace, context.language, user_id=context.user_id)
        prompt = str(arguments.get("prompt") or words(_DEFAULT_PROMPT, context.language))[:MAX_PROMPT]
        description = await context.images.describe(picture.address, prompt)
        shown_path = "data:" if path[:5].lower() == "data:" else cut(path, 2048)
        return {
            "status": "success",
            "data": {"description": description, "image_path": shown_path, "mime_type": picture.media_type},
        }
