"""What a run was resolved to at its start: an immutable snapshot kept, sealed, with the run (stream-runtime.md 9.1)."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal, cast

from clary.features.knowledge.service import RunBase
from clary.features.llm_providers.ports import ProviderSnapshot
from clary.features.permissions.service import Identity
from clary.kit import json_text
from clary.kit.text import Locale
from clary.runtime.plan import Mode

ApprovalMode = Literal["auto", "risky", "always"]
Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Caller:
    """Who started the run; its rights are looked at anew at every use."""

    user_id: str = ""
    is_admin: bool = False
    key_id: str | None = None
    client_id: str | None = None
    agent_ids: tuple[str, ...] | None = None

    @classmethod
    def of(cls, identity: Identity) -> "Caller":
        """The caller of a request."""
        limited = tuple(sorted(identity.agent_ids)) if identity.agent_ids is not None else None
        return cls(identity.user_id, identity.is_admin, identity.key_id, identity.client_id, limited)

    def identity(self, group_ids: frozenset[str]) -> Identity:
        """The same person during the run, with the groups they are in now."""
        return Identity(
            self.user_id,
            "",
            "admin" if self.is_admin else "user",
            "system",
            key_id=self.key_id,
            client_id=self.client_id,
            agent_ids=frozenset(self.agent_ids) if self.agent_ids is not None else None,
            group_ids=group_ids,
        )


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody a run may delegate to: a saved agent (`inline` None), or one that lives for this run only."""

    agent_id: str
    name: str
    description: str
    inline: Json | None = None
    listed_by: str = ""
    """Owner of the agent that lists it, by whose rights it counts; empty: by the caller's."""


@dataclass(frozen=True, slots=True)
class SkillRef:
    """A skill of the run: its text may be loaded."""

    name: str
    description: str
    hash: str
    dimension: Literal["agent", "user", "system"]


@dataclass(frozen=True, slots=True)
class RunConfig:
    """Enough to start a run, and to go on with it after a crash. Fields with defaults came later than the rest."""

    agent_id: str
    agent_name: str
    persona: str
    tools: tuple[str, ...]
    """The allow-list: known names in order, built-in and of MCP servers."""
    max_loop_count: int
    deep_thinking: bool | None
    thinking_level: Literal["minimal", "low", "medium", "high", "xhigh", "max"] | None
    provider: ProviderSnapshot
    fast_provider: ProviderSnapshot
    request_texts: tuple[str, ...]
    context_values: Json
    answer_language: str
    locale: Locale
    tool_progress: bool
    tool_call_deltas: bool
    accepts_images: bool
    interrupt_note: str | None
    budget: Json
    caller: Caller = field(default_factory=Caller)
    agent_owner_id: str = ""
    mode: Mode = "simple"
    plan_gate: bool = False
    more_suggest: bool = False
    force_summary: bool = False
    memory_type: Literal["session", "user"] = "session"
    skills: tuple[SkillRef, ...] = ()
    tagged_skills: tuple[str, ...] = ()
    workflows: dict[str, list[str]] = field(default_factory=dict[str, list[str]])
    knowledge_bases: tuple[RunBase, ...] = ()
    members: tuple[Member, ...] = ()
    approval_mode: ApprovalMode = "auto"
    shows_approvals: bool = False
    denied_commands: tuple[str, ...] = ()
    mcp: Json = field(default_factory=dict[str, Any])
    """Snapshot of the tools of MCP servers."""
    recalled: tuple[str, ...] = ()
    """Notes about the person that match the request."""
    depth: int = 0
    ancestors: tuple[str, ...] = ()
    """Agents above this one, the root first."""

    @property
    def is_child(self) -> bool:
        """Whether another run started it."""
        return self.depth > 0

    def to_json(self) -> str:
        """Text for sealing; holds provider keys."""
        return json_text.dumps_text(asdict(self))

    @staticmethod
    def from_json(text: str) -> "RunConfig":
        """The inverse of `to_json`."""
        raw: Json = json_text.loads(text)
        raw["provider"] = ProviderSnapshot(**raw["provider"])
        raw["fast_provider"] = ProviderSnapshot(**raw["fast_provider"])
        for name in ("tools", "request_texts", "tagged_skills", "denied_commands"):
            raw[name] = tuple(raw.get(name, ()))
        for name in ("recalled", "ancestors"):
            raw[name] = tuple(raw.get(name, ()))
        raw["skills"] = tuple(SkillRef(**each) for each in raw.get("skills", ()))
        # Snapshots of runs that began before knowledge bases could be searched name none.
        raw.pop("knowledge_base_ids", None)
        raw["knowledge_bases"] = tuple(RunBase(**each) for each in raw.get("knowledge_bases", ()))
        raw["members"] = tuple(Member(**each) for each in raw.get("members", ()))
        caller = cast("Json", raw.get("caller") or {})
        if caller.get("agent_ids") is not None:
            caller["agent_ids"] = tuple(caller["agent_ids"])
        raw["caller"] = Caller(**caller)
        return RunConfig(**raw)
