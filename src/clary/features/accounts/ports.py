"""What accounts need from the world."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, NamedTuple, Protocol, TypedDict

from clary.db.session import Session
from clary.features.permissions.service import Identity
from clary.kit.text import Text


class PasswordHashing(Protocol):
    """A slow, salted hash, computed off the event loop."""

    async def hash(self, password: str) -> str:
        """A hash that holds its own salt and parameters."""
        ...

    async def verify(self, password: str, stored: str | None) -> bool:
        """Whether the password fits. Without a stored hash: False, after the same work."""
        ...

    def is_outdated(self, stored: str) -> bool:
        """Whether a hash was made with weaker parameters than today's."""
        ...


@dataclass(frozen=True, slots=True)
class AccessClaims:
    """What a login access token says."""

    user_id: str
    session_id: str
    issued_at: datetime
    expires_at: datetime


class AccessTokenError(Exception):
    """A login access token that is not accepted."""


class ExpiredTokenError(AccessTokenError):
    """Once good, now too old."""


class MalformedTokenError(AccessTokenError):
    """Not ours, changed, or no token at all."""


class AccessTokens(Protocol):
    """Signs and reads login access tokens (platform.md 4.3)."""

    def issue(self, claims: AccessClaims) -> str:
        """A signed token."""
        ...

    def read(self, token: str, *, now: datetime) -> AccessClaims:
        """The claims of a token that is good at this moment.

        Raises:
            ExpiredTokenError, MalformedTokenError
        """
        ...


class KeepsIdentities(Protocol):
    """Somebody who keeps for a moment who a caller is."""

    def forget_user(self, user_id: str) -> None:
        """Something about a user changed: nothing kept of them counts any more."""
        ...


class BearerReader(KeepsIdentities, Protocol):
    """Reads Bearers of one kind, told by their prefix: personal API keys, OAuth2 access tokens (platform.md 2.1)."""

    prefix: str

    async def identify(self, token: str, *, address: str) -> Identity | Text:
        """The caller, read anew or kept for at most a second; else the text of what is wrong with the token."""
        ...


class Onboarding(Protocol):
    """What the first-steps dialog of clients asks about a user (platform.md 4.6)."""

    async def has_provider(self, db: Session, *, user_id: str) -> bool:
        """Owns a model provider, or a configured system provider is usable; the demo model does not count."""
        ...

    async def has_agent(self, db: Session, *, user_id: str) -> bool:
        """Owns an agent."""
        ...


class GroupName(TypedDict):
    """A group as people's own objects show it (platform.md 4.6, 4.8)."""

    id: str
    name: str


class GroupDirectory(Protocol):
    """Who belongs together."""

    async def groups_by_user(self, db: Session, *, user_ids: Collection[str]) -> dict[str, list[GroupName]]:
        """User id → groups by name; people without a group may be left out."""
        ...

    async def groups_of(self, session: Session, *, user_id: str) -> frozenset[str]:
        """Ids of the groups a person belongs to now."""
        ...

    async def companions_of(self, db: Session, *, user_id: str) -> frozenset[str]:
        """Ids of all people who share a group with this person."""
        ...


class GroupMapping(Protocol):
    """Takes over what a source outside says about somebody's groups (platform.md 5.4)."""

    async def replace_memberships(
        self, db: Session, *, user_id: str, source: str, names: Iterable[str], create: bool
    ) -> None:
        """Makes what one source says exactly `names`; unknown ones are ignored, or made with `create`."""
        ...


class TokensElsewhere(Protocol):
    """Tokens that other slices gave out in a user's name; they end with the sessions (platform.md 4.3)."""

    async def end_tokens(self, db: Session, *, user_id: str) -> None:
        """Ends all of them in the caller's transaction; after the commit nothing kept of them counts."""
        ...


class SignOutElsewhere(Protocol):
    """Knows where a browser signs out of the service through which its session began (platform.md 5.1)."""

    def logout_url(self, *, method: str, sealed: str | None, user_id: str, peer_origin: str) -> str | None:
        """The address to go on to; None: nobody elsewhere wants to know. Asks nobody and reads no rows."""
        ...


class RunStopper(Protocol):
    """Ends what runs for a user."""

    async def stop_runs_of(self, user_id: str) -> None:
        """Asks every run to end, durably; does not wait for the ends."""
        ...


class Heir(NamedTuple):
    """What becomes of the things of somebody who is deleted (platform.md 4.8).

    `mode` `delete`: private things go, shared ones pass to `heir_id`, the acting admin. `transfer`: all that can be
    handed on passes to `heir_id`. `delete_all`: everything goes; `heir_id` is None.
    """

    mode: Literal["delete", "transfer", "delete_all"]
    heir_id: str | None


class OwnedThings(Protocol):
    """What a slice keeps for its users; asked when one is deleted."""

    async def let_go(self, *, user_id: str, heir: Heir) -> dict[str, int]:
        """Removes or hands on everything of a user, in transactions of its own; may be called again after a crash.

        Returns how many of what were removed and handed on (`{"agents_deleted": 2}`).
        """
        ...


class MailError(Exception):
    """A message could not be handed over."""


class Mailer(Protocol):
    """Sends messages to people."""

    async def send(self, *, to: str, subject: str, text: str) -> None:
        """Hands a plain message over for delivery; returns when it was taken.

        Raises:
            MailError
        """
        ...
