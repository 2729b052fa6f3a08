"""Wiring of memory notes."""

from clary.db.database import Database
from clary.features.agents.service import AgentResolver
from clary.features.audit.service import AuditLog
from clary.features.memory.service import MemoryService
from clary.kit.clock import Clock
from clary.kit.ids import new_hex
from clary.kit.text import current_locale
from clary.runtime.prompt import prompt_language
from clary.runtime.tools import NoteBook
from clary.wiring.files import UsableAgents


def make_memory(*, database: Database, agents: AgentResolver, audit: AuditLog, clock: Clock) -> MemoryService:
    """The notes of people for their agents."""
    return MemoryService(
        database=database, agents=UsableAgents(agents), audit=audit, clock=clock, new_note_id=lambda: new_hex(32)
    )


class PersonalNoteBooks:
    """Fills the toolbox's `NoteBooks`, for calls outside a run."""

    def __init__(self, memory: MemoryService) -> None:
        self._memory = memory

    def of(self, *, user_id: str, agent_id: str) -> NoteBook:
        """See the port."""
        return self._memory.notebook(user_id, agent_id, language=prompt_language(current_locale.get()))
