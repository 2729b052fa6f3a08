"""Wiring of what people do to runs under way."""

from typing import Any

from clary.db.database import Database
from clary.features.audit.service import AuditLog
from clary.features.conversations.service import ConversationService
from clary.features.interventions.service import (
    ApprovalService,
    GuidanceService,
    Interventions,
    QuestionnaireService,
    Wakers,
)
from clary.kit.clock import Clock


class InterventionServices:
    """Answers, approvals and guidance. `wakers.target` is set by whoever executes runs."""

    def __init__(
        self, *, database: Database, conversations: ConversationService, audit: AuditLog, clock: Clock
    ) -> None:
        self.wakers = Wakers()
        self.kept = Interventions(database=database)
        self.approvals = ApprovalService(
            database=database, conversations=conversations, audit=audit, clock=clock, waker=self.wakers
        )
        self.questionnaires = QuestionnaireService(
            database=database, approvals=self.approvals, audit=audit, clock=clock, waker=self.wakers
        )
        self.guidance = GuidanceService(conversations=conversations, clock=clock)
        conversations.forget_with(self.kept)

    def publish(self, state: Any) -> None:
        """Puts the services where routes find them."""
        state.questionnaires = self.questionnaires
        state.approvals = self.approvals
        state.guidance = self.guidance
