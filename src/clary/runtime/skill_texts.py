"""The texts of loaded skills in the context (stream-runtime.md 9.9)."""

from collections.abc import Iterable, Sequence
from typing import Final

from clary.runtime.context import Entry
from clary.runtime.messages import UserMessage
from clary.runtime.toolset import estimate_tokens

MAX_TOKENS: Final = 8000


def skill_entry(name: str, text: str) -> Entry:
    """A loaded skill as the model sees it, at the place of the call or of the user message that loaded it."""
    return Entry(UserMessage(f'<skill name="{name}">\n{text}\n</skill>'), skill=name.casefold())


def within_room(entries: Sequence[Entry]) -> Sequence[Entry]:
    """The entries with at most 8000 tokens of skills: the oldest leave first, the newest stays whatever its size."""
    gone = set(_without_room(entries))
    return [entry for at, entry in enumerate(entries) if at not in gone] if gone else entries


def _without_room(entries: Sequence[Entry]) -> Iterable[int]:
    room, seen = MAX_TOKENS, set[str]()
    for at in range(len(entries) - 1, -1, -1):
        name = entries[at].skill
        if name is None:
            continue
        content = entries[at].message
        size = estimate_tokens(str(content.content)) if isinstance(content, UserMessage) else 0
        # A skill that was loaded again stands where it was loaded last.
        if name in seen or (seen and size > room):
            yield at
            continue
        seen.add(name)
        room -= size
