"""A model that is given pictures themselves where messages only name them (stream-runtime.md 3.3, image `url`)."""

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

from clary.features.chat.model_view import image_name
from clary.features.toolbox.service import Pictures
from clary.runtime.messages import ImagePart, ModelMessage, TextPart, UserMessage
from clary.runtime.model import ModelClient, ModelItem, ModelRequest
from clary.runtime.tools import ToolFailedError
from clary.runtime.toolset import Language


class PicturedModel:
    """A `ModelClient` for one run. Each picture is read once, so that the prompt stays the same byte for byte.

    One that cannot be read becomes a text that says so, and the run goes on.
    """

    def __init__(
        self, client: ModelClient, pictures: Pictures, workspace: Path, language: Language, user_id: str
    ) -> None:
        self._client = client
        self._pictures = pictures
        self._workspace = workspace
        self._language: Language = language
        self._user_id = user_id
        self._read: dict[str, TextPart | ImagePart] = {}

    @property
    def model_name(self) -> str:
        """See `ModelClient.model_name`."""
        return self._client.model_name

    async def stream(self, request: ModelRequest) -> AsyncGenerator[ModelItem]:
        """See `ModelClient.stream`."""
        shown = replace(request, messages=[await self._shown(message) for message in request.messages])
        async with aclosing(self._client.stream(shown)) as items:
            async for item in items:
                yield item

    async def _shown(self, message: ModelMessage) -> ModelMessage:
        if not isinstance(message, UserMessage) or isinstance(message.content, str):
            return message
        return UserMessage(tuple(await self._parts(message.content)))

    async def _parts(self, parts: Sequence[TextPart | ImagePart]) -> list[TextPart | ImagePart]:
        return [await self._picture(part) if isinstance(part, ImagePart) else part for part in parts]

    async def _picture(self, part: ImagePart) -> TextPart | ImagePart:
        if part.url.startswith("data:"):
            return part
        if part.url not in self._read:
            self._read[part.url] = await self._found(part.url)
        return self._read[part.url]

    async def _found(self, url: str) -> TextPart | ImagePart:
        try:
            picture = await self._pictures.read(url, self._workspace, self._language, user_id=self._user_id)
        except ToolFailedError as error:
            return TextPart(f"[image: {image_name(url)} ({error.message})]")
        return ImagePart(picture.address)
