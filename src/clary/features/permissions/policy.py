"""The one rule of who may do what, without I/O (platform.md 2.1, 7.4)."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple

Role = Literal["user", "admin"]
Credential = Literal["cookie", "access_token", "proxy", "api_key", "oauth2_token", "system"]
Verb = Literal["read", "use", "write", "delete", "share"]
GranteeKind = Literal["user", "group"]
Permission = Literal["read", "write"]
ObjectType = Literal[
    "agent",
    "conversation",
    "run",
    "questionnaire",
    "kdb",
    "doc",
    "skill",
    "mcp",
    "provider",
    "file",
    "task",
    "group",
    "user",
    "key",
]
Rule = Literal[
    "user_disabled",
    "scope",
    "key_limits",
    "owner",
    "grant_user",
    "grant_group",
    "admin",
    "system",
    "builtin",
    "share",
    "none",
]

ALL_SCOPES = frozenset({"read", "chat", "write", "mcp", "admin"})
SCOPE_OF: dict[Verb, str] = {"read": "read", "use": "chat", "write": "write", "delete": "write", "share": "write"}


ALL_VERBS = frozenset[Verb](("read", "use", "write", "delete", "share"))
ADMIN_VERBS: dict[ObjectType, frozenset[Verb]] = {
    "provider": frozenset(("read", "write", "delete")),
    "conversation": frozenset(("read", "use", "write", "delete")),
    "run": frozenset(("read", "use")),
    "questionnaire": frozenset(("read",)),
    "key": frozenset(("read", "delete")),
    "task": frozenset(("read", "write", "delete")),
}
WRITER_VERBS: dict[ObjectType, frozenset[Verb]] = {
    "kdb": frozenset(("write",)),
    "doc": frozenset(("write", "delete")),
}
"""What a grant to write adds: the documents of a base, never the base itself."""
GRANTABLE = frozenset[ObjectType](("agent", "kdb", "doc", "group"))


@dataclass(frozen=True, slots=True)
class Identity:
    """Who acts, read anew for each request (platform.md 2.1)."""

    user_id: str
    username: str
    role: Role
    credential: Credential
    scopes: frozenset[str] = ALL_SCOPES
    login_session_id: str | None = None
    key_id: str | None = None
    """The personal API key that was used (platform.md 7.1)."""
    client_id: str | None = None
    """The OAuth2 client whose token was used (platform.md 6)."""
    agent_ids: frozenset[str] | None = None
    """Agents a key is limited to; None: no limit."""
    group_ids: frozenset[str] = frozenset()
    """Groups the person belongs to now (platform.md 7.2)."""

    @property
    def by_cookie(self) -> bool:
        """Whether the cookie is the winning credential."""
        return self.credential == "cookie"

    @property
    def is_interactive(self) -> bool:
        """A person at a browser or client, not a key or token that was handed on."""
        return self.credential in ("cookie", "access_token", "proxy")

    @property
    def is_admin(self) -> bool:
        """Whether the role is admin and the credential carries it."""
        return self.role == "admin" and "admin" in self.scopes

    def has_scope(self, scope: str) -> bool:
        """Whether the credential carries a scope."""
        return scope in self.scopes

    def may_reach_agent(self, agent_id: str) -> bool:
        """Whether the limits of the key let an agent through; every other one is like an unknown one."""
        return self.agent_ids is None or agent_id in self.agent_ids


class Grant(NamedTuple):
    """Something somebody gave to a person or to a group."""

    kind: str
    grantee_id: str
    granted_by: str
    granted_at: datetime
    permission: str = "read"


@dataclass(frozen=True, slots=True)
class Target:
    """What the rule has to know of an object.

    `is_open`: shared with everybody who has its address. What an admin may do is limited where it would be in the
    owner's name: nobody else uses a provider's key or shares a conversation.
    """

    type: ObjectType
    id: str
    owner_id: str = ""
    is_system: bool = False
    is_builtin: bool = False
    is_open: bool = False
    granted_users: frozenset[str] = frozenset()
    granted_groups: frozenset[str] = frozenset()
    writing_users: frozenset[str] = frozenset()
    """Those among `granted_users` who may change what is in it (product.md 5.1)."""
    writing_groups: frozenset[str] = frozenset()

    @property
    def admin_verbs(self) -> frozenset[Verb]:
        """What an admin may do to an object of somebody else."""
        return ADMIN_VERBS.get(self.type, ALL_VERBS)


@dataclass(frozen=True, slots=True)
class Reason:
    """What one rule says. `counts`: it decides something here; refusing rules then refuse, the others allow."""

    rule: Rule
    counts: bool
    detail: str

    @property
    def allows(self) -> bool:
        """Whether the rule speaks for it."""
        return not self.counts if self.rule in REFUSING else self.counts and self.rule != "none"


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer and the rule that gave it."""

    allowed: bool
    rule: Rule


REFUSING: tuple[Rule, ...] = ("user_disabled", "scope", "key_limits")


def decide(
    identity: Identity, verb: Verb, *, owner_id: str, is_system: bool = False, is_granted: bool = False
) -> Decision:
    """May this identity do this to an object of this owner?

    An empty owner matches nobody. System objects are for everybody to read and use, for admins to change. Who was
    granted an object may read and use it, and nothing more.
    """
    target = Target("agent", "", owner_id, is_system=is_system)
    for reason in _allowing(identity, verb, target):
        if reason.counts:
            return Decision(True, reason.rule)
    if is_granted and verb in ("read", "use"):
        return Decision(True, "grant_user")
    return Decision(False, "none")


def examine(identity: Identity, verb: Verb, target: Target, *, is_active: bool) -> list[Reason]:
    """What every rule says, in their order; the last one is `none` when nothing allows it."""
    is_limited = target.type == "agent" and not identity.may_reach_agent(target.id)
    reasons = [
        Reason("user_disabled", not is_active, "the user is disabled" if not is_active else "the user is active"),
        _scope_reason(identity, verb),
        Reason("key_limits", is_limited, "the key is limited to other agents" if is_limited else "no limit applies"),
        *_allowing(identity, verb, target),
    ]
    if not is_allowed(reasons):
        reasons.append(Reason("none", True, "no rule allows it"))
    return reasons


def is_allowed(reasons: list[Reason]) -> bool:
    """Nothing refuses, and something allows."""
    counting = [reason.rule for reason in reasons if reason.counts]
    return not any(rule in REFUSING for rule in counting) and any(rule != "none" for rule in counting)


def _scope_reason(identity: Identity, verb: Verb) -> Reason:
    wanted = SCOPE_OF[verb]
    if identity.has_scope(wanted):
        return Reason("scope", False, f"scope {wanted} is held")
    return Reason("scope", True, f"scope {wanted} is missing")


def _allowing(identity: Identity, verb: Verb, target: Target) -> list[Reason]:
    user_id, reads = identity.user_id, verb in ("read", "use")
    is_owner = bool(user_id) and target.owner_id == user_id
    users, groups = _granted_for(verb, target)
    by_user = bool(user_id) and user_id in users
    groups &= identity.group_ids
    by_admin = identity.is_admin and verb in target.admin_verbs
    return [
        Reason("owner", is_owner, "owns the object" if is_owner else "the object belongs to somebody else"),
        Reason("grant_user", by_user, "granted to the user" if by_user else "no grant to the user for this"),
        Reason(
            "grant_group",
            bool(groups),
            f"granted to group {min(groups)}" if groups else "no grant to a group of the user for this",
        ),
        Reason(
            "admin",
            by_admin,
            "is an administrator" if by_admin else "no administrator, no scope admin, or not for administrators",
        ),
        Reason("system", target.is_system and reads, "a system object" if target.is_system else "no system object"),
        Reason("builtin", target.is_builtin and reads, "built in" if target.is_builtin else "not built in"),
        Reason(
            "share", target.is_open and verb == "read", "shared by link" if target.is_open else "not shared by link"
        ),
    ]


def _granted_for(verb: Verb, target: Target) -> tuple[frozenset[str], frozenset[str]]:
    """(people, groups) whose grant is enough for this."""
    if verb in ("read", "use"):
        return target.granted_users, target.granted_groups
    if verb in WRITER_VERBS.get(target.type, ()):
        return target.writing_users, target.writing_groups
    return frozenset(), frozenset()


def with_grants(target: Target, grants: Collection[Grant]) -> Target:
    """The object with those it is granted to, beside those it names already."""
    users, groups = [each for each in grants if each.kind == "user"], [each for each in grants if each.kind == "group"]
    return replace(
        target,
        granted_users=target.granted_users | {each.grantee_id for each in users},
        granted_groups=target.granted_groups | {each.grantee_id for each in groups},
        writing_users=target.writing_users | {each.grantee_id for each in users if each.permission == "write"},
        writing_groups=target.writing_groups | {each.grantee_id for each in groups if each.permission == "write"},
    )
