"""Wiring of what changes a conversation after the fact, and of drafts."""

from typing import Any

from clary.adapters.model_api.gateway import ModelApiGateway
from clary.db.database import Database
from clary.features.agents.service import AgentResolver
from clary.features.chat.drafting import DraftingService
from clary.features.chat.image_files import ImageFiles
from clary.features.chat.revising import RevisingService
from clary.features.chat.service import ChatService
from clary.features.conversations.service import ConversationService
from clary.features.interventions.service import Interventions
from clary.features.llm_providers.ports import Metering
from clary.features.llm_providers.service import ProviderResolver
from clary.kit.clock import Clock


class RevisingServices:
    """Reruns, edits and optimized drafts."""

    def __init__(
        self,
        *,
        database: Database,
        chat: ChatService,
        conversations: ConversationService,
        interventions: Interventions,
        images: ImageFiles,
        agents: AgentResolver,
        providers: ProviderResolver,
        gateway: ModelApiGateway,
        metering: Metering,
        clock: Clock,
    ) -> None:
        self.revising = RevisingService(
            database=database,
            chat=chat,
            conversations=conversations,
            interventions=interventions,
            images=images,
            clock=clock,
        )
        self.drafting = DraftingService(
            database=database,
            agents=agents,
            providers=providers,
            conversations=conversations,
            models=gateway,
            metering=metering,
            clock=clock,
        )

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.revising = self.revising
        state.drafting = self.drafting
