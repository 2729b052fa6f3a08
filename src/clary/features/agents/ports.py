"""What a run is given of an agent, and what this slice needs from the world."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from clary.db.session import Session

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
    agent_mode: str
    context_budget: Mapping[str, Any] | None
    tool_approval_mode: ApprovalMode
    denied_commands: tuple[str, ...]
    egress_allow_list: tuple[str, ...]
    budget: Mapping[str, Any] | None


class AgentThings(Protocol):
    """What is kept for the users of an agent."""

    async def forget_agent(self, session: Session, *, agent_id: str) -> None:
        """Lets it go, in the transaction that deletes the agent."""
        ...


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
