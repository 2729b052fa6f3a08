"""The rule itself, without I/O."""

from dataclasses import dataclass
from typing import Literal

Role = Literal["user", "admin"]
Credential = Literal["cookie", "access_token", "proxy", "api_key", "oauth2_token", "system"]
Verb = Literal["read", "use", "write", "delete", "share"]
Rule = Literal["owner", "admin", "system", "none"]

ALL_SCOPES = frozenset({"read", "chat", "write", "mcp", "admin"})


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


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer and the rule that gave it."""

    allowed: bool
    rule: Rule


def decide(identity: Identity, verb: Verb, *, owner_id: str, is_system: bool = False) -> Decision:
    """May this identity do this to an object of this owner?

    An empty owner matches nobody. System objects are for everybody to read and use, for admins to change.
    """
    if owner_id and identity.user_id and owner_id == identity.user_id:
        return Decision(True, "owner")
    if is_system and verb in ("read", "use"):
        return Decision(True, "system")
    if identity.is_admin:
        return Decision(True, "admin")
    return Decision(False, "none")
