"""Pure decisions about MCP servers: names, definitions and their changes, states, retries."""

import hashlib
import json
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import timedelta
from typing import Any, Literal, NamedTuple, cast

from clary.features.mcp_servers.ports import Listing

Json = dict[str, Any]
State = Literal["ready", "unreachable", "frozen", "needs_authorization", "disabled"]
Change = Literal["same", "new", "changed", "removed"]

MAX_NAME = 64
MAX_DESCRIPTION = 2000
RESERVED_NAMES = frozenset({"add", "list", "oauth"})
RETRY_FIRST = timedelta(seconds=30)
RETRY_LAST = timedelta(minutes=10)
MAX_LISTED_NAMES = 200

BUILT_IN = frozenset(
    [
        "file_read",
        "file_write",
        "file_update",
        "apply_patch",
        "list_dir",
        "glob",
        "grep",
        "execute_shell_command",
        "execute_python_code",
        "execute_javascript_code",
        "fetch_webpages",
        "analyze_image",
        "search_memory",
        "save_memory",
        "forget_memory",
        "todo_write",
        "todo_read",
        "load_skill",
        "load_workflow",
        "tool_expand_tools",
        "questionnaire",
        "questionnaire_async",
        "list_mcp_resources",
        "read_mcp_resource",
        "get_mcp_prompt",
        "search_knowledge_base",
        "search_web_page",
        "search_image_from_web",
        "generate_image",
        "list_tasks",
        "get_task_details",
        "add_task",
        "update_task",
        "enable_task",
        "delete_task",
        "complete_task",
        "web_search",
        "retrieve_on_zavixai_db",
    ]
)
"""Names of product.md 6.2, whether or not this server has the tool: what is saved must not change its meaning later."""

_PLAIN = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9_-]", re.ASCII)
_HASH_DIGITS = 8


def is_name(text: str) -> bool:
    """Whether a text may name a server (product.md 8.1)."""
    if not 1 <= len(text) <= MAX_NAME or text.startswith(".") or text in RESERVED_NAMES:
        return False
    return all(char in " _-." or char.isalpha() or char.isdigit() or _is_mark(char) for char in text)


def _is_mark(char: str) -> bool:
    # Vowel signs belong to the letters of many scripts.
    return unicodedata.category(char) in ("Mn", "Mc")


# Names of tools (product.md 6.2 "Clashes")


class OwnedTool(NamedTuple):
    """A tool of a server; servers come oldest first, tools in the order of the server."""

    server: str
    tool: str


def is_taken(name: str, built_in: Collection[str]) -> bool:
    """Whether a name belongs to the server's own tools."""
    return name in BUILT_IN or name in built_in or name.startswith("sys_")


def prefixed(server: str, tool: str) -> str:
    """`<server>__<tool>` in characters that every provider takes."""
    plain = _NOT_PLAIN.sub("_", f"{server}__{tool}")
    return plain if len(plain) <= MAX_NAME else with_hash(server, tool)


def with_hash(*parts: str) -> str:
    """The same, made unmistakable by a hash of what it stands for."""
    mark = hashlib.sha256("\0".join(parts).encode("utf-8", "surrogatepass")).hexdigest()[:_HASH_DIGITS]
    plain = _NOT_PLAIN.sub("_", "__".join(parts[-2:]))
    return f"{plain[: MAX_NAME - _HASH_DIGITS - 1]}_{mark}"


def wire_names(tools: Iterable[OwnedTool], built_in: Collection[str], taken: Iterable[str] = ()) -> list[str]:
    """The name of each tool. The same servers give the same names after every start."""
    used, names = set(taken), list[str]()
    for server, tool in tools:
        name = tool
        if _PLAIN.fullmatch(tool) is None or is_taken(tool, built_in) or tool in used:
            name = prefixed(server, tool)
        if name in used or is_taken(name, built_in):
            name = with_hash(server, tool)
        used.add(name)
        names.append(name)
    return names


# Definitions (product.md 8.4)


def definitions_of(listing: Listing) -> Json:
    """What is pinned of an offer: `{tools: [definition], instructions}`, in the order of the server."""
    return {"tools": list(listing.tools), "instructions": listing.instructions}


def canonical(value: Any) -> bytes:
    """JSON with sorted keys and no blanks."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode("utf-8", "surrogatepass")


def tool_hash(tool: Mapping[str, Any]) -> str:
    """What a definition is compared by."""
    return hashlib.sha256(canonical(tool)).hexdigest()


def definitions_hash(definitions: Mapping[str, Any]) -> str:
    """The hash of a whole set; the order of tools has no part in it."""
    tools = sorted(tool_hash(tool) for tool in definitions["tools"])
    return hashlib.sha256(canonical([definitions["instructions"], tools])).hexdigest()


class ToolChange(NamedTuple):
    """A tool as it was seen last, what was pinned of it, and how they differ. One of the two may be missing."""

    name: str
    change: Change
    seen: Json | None
    pinned: Json | None

    @property
    def shown(self) -> Json:
        """What there is to show of it."""
        return self.seen or self.pinned or {}


def compare(pin: Mapping[str, Any] | None, seen: Mapping[str, Any]) -> list[ToolChange]:
    """Every tool of either set: the seen ones in their order, then those that are gone."""
    pinned = {str(tool["name"]): tool for tool in (pin or {}).get("tools", ())}
    found: list[ToolChange] = []
    for tool in seen["tools"]:
        name = str(tool["name"])
        before = pinned.pop(name, None)
        change: Change = "new" if before is None else "same" if tool_hash(before) == tool_hash(tool) else "changed"
        found.append(ToolChange(name, change, tool, before))
    return [*found, *(ToolChange(name, "removed", None, tool) for name, tool in pinned.items())]


def is_frozen(pin: Mapping[str, Any], seen: Mapping[str, Any]) -> bool:
    """Whether something that was approved is now different: then nothing is offered until it is approved again."""
    if pin["instructions"] != seen["instructions"]:
        return True
    return any(each.change == "changed" for each in compare(pin, seen))


def offered(pin: Mapping[str, Any] | None, waiting: Mapping[str, Any] | None) -> list[Json]:
    """The approved tools that the server still has, in its order."""
    if pin is None:
        return []
    if waiting is None:
        return list(pin["tools"])
    present = {str(tool["name"]) for tool in waiting["tools"]}
    return [tool for tool in pin["tools"] if tool["name"] in present]


def changes_between(pin: Mapping[str, Any], seen: Mapping[str, Any]) -> list[Json]:
    """What a refresh tells: `{name, change}` of each difference; the instructions have no name."""
    found: list[Json] = [
        {"name": each.name, "change": each.change} for each in compare(pin, seen) if each.change != "same"
    ]
    if pin["instructions"] != seen["instructions"]:
        found.append({"name": "", "change": "changed", "what": "instructions"})
    return found


def retry_after(failures: int) -> timedelta:
    """How long an unreachable server is left alone (product.md 8.3)."""
    return min(RETRY_FIRST * 2 ** min(max(failures - 1, 0), 10), RETRY_LAST)


# What a model may read


def without_hidden(text: str) -> str:
    """A text without the characters nobody sees: controls, format and bidi marks, private and unassigned ones."""
    return "".join(
        char for char in text if char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Co", "Cn")
    )


def has_hidden(text: str) -> bool:
    """Whether `without_hidden` would take something away."""
    return without_hidden(text) != text


def shown_description(text: str) -> str:
    """A stranger's description, cleaned and cut (product.md 8.4)."""
    return without_hidden(text)[:MAX_DESCRIPTION]


def shown_schema(schema: Mapping[str, Any]) -> Json:
    """A schema whose descriptions and titles are cleaned; everything else stays as it is."""
    return cast("Json", _mapped(dict(schema), without_hidden))


def hides_something(tool: Mapping[str, Any]) -> bool:
    """Whether a definition holds characters that nobody sees, where a model would read them."""
    found: list[str] = [text for text in (str(tool["name"]), str(tool["description"])) if has_hidden(text)]

    def note(text: str) -> str:
        if has_hidden(text):
            found.append(text)
        return text

    _mapped(tool["input_schema"], note)
    return bool(found)


def _mapped(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, dict):
        pairs = cast("Json", value).items()
        return {
            key: change(each) if key in ("description", "title") and isinstance(each, str) else _mapped(each, change)
            for key, each in pairs
        }
    return [_mapped(each, change) for each in cast("list[Any]", value)] if isinstance(value, list) else value


def read_only(tool: Mapping[str, Any]) -> bool:
    """Whether a server says that a tool changes nothing."""
    return cast("Json", tool.get("annotations") or {}).get("readOnlyHint") is True


def extras_of(listing: Listing) -> Json:
    """What is kept of resources and prompts: enough to name them."""
    return {
        "resources": list(listing.resources)[:MAX_LISTED_NAMES],
        "prompts": list(listing.prompts)[:MAX_LISTED_NAMES],
    }


def names_of(tools: Sequence[Mapping[str, Any]]) -> list[str]:
    """The names of definitions."""
    return [str(tool["name"]) for tool in tools]
