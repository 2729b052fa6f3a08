"""What each kind of caller meets at a route, by the one rule (platform.md 7.4)."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Literal, NamedTuple

from clary.features.permissions.policy import (
    GRANTABLE,
    Identity,
    ObjectType,
    Target,
    Verb,
    examine,
    is_allowed,
)

Kind = Literal[
    "anonymous",
    "disabled user",
    "other user",
    "group member",
    "granted user",
    "owner",
    "narrow API key",
    "narrow OAuth2 token",
    "admin",
]
Outcome = Literal["open", "yes", "401", "forbidden", "unknown"]

KINDS: tuple[Kind, ...] = (
    "anonymous",
    "disabled user",
    "other user",
    "group member",
    "granted user",
    "owner",
    "narrow API key",
    "narrow OAuth2 token",
    "admin",
)
"""`narrow API key`: the owner's, with scope `read` alone; `narrow OAuth2 token`: with `openid` alone."""

OBJECT_OF: dict[str, ObjectType] = {
    "agent_id": "agent",
    "session_id": "conversation",
    "run_id": "run",
    "questionnaire_id": "questionnaire",
    "provider_id": "provider",
    "group_id": "group",
    "server_name": "mcp",
    "key": "file",
    "kdb_id": "kdb",
    "doc_id": "doc",
}
"""Which object a parameter of a path names."""

_OWN_WITH_AGENT = ("/api/agent/{agent_id}/file_workspace", "/api/agent/{agent_id}/memories")


_OWNERS_WORD = re.compile(r"/(rerun-stream|edit-last-user-message|inject-user-message|questionnaires)(/|$)")
"""Starting, editing and answering is for the owner alone (stream-runtime.md 1)."""

_OWNERS_TASK = re.compile(r"^PUT |/(run|complete)$")
"""Administrators read, switch off and delete scheduled tasks, no more (platform.md 15.1)."""


class RouteTerms(NamedTuple):
    """A route as the rule sees it."""

    method: str
    path: str
    scope: str | None
    is_interactive: bool
    target: ObjectType | None
    any_token: bool
    is_own_only: bool
    """It names something only its owner may touch, or a task; not even an admin reaches another's there."""


def terms_of(method: str, path: str, *, scope: str | None, is_interactive: bool, any_token: bool) -> RouteTerms:
    """A route with the object its path names. `scope` None: public."""
    names = re.findall(r"\{(\w+)(?::path)?\}", path)
    # What is linked to an account is named by the provider it came from; that is no object.
    is_identity = path.startswith("/api/user/identities/")
    named: list[ObjectType] = [OBJECT_OF[name] for name in names if name in OBJECT_OF and not is_identity]
    is_account = path.startswith(("/api/user/", "/api/budgets/key/")) and scope != "admin" and "{id}" in path
    is_owners_word = method != "GET" and _OWNERS_WORD.search(path) is not None
    # Everybody's tokens for a server are their own.
    is_token = path.startswith("/api/mcp/{server_name}/oauth")
    is_schedule = path.startswith(("/tasks/", "/api/tasks/")) and "{task_id}" in path
    if is_schedule:
        named.append("task")
    is_task = (_OWNERS_TASK.search(f"{method} {path}") is not None) if is_schedule else "{task_id}" in path
    is_own_only = is_account or is_owners_word or is_token or is_task
    return RouteTerms(method, path, scope, is_interactive, named[-1] if named else None, any_token, is_own_only)


def table_of(routes: Iterable[RouteTerms]) -> str:
    """Every route × kind of caller × outcome, as a table in Markdown."""
    head = ["route", "scope", *KINDS]
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    for terms in sorted(routes, key=lambda each: (each.path, each.method)):
        scope = terms.scope or "public"
        marked = f"{scope}, in person" if terms.is_interactive else scope
        outcomes = [outcome_of(terms, kind) for kind in KINDS]
        lines.append("| " + " | ".join([f"{terms.method} `{terms.path}`", marked, *outcomes]) + " |")
    return "\n".join(lines) + "\n"


def outcome_of(terms: RouteTerms, kind: Kind) -> Outcome:
    """What a caller meets whose request is otherwise in order.

    `open`: public. `unknown`: as if the object did not exist. `yes`: the rule lets it through.
    """
    if terms.scope is None:
        return "open"
    if kind in ("anonymous", "disabled user"):
        return "401"
    identity = _identity(kind)
    lacks_role = terms.scope == "admin" and not identity.is_admin
    has_scope = terms.any_token or identity.has_scope(terms.scope)
    if lacks_role or not has_scope or (terms.is_interactive and not identity.is_interactive):
        return "forbidden"
    if terms.is_own_only:
        return "yes" if identity.user_id == "owner" else "unknown"
    if terms.target is None or terms.scope == "admin":
        return "yes"
    # The gate has judged the scope that the route asks for.
    passed, target = replace(identity, scopes=identity.scopes | {"read", "chat", "write"}), _target(terms.target)
    if is_allowed(examine(passed, _verb(terms), target, is_active=True)):
        return "yes"
    is_seen = is_allowed(examine(passed, "read", target, is_active=True))
    # Nobody shares a conversation of somebody else, so that it is none of theirs.
    return "forbidden" if is_seen and terms.target != "conversation" else "unknown"


def _identity(kind: Kind) -> Identity:
    match kind:
        case "owner":
            return Identity("owner", "owner", "user", "access_token")
        case "narrow API key":
            return Identity("owner", "owner", "user", "api_key", scopes=frozenset({"read"}))
        case "narrow OAuth2 token":
            return Identity("owner", "owner", "user", "oauth2_token", scopes=frozenset(), client_id="client")
        case "granted user":
            return Identity("granted", "granted", "user", "access_token")
        case "group member":
            return Identity("member", "member", "user", "access_token", group_ids=frozenset({"group"}))
        case "admin":
            return Identity("admin", "admin", "admin", "access_token")
        case _:
            return Identity("other", "other", "user", "access_token")


def _target(kind: ObjectType) -> Target:
    if kind not in GRANTABLE:
        return Target(kind, "object", "owner")
    people = frozenset[str]() if kind == "group" else frozenset({"granted"})
    return Target(kind, "object", "owner", granted_users=people, granted_groups=frozenset({"group"}))


def _verb(terms: RouteTerms) -> Verb:
    # Files and notes are the caller's own with an agent, so that whoever may use the agent changes them.
    if terms.path.startswith(_OWN_WITH_AGENT):
        return "use"
    if terms.path.endswith("/auth") or (terms.method == "POST" and terms.path.endswith("/share")):
        return "share"
    if "/versions" in terms.path:
        return "write"
    if terms.scope == "chat":
        return "use"
    if terms.scope == "read":
        return "read"
    return "delete" if terms.method == "DELETE" else "write"
