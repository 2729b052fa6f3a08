"""What tools need of the world, and of slices that stand beside or above."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

from clary.db.session import Session
from clary.features.permissions.service import Identity
from clary.kit.text import Text
from clary.runtime.messages import Effect
from clary.runtime.tools import ImageReader, NoteBook, TaskBook, Tool
from clary.runtime.toolset import Language

# Documents


class DocumentError(Exception):
    """A document that gives no text; `message` says why, without anything of the parser's own words."""

    def __init__(self, message: Text) -> None:
        super().__init__(message.en)
        self.message = message


@dataclass(frozen=True, slots=True)
class DocumentText:
    """The text of a document as Markdown or plain text; `title` empty where it has none."""

    title: str
    text: str


class Documents(Protocol):
    """Text out of documents. Their parsers run in a child process with bounds of time and memory."""

    def kind_of(self, *, name: str = "", content_type: str = "") -> str | None:
        """The kind of a document by the end of its name, else by its type; None for what is not read here."""
        ...

    async def read(self, content: bytes, kind: str) -> DocumentText:
        """The text of a document of a kind that `kind_of` gave.

        Raises:
            DocumentError
        """
        ...

    async def decode(self, content: bytes, charset: str | None) -> str:
        """Text out of bytes: by the charset if it is known and fits, else by what the bytes look like."""
        ...


class NoDocuments:
    """The twin that reads nothing."""

    def kind_of(self, *, name: str = "", content_type: str = "") -> str | None:
        """See the port."""
        return None

    async def read(self, content: bytes, kind: str) -> DocumentText:
        """See the port."""
        raise DocumentError(Text("不支持的文件格式", "This format is not supported"))

    async def decode(self, content: bytes, charset: str | None) -> str:
        """See the port."""
        return content.decode("utf-8", "replace")


# Room


class Room(Protocol):
    """How much a workspace may hold (product.md 4.4). Its methods block."""

    @property
    def limit_mb(self) -> int:
        """The bound, as people are told it."""
        ...

    def fits(self, workspace: Path, relative: str, size: int) -> bool:
        """Whether a file of `size` bytes fits in, in place of what is at `relative`."""
        ...

    def is_exceeded(self, workspace: Path) -> bool:
        """Whether more lies there than may."""
        ...


class NoBounds:
    """The twin without an end."""

    limit_mb = 0

    def fits(self, workspace: Path, relative: str, size: int) -> bool:
        """See the port."""
        return True

    def is_exceeded(self, workspace: Path) -> bool:
        """See the port."""
        return False


# The web


class PageError(Exception):
    """A page that could not be fetched; `message` never says what was found at an address."""

    def __init__(self, message: Text) -> None:
        super().__init__(message.en)
        self.message = message


@dataclass(frozen=True, slots=True)
class FetchedPage:
    """What an address answered, whatever its status. `content_type` and `charset` are lower-case."""

    final_url: str
    http_status: int
    content_type: str
    charset: str | None
    body: bytes


class Pages(Protocol):
    """Fetches from public addresses, or those an administrator allowed."""

    async def fetch(self, url: str, *, https_only: bool = False, max_bytes: int | None = None) -> FetchedPage:
        """Follows redirects, each checked.

        Raises:
            PageError
        """
        ...


class NoPages:
    """The twin without a network."""

    async def fetch(self, url: str, *, https_only: bool = False, max_bytes: int | None = None) -> FetchedPage:
        """See the port."""
        raise PageError(Text("没有网络", "There is no network"))


TimeRange = Literal["", "day", "week", "month", "year"]


class SearchError(Exception):
    """A search service that did not answer usefully."""


@dataclass(frozen=True, slots=True)
class WebHit:
    """One page found; `published` as the service gave it, empty if unknown."""

    title: str
    url: str
    snippet: str
    source: str
    published: str = ""


@dataclass(frozen=True, slots=True)
class ImageHit:
    """One image found."""

    title: str
    image_url: str
    thumbnail_url: str
    source: str


class SearchService(Protocol):
    """One search service (product.md 9)."""

    @property
    def name(self) -> str:
        """As `CLARY_SEARCH_ORDER` names it."""
        ...

    async def search_pages(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[WebHit]:
        """At most `count` pages, best first.

        Raises:
            SearchError
        """
        ...

    async def search_images(self, query: str, *, count: int, time_range: TimeRange) -> Sequence[ImageHit] | None:
        """At most `count` images; None: this service has no images.

        Raises:
            SearchError
        """
        ...


class Rate(Protocol):
    """Counts calls of somebody across all processes."""

    async def count(self, *, kind: str, key: str, limit: int) -> int | None:
        """Counts one call in the present minute; for one too many the seconds to wait are returned."""
        ...


class NoRate:
    """The twin that lets everything through."""

    async def count(self, *, kind: str, key: str, limit: int) -> int | None:
        """See the port."""
        return None


# What stands beside or above


@dataclass(frozen=True, slots=True)
class ForeignTool:
    """A tool of an MCP server as the list shows it; `unavailable_reason` None: it can be called."""

    name: str
    original_name: str
    description: str
    input_schema: Mapping[str, Any]
    effect: Effect
    server_name: str
    owner_id: str
    unavailable_reason: str | None = None
    state: str | None = None


class ForeignTools(Protocol):
    """Tools that come from MCP servers (product.md 6.1, 6.3)."""

    async def list_tools(self, db: Session, identity: Identity) -> Sequence[ForeignTool]:
        """The caller's, an admin's everybody's, by server and name; none of disabled servers."""
        ...

    async def find_tool(self, db: Session, identity: Identity, name: str, *, owner_id: str | None) -> Tool | None:
        """One that can be called now; `owner_id` (for admins) names whose server. Foreign and unknown alike: None.

        Raises:
            ToolFailedError: it is known, but cannot be called.
        """
        ...


class NoForeignTools:
    """The twin without servers."""

    async def list_tools(self, db: Session, identity: Identity) -> Sequence[ForeignTool]:
        """See the port."""
        return ()

    async def find_tool(self, db: Session, identity: Identity, name: str, *, owner_id: str | None) -> Tool | None:
        """See the port."""
        return None


class AgentInUse(Protocol):
    """What a direct call needs of an agent."""

    @property
    def agent_id(self) -> str:
        """Its id."""
        ...

    @property
    def denied_commands(self) -> Collection[str]:
        """First words of shell commands that are refused."""
        ...


class AgentsInUse(Protocol):
    """Finds agents for use, by the one rule of permissions."""

    async def resolve_for_run(self, session: Session, *, identity: Identity, agent_id: str | None) -> AgentInUse:
        """The named agent.

        Raises:
            ProblemError: E-AGENT, for unknown and foreign ids alike.
        """
        ...

    async def resolve_for_conversation(self, session: Session, *, identity: Identity, agent_id: str) -> AgentInUse:
        """The agent a conversation was held with; the person's default one once that is deleted.

        Raises:
            ProblemError: E-AGENT, it is no longer for this person.
        """
        ...


class Workspaces(Protocol):
    """The folders of people."""

    async def ensure(self, user_id: str, agent_id: str | None, session_id: str) -> Path:
        """The folder of a person's agent, or of a conversation; made when missing."""
        ...


class TaskBooks(Protocol):
    """The scheduled tasks of people."""

    def of(
        self,
        *,
        user_id: str,
        agent_ids: frozenset[str] | None,
        language: Language,
        run_id: str | None = None,
        is_scheduled: bool = False,
    ) -> TaskBook:
        """Those of a person, within the agents that a key is limited to."""
        ...


class NoteBooks(Protocol):
    """The notes of people for their agents (stream-runtime.md 9.8)."""

    def of(self, *, user_id: str, agent_id: str) -> NoteBook:
        """Those of one person for one agent."""
        ...


class ImageReaders(Protocol):
    """Models that look at pictures for people outside runs."""

    def of(self, identity: Identity, agent_id: str | None) -> ImageReader:
        """The model of an agent they may use, or their own; each call is metered and booked on them."""
        ...


class UploadedFiles(Protocol):
    """Files that people uploaded (platform.md 10), for runs of theirs."""

    async def read_for(self, *, user_id: str, address: str, max_bytes: int) -> bytes | None:
        """What an address of an upload holds; None for an address that is none.

        Raises:
            ProblemError: it is not there, not for this person, or too large.
        """
        ...


class NoUploads:
    """The twin without files."""

    async def read_for(self, *, user_id: str, address: str, max_bytes: int) -> bytes | None:
        """See the port."""
        return None


@dataclass(frozen=True, slots=True)
class WebAccess:
    """Everything the web tools use."""

    documents: Documents = field(default_factory=NoDocuments)
    pages: Pages = field(default_factory=NoPages)
    uploads: UploadedFiles = field(default_factory=NoUploads)
    services: Sequence[SearchService] = ()
    """In the order of trying."""
    rate: Rate = field(default_factory=NoRate)
    searches_per_minute: int = 30
