"""Guidance of a run under way (stream-runtime.md 9.14)."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from clary.features.chat.image_files import ImageFiles
from clary.features.chat.intake import untagged
from clary.features.chat.model_view import user_content
from clary.features.chat.recording import RunRecorder
from clary.features.interventions.service import Interventions
from clary.http.content import in_one_text
from clary.kit.ids import new_uuid
from clary.runtime.context import Entry
from clary.runtime.messages import UserMessage
from clary.runtime.plan import GuidanceItem


class RunGuidance:
    """Implements `runtime.plan.Guidance` for one run: each hears what is said to its own session."""

    def __init__(
        self, interventions: Interventions, recorder: RunRecorder, *, images: ImageFiles, workspace: Path
    ) -> None:
        self._interventions = interventions
        self._recorder = recorder
        self._images = images
        self._workspace = workspace
        self._given: set[str] = set()

    async def take(self) -> Sequence[GuidanceItem]:
        """See `Guidance.take`. What is on its way to the log is not given twice."""
        held = await self._interventions.hold_guidance(
            conversation_id=self._recorder.conversation_id, run_id=self._recorder.run_id
        )
        fresh = [item for item in held if item.guidance_id not in self._given]
        self._given.update(item.guidance_id for item in fresh)
        return [await self._item(item.guidance_id, item.content) for item in fresh]

    async def _item(self, guidance_id: str, given: Any) -> GuidanceItem:
        """Control tags lead nearly everything that clients send; a run under way has been resolved already (3.4).

        Images become files only here: words that wait may be used by a run in another workspace.
        """
        untagged_content, _ = untagged(given)
        # A line holds a text (4.2), and history and the model are given the same.
        content = await self._images.keep_at(self._workspace, in_one_text(untagged_content))
        message_id, accepts_images = new_uuid(), self._recorder.config.accepts_images
        message = UserMessage(user_content(content, accepts_images=accepts_images))
        return GuidanceItem(guidance_id, message_id, content, Entry(message, message_id=message_id))
