"""What skills need from those above them, and what a run is given of a skill."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Literal, NamedTuple, Protocol

from clary.db.session import Session
from clary.features.permissions.service import Identity

Dimension = Literal["system", "user", "agent"]


@dataclass(frozen=True, slots=True)
class AgentFacts:
    """What skills have to know of an agent. `may_change`: the caller owns it, or is an administrator."""

    agent_id: str
    name: str
    owner_id: str
    may_change: bool
    wanted: tuple[str, ...]
    """Names of the skills it is limited to."""


class AgentDirectory(Protocol):
    """Who may see and change which agent."""

    async def get_visible(self, db: Session, *, identity: Identity, agent_id: str) -> AgentFacts:
        """An agent the caller may see.

        Raises:
            NotFoundError: E-AGENT.
        """
        ...

    async def get_changeable(self, db: Session, *, identity: Identity, agent_id: str) -> AgentFacts:
        """An agent the caller may change.

        Raises:
            NotFoundError: E-AGENT.
            ForbiddenError: E-AGENT-EDIT.
        """
        ...

    async def list_visible(self, db: Session, *, identity: Identity) -> Sequence[AgentFacts]:
        """All agents the caller may see, by name."""
        ...

    async def find_owner(self, db: Session, *, agent_id: str) -> str | None:
        """Whose an agent is; None: there is no such agent."""
        ...


class PersonFolder(NamedTuple):
    """The workspace somebody has with an agent."""

    user_id: str
    folder: Path


class AgentWorkspaces(Protocol):
    """Folders that exist already; none is made by asking."""

    async def list_folders(self, db: Session, *, agent_id: str, owner_id: str) -> Sequence[PersonFolder]:
        """The folders of all people who work with an agent, by the id of the person."""
        ...

    async def find_folder(self, *, user_id: str, agent_id: str) -> Path | None:
        """The folder one person has with an agent; None when there is none yet."""
        ...


class DownloadError(Exception):
    """Nothing usable came. Deliberately does not say why."""


class DownloadBlockedError(Exception):
    """The server may not go to this address."""


class DownloadTooLargeError(Exception):
    """More came than the caller takes."""


class Downloads(Protocol):
    """Fetches what a person named, within the rules for such addresses."""

    async def fetch(self, url: str, target: Path, *, max_bytes: int) -> None:
        """Writes what lies at an https address to a new file.

        Raises:
            DownloadError, DownloadBlockedError, DownloadTooLargeError
        """
        ...


class SkillArchives(Protocol):
    """Versions where every machine sees them, each as one archive by its hash. Everything here blocks.

    Every method may raise `UnavailableError`: the place does not answer.
    """

    def put(self, version: str, archive: BinaryIO) -> None:
        """Keeps a version; one that is there counts as new again."""
        ...

    def fetch(self, version: str, target: Path) -> bool:
        """Writes a version to a new file; False: it is not there."""
        ...

    def keep_only(self, versions: Collection[str], *, min_age_seconds: int) -> None:
        """Removes others that are older than that."""
        ...


@dataclass(frozen=True, slots=True)
class RunSkill:
    """One skill as a run uses it: an approved version, named by the hash of what is in it."""

    name: str
    description: str
    hash: str
    dimension: Dimension
