"""Guidance of a run under way (stream-runtime.md 9.14)."""

from collections.abc import Sequence

from clary.features.chat.model_view import user_content
from clary.features.chat.recording import RunRecorder
from clary.features.interventions.service import Interventions
from clary.kit.ids import new_uuid
from clary.runtime.context import Entry
from clary.runtime.messages import UserMessage
from clary.runtime.plan import GuidanceItem


class RunGuidance:
    """Implements `runtime.plan.Guidance` for a root run."""

    def __init__(self, interventions: Interventions, recorder: RunRecorder) -> None:
        self._interventions = interventions
        self._recorder = recorder
        self._given: set[str] = set()

    async def take(self) -> Sequence[GuidanceItem]:
        """See `Guidance.take`. What is on its way to the log is not given twice."""
        held = await self._interventions.hold_guidance(
            conversation_id=self._recorder.conversation_id, run_id=self._recorder.run_id
        )
        fresh = [item for item in held if item.guidance_id not in self._given]
        self._given.update(item.guidance_id for item in fresh)
        accepts_images = self._recorder.config.accepts_images
        return [
            GuidanceItem(
                item.guidance_id,
                new_uuid(),
                item.content,
                Entry(UserMessage(user_content(item.content, accepts_images=accepts_images))),
            )
            for item in fresh
        ]
