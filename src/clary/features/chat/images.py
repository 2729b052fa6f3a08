"""A model looking at pictures (product.md 6.2, `analyze_image`): that of a run, and for people outside runs."""

from contextlib import aclosing
from dataclasses import dataclass
from typing import Final

from clary.db.database import Database
from clary.features.agents.service import AgentResolver
from clary.features.chat.ports import ModelGateway
from clary.features.chat.recording import RunRecorder
from clary.features.llm_providers.ports import CallOwner, Metering
from clary.features.llm_providers.service import ProviderResolver
from clary.features.permissions.service import Identity
from clary.kit.text import Text, current_locale
from clary.runtime.context import ContextBudget
from clary.runtime.failure_texts import KIND_TEXTS
from clary.runtime.messages import ImagePart, TextPart, UserMessage
from clary.runtime.model import AttemptLost, ModelClient, ModelFailedError, ModelRequest, TextDelta
from clary.runtime.plan import CallMeter
from clary.runtime.tools import ImageReader, ToolFailedError

STEP_NAME: Final = "image_analysis"
MAX_TOKENS: Final = 2000
_NO_IMAGES = Text("当前模型不支持图片", "The model takes no images here")


class RunImages:
    """Implements `runtime.tools.ImageReader` for a run; each call is booked on it."""

    def __init__(self, client: ModelClient, recorder: RunRecorder, budget: ContextBudget, meter: CallMeter) -> None:
        self._client = client
        self._recorder = recorder
        self._budget = budget
        self._meter = meter

    async def describe(self, image_url: str, prompt: str) -> str:
        """See the port.

        Raises:
            RunFailedError: `limit`; a look is a model call of the run like any other (stream-runtime.md 9.3).
        """
        recorder = self._recorder
        config, provider = recorder.config, recorder.config.provider
        # Whether the pictures of messages are shown is the agent's choice; here a tool was asked to look.
        if not provider.supports_multimodal:
            raise ToolFailedError(_NO_IMAGES.render(config.locale))
        self._meter.count()
        # Calls of one response may look at several pictures at once: each has a model of its own.
        model = recorder.booking.model_of_its_own(self._client, provider, self._budget)
        try:
            return await _seen(model, image_url, prompt)
        except ModelFailedError as error:
            raise ToolFailedError(KIND_TEXTS[error.kind].render(config.locale)) from error
        finally:
            writes = [
                write for ended in model.take_ended() for write in recorder.booking.booked(STEP_NAME, provider, ended)
            ]
            recorder.writer.write([], writes)


class PeoplesImages:
    """Implements the toolbox's `ImageReaders`; no transaction is open while a model looks."""

    def __init__(
        self,
        *,
        database: Database,
        agents: AgentResolver,
        providers: ProviderResolver,
        models: ModelGateway,
        metering: Metering,
    ) -> None:
        self.database = database
        self.agents = agents
        self.providers = providers
        self.models = models
        self.metering = metering

    def of(self, identity: Identity, agent_id: str | None) -> ImageReader:
        """See the port."""
        return _PersonsImages(self, identity, agent_id)


@dataclass(frozen=True, slots=True)
class _PersonsImages:
    around: PeoplesImages
    identity: Identity
    agent_id: str | None

    async def describe(self, image_url: str, prompt: str) -> str:
        """See `ImageReader.describe`. A spent budget and a missing provider are refusals of their own."""
        around, identity = self.around, self.identity
        async with around.database.read() as db:
            agent = await around.agents.resolve_for_run(db, identity=identity, agent_id=self.agent_id)
            provider = await around.providers.resolve(
                db, user_id=identity.user_id, agent_provider_id=agent.provider_id, agent_owner_id=agent.owner_id
            )
        if not provider.supports_multimodal:
            raise ToolFailedError(_NO_IMAGES.render(current_locale.get()))
        owner = CallOwner(identity.user_id, STEP_NAME, identity.key_id, identity.client_id, agent_id=self.agent_id)
        model = around.metering.metered(around.models.client(provider), provider, owner)
        try:
            return await _seen(model, image_url, prompt)
        except ModelFailedError as error:
            raise ToolFailedError(KIND_TEXTS[error.kind].render(current_locale.get())) from error


async def _seen(model: ModelClient, image_url: str, prompt: str) -> str:
    request = ModelRequest([UserMessage((TextPart(prompt), ImagePart(image_url)))], max_tokens=MAX_TOKENS)
    text = ""
    async with aclosing(model.stream(request)) as items:
        async for item in items:
            if isinstance(item, TextDelta):
                text += item.text
            elif isinstance(item, AttemptLost):
                text = ""
    return text
