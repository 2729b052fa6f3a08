"""What a run is given of an agent, and what this slice needs from the world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from clary.db.session import Session
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.permissions.service import Identity
from clary.runtime.model import ModelClient
from clary.runtime.prompts import Language

AgentAccess = Literal["owner", "admin", "use", "builtin"]
ThinkingLevel = Literal["minimal", "low", "medium", "high", "xhigh", "max"]
ApprovalMode = Literal["auto", "risky", "always"]


@dataclass(frozen=True, slots=True)
class AgentSnapshot:
    """The configuration of an agent as a run uses it; later saves do not reach it (stream-runtime.md 9.1).

    `system_prefix` None means the built-in persona in the language of the run. `deep_thinking` None leaves the model's
    default. Provider ids None mean the default order of the person who chats. `agent_mode` and the id lists stand as
    saved: what of them is known and usable is decided at run start.
    """

    agent_id: str
    owner_id: str
    access: AgentAccess
    version: int
    name: str
    description: str
    system_prefix: str | None
    system_context: Mapping[str, Any]
    workflows: Mapping[str, Sequence[str]]
    tools: tuple[str, ...]
    sub_agent_ids: tuple[str, ...]
    sub_agent_selection: Literal["manual", "auto"]
    skills: tuple[str, ...]
    knowledge_base_ids: tuple[str, ...]
    memory_type: Literal["session", "user"]
    max_loop_count: int
    deep_thinking: bool | None
    thinking_level: ThinkingLevel | None
    provider_id: str | None
    fast_provider_id: str | None
    enable_multimodal: bool
    more_suggest: bool
    multi_agent: bool
    agent_mode: str | None
    context_budget: Mapping[str, Any] | None
    tool_approval_mode: ApprovalMode
    denied_commands: tuple[str, ...]
    egress_allow_list: tuple[str, ...]
    budget: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class SubAgents:
    """Whom an agent may hand work to, in the order named, and which of the ids asked for it may not."""

    usable: tuple[AgentSnapshot, ...]
    not_usable: tuple[str, ...] = ()


class KnownTools(Protocol):
    """Which tool names mean something."""

    async def find_known(self, session: Session, *, owner_id: str, names: Sequence[str]) -> frozenset[str]:
        """Those of the names that are tools, or aliases of tools, for an agent of this owner."""
        ...


class FixedTools:
    """The same tools for everybody."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = frozenset(names)

    async def find_known(self, session: Session, *, owner_id: str, names: Sequence[str]) -> frozenset[str]:
        """See `KnownTools.find_known`."""
        return self._names.intersection(names)


class KnownSkills(Protocol):
    """Which skills an agent can be given (product.md 7.2)."""

    async def find_unusable(
        self, session: Session, *, owner_id: str, names: Sequence[str], agent_id: str | None = None
    ) -> Mapping[str, Literal["unknown", "not_usable"]]:
        """Those of the names that an agent of this owner is not offered: `not_usable` for known, unapproved ones.

        What the owner may not see is `unknown`.
        """
        ...


class NoSkills:
    """No skill exists."""

    async def find_unusable(
        self, session: Session, *, owner_id: str, names: Sequence[str], agent_id: str | None = None
    ) -> Mapping[str, Literal["unknown", "not_usable"]]:
        """See `KnownSkills.find_unusable`."""
        return dict.fromkeys(names, "unknown")


class KnowledgeBases(Protocol):
    """Which knowledge bases somebody can read."""

    async def find_readable(self, session: Session, *, owner_id: str, ids: Sequence[str]) -> frozenset[str]:
        """Those of the ids that this person owns or was granted."""
        ...


class AgentThings(Protocol):
    """Those who keep something for agents, such as memory notes."""

    async def forget_agent(self, session: Session, *, agent_id: str) -> None:
        """Removes what is kept for an agent that goes, of all its users, in the caller's transaction."""
        ...


@dataclass(frozen=True, slots=True)
class ToolSummary:
    """A tool as a draft of an agent may choose it."""

    name: str
    description: str


class DraftTools(Protocol):
    """Which tools a draft may choose from (product.md 3.6)."""

    async def list_usable(self, session: Session, *, user_id: str, language: Language) -> Sequence[ToolSummary]:
        """Every tool this person can use, aliases left out, described in a language."""
        ...


class DraftModels(Protocol):
    """Turns a provider into a model for short calls outside any run."""

    def brief_client(self, provider: ProviderSnapshot) -> ModelClient:
        """A client that sends each call at most twice."""
        ...


class OwnConversations(Protocol):
    """What somebody talked about."""

    async def recent_text(self, *, identity: Identity, session_id: str) -> str:
        """Title and last messages of an own conversation, ≤ 8000 characters; empty for one that is not theirs."""
        ...
