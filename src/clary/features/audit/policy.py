"""What an act is (platform.md 7.3)."""

from dataclasses import dataclass, field
from typing import Any, Literal

from clary.features.permissions.service import Identity

ActorKind = Literal["user", "key", "client", "cli", "system", "anonymous"]
Outcome = Literal["success", "denied", "failed"]


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acted."""

    kind: ActorKind
    user_id: str | None = None
    username: str | None = None
    key_id: str | None = None
    client_id: str | None = None

    @staticmethod
    def of(identity: Identity | None) -> "Actor":
        """The actor of a request."""
        if identity is None:
            return ANONYMOUS
        kind: ActorKind = "key" if identity.key_id else "client" if identity.client_id else "user"
        return Actor(kind, identity.user_id, identity.username, identity.key_id, identity.client_id)


ANONYMOUS = Actor("anonymous")
SYSTEM = Actor("system")
CLI = Actor("cli")


@dataclass(frozen=True, slots=True)
class AuditObject:
    """What was acted on."""

    type: str
    id: str
    owner_id: str | None = None


@dataclass(frozen=True, slots=True)
class Act:
    """Something that is written down. `detail`: changed fields, old and new; never a secret or a message's text.

    `person`: values of `detail` (by key) that name a person and go when that person is erased.
    """

    action: str
    actor: Actor
    object: AuditObject | None = None
    outcome: Outcome = "success"
    detail: dict[str, Any] = field(default_factory=dict[str, Any])
    person: frozenset[str] = frozenset()
