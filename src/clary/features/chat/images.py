"""The run's model looking at pictures (product.md 6.2, `analyze_image`)."""

from contextlib import aclosing
from typing import Final

from clary.features.chat.recording import RunRecorder
from clary.kit.text import Text
from clary.runtime.context import ContextBudget
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.messages import ImagePart, TextPart, UserMessage
from clary.runtime.model import AttemptLost, ModelClient, ModelFailedError, ModelRequest, TextDelta
from clary.runtime.tools import ToolFailedError

STEP_NAME: Final = "image_analysis"
MAX_TOKENS: Final = 2000
_NO_IMAGES = Text("当前模型不支持图片", "The model of this run takes no images")


class RunImages:
    """Implements `runtime.tools.ImageReader`; each call is booked on the run."""

    def __init__(self, client: ModelClient, recorder: RunRecorder, budget: ContextBudget) -> None:
        self._client = client
        self._recorder = recorder
        self._budget = budget

    async def describe(self, image_url: str, prompt: str) -> str:
        """See the port."""
        recorder = self._recorder
        config, provider = recorder.config, recorder.config.provider
        if not config.accepts_images:
            raise ToolFailedError(_NO_IMAGES.render(config.locale))
        parts = (TextPart(prompt), ImagePart(image_url))
        request = ModelRequest([UserMessage(parts)], max_tokens=MAX_TOKENS)
        # Calls of one response may look at several pictures at once: each has a model of its own.
        model = recorder.booking.model_of_its_own(self._client, provider, self._budget)
        text = ""
        try:
            async with aclosing(model.stream(request)) as items:
                async for item in items:
                    if isinstance(item, TextDelta):
                        text += item.text
                    elif isinstance(item, AttemptLost):
                        text = ""
        except ModelFailedError as error:
            raise ToolFailedError(KIND_TEXTS[error.kind].render(config.locale)) from error
        finally:
            writes = [
                write for ended in model.take_ended() for write in recorder.booking.booked(STEP_NAME, provider, ended)
            ]
            recorder.writer.write([], writes)
        return text
