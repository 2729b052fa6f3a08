"""Puts tool calls together from fragments, however a provider numbers or names them.

The order of first appearance is the model's order. Ids are made where they are missing, odd or taken twice.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, Final, cast

import orjson

from clary.runtime.messages import ToolCall
from clary.runtime.model import ToolCallDelta

MAX_CALLS: Final = 1000
_GOOD_ID = re.compile(r"[A-Za-z0-9_.:-]{1,128}")


class TooManyCallsError(Exception):
    """A response asks for more than `MAX_CALLS` calls."""


class _Slot:
    """One call as it grows. `wire_id` is the provider's id, `id` the one that is unique here."""

    __slots__ = ("id", "name", "parts", "position", "wire_id")

    def __init__(self, position: int, wire_id: str, own_id: str) -> None:
        self.position = position
        self.wire_id = wire_id
        self.id = own_id
        self.name = ""
        self.parts: list[str] = []

    @property
    def arguments(self) -> str:
        return "".join(self.parts)

    def is_whole(self) -> bool:
        """Whether the arguments are complete JSON, so that a further name must mean a further call."""
        try:
            orjson.loads(self.arguments)
        except orjson.JSONDecodeError:
            return False
        return True


class CallFragments:
    """The tool calls of one response. `names` turns the names sent to the provider back into our own."""

    __slots__ = ("_by_index", "_by_wire_id", "_ids", "_names", "_new_id", "_slots")

    def __init__(self, names: Mapping[str, str], new_id: Callable[[], str]) -> None:
        self._names = names
        self._new_id = new_id
        self._slots: list[_Slot] = []
        self._by_index: dict[int, _Slot] = {}
        self._by_wire_id: dict[str, _Slot] = {}
        self._ids: set[str] = set()

    def __bool__(self) -> bool:
        return bool(self._slots)

    def add(self, fragment: Mapping[str, Any]) -> ToolCallDelta | None:
        """Takes one element of `tool_calls`; answers what to pass on, if anything.

        Raises:
            TooManyCallsError: there are too many.
            AttributeError: the fragment has another shape.
        """
        function = cast("Mapping[str, Any]", fragment.get("function") or {})
        name, arguments = _text(function.get("name")), _arguments(function.get("arguments"))
        wire_id, index = _text(fragment.get("id")), _index(fragment.get("index"))
        slot = self._find(index, wire_id, name)
        if slot is None or self._starts_another(slot, wire_id, name, arguments):
            slot = self._open(index, wire_id)
        elif wire_id and not slot.wire_id:
            slot.wire_id = wire_id
            self._by_wire_id.setdefault(wire_id, slot)
        first = bool(name) and not slot.name
        if first:
            slot.name = self._names.get(name, name)
        slot.parts.append(arguments)
        if first:
            # Arguments that came before the name were held back: a delta without a name cannot open a call.
            return ToolCallDelta(slot.position, slot.id, slot.name, slot.arguments)
        return ToolCallDelta(slot.position, None, None, arguments) if slot.name and arguments else None

    def nameless(self) -> list[ToolCallDelta]:
        """Deltas of calls that never got a name, due before the end of the response."""
        return [ToolCallDelta(slot.position, slot.id, "", slot.arguments) for slot in self._slots if not slot.name]

    def calls(self) -> tuple[ToolCall, ...]:
        """All calls in model order."""
        return tuple(ToolCall(slot.id, slot.name, slot.arguments) for slot in self._slots)

    def _find(self, index: int | None, wire_id: str, name: str) -> _Slot | None:
        """The call a fragment seems to belong to."""
        known = self._by_wire_id.get(wire_id) if wire_id else None
        if index is None:
            return known or (self._slots[-1] if self._slots else None)
        at_index = self._by_index.get(index)
        if at_index is None:
            # A new index with a name is a new call even under an id that was seen: some providers repeat ids.
            return None if name else known
        return known if known is not None and known.wire_id != at_index.wire_id else at_index

    def _starts_another(self, slot: _Slot, wire_id: str, name: str, arguments: str) -> bool:
        """Whether a fragment that points at a call opens a further one; indexes are missing or all 0 at some hosts."""
        if not name or not slot.name:
            return False
        if wire_id and slot.wire_id and wire_id != slot.wire_id:
            return True
        repeats_name = self._names.get(name, name) == slot.name
        return slot.is_whole() and (bool(arguments.strip()) or not repeats_name)

    def _open(self, index: int | None, wire_id: str) -> _Slot:
        if len(self._slots) >= MAX_CALLS:
            raise TooManyCallsError
        own_id = wire_id
        while own_id in self._ids or not _GOOD_ID.fullmatch(own_id):
            own_id = self._new_id()
        self._ids.add(own_id)
        slot = _Slot(len(self._slots), wire_id, own_id)
        self._slots.append(slot)
        if index is not None:
            self._by_index[index] = slot
        if wire_id:
            self._by_wire_id[wire_id] = slot
        return slot


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _index(value: Any) -> int | None:
    if isinstance(value, str) and value.isdecimal():
        return int(value[:6])
    return value if type(value) is int else None


def _arguments(value: Any) -> str:
    """Arguments as text; some providers send the object itself."""
    if isinstance(value, str):
        return value
    return "" if value is None else orjson.dumps(value).decode()
