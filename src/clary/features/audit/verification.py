"""Walks the chain, in the database or in an exported file (platform.md 7.3)."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from clary.features.audit.policy import FIRST_HASH, BrokenReason, Head, commitment_of, hash_of, value_at
from clary.features.audit.tables import AuditRow
from clary.kit import json_text
from clary.kit.clock import wire_time


@dataclass(slots=True)
class ChainWalk:
    """Takes entries in order and knows the first one that does not fit."""

    last: Head
    """The entry before the first one that is looked at."""
    expected: Head | None = None
    """An entry somebody noted outside: it must be there as noted."""
    entries: int = 0
    first_seq: int | None = None
    broken_at: int | None = None
    reason: BrokenReason | None = None

    def take(self, stored: dict[str, Any], clear: Iterable[tuple[str, str, Any]] = ()) -> bool:
        """The next entry with its clear values (field, salt, value); False once the chain is broken."""
        seq, own_hash = int(stored["seq"]), str(stored["hash"])
        if self.first_seq is None:
            self.first_seq = seq
        if seq != self.last.seq + 1:
            return self._break(self.last.seq + 1, "gap")
        if stored["prev_hash"] != self.last.hash or hash_of(stored) != own_hash:
            return self._break(seq, "hash")
        if any(commitment_of(salt, value) != value_at(stored, name) for name, salt, value in clear):
            return self._break(seq, "hash")
        if self.expected is not None and self.expected.seq == seq and self.expected.hash != own_hash:
            return self._break(seq, "head")
        self.last = Head(seq, own_hash)
        self.entries += 1
        return True

    def finish(self, end: Head | None) -> None:
        """All entries were taken; `end`: where the chain is known to end."""
        if self.broken_at is not None:
            return
        if end is not None and end != self.last:
            self._break(min(end.seq, self.last.seq) + (end.seq != self.last.seq), "head")
        elif self.expected is not None and self.expected.seq > self.last.seq:
            self._break(self.last.seq + 1, "head")

    def answer(self) -> dict[str, Any]:
        """The wire form of the outcome."""
        return {
            "ok": self.broken_at is None,
            "entries": self.entries,
            "first_seq": self.first_seq,
            "head": {"seq": self.last.seq, "hash": self.last.hash},
            "broken_at": self.broken_at,
            "reason": self.reason,
        }

    def stop_at(self, seq: int) -> None:
        """Something beside the chain itself does not fit an entry."""
        if self.broken_at is None:
            self._break(seq, "hash")

    def _break(self, seq: int, reason: BrokenReason) -> bool:
        self.broken_at, self.reason = seq, reason
        return False


def agrees(row: AuditRow) -> bool:
    """Whether the copies that filters look at say the same as the stored entry."""
    try:
        stored: dict[str, Any] = json_text.loads(row.stored)
        target: dict[str, Any] = stored["object"] or {}
        return (row.seq, row.hash, wire_time(row.at), row.action, row.outcome, row.actor_user_id) == (
            stored["seq"],
            stored["hash"],
            stored["at"],
            stored["action"],
            stored["outcome"],
            stored["actor"]["user_id"],
        ) and (row.object_type, row.object_id) == (target.get("type"), target.get("id"))
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def walk_export(lines: Iterable[dict[str, Any]], expected: Head | None = None) -> ChainWalk:
    """Verifies an export in stored form; what lies before its first entry is taken as given.

    Raises:
        KeyError, TypeError, ValueError: the lines are no such export.
    """
    walk: ChainWalk | None = None
    end: Head | None = None
    for line in lines:
        if "head" in line:
            end = Head(int(line["head"]["seq"]), str(line["head"]["hash"]))
            continue
        if walk is None:
            if "commitments" not in line:
                raise ValueError("an export in clear form")
            before = int(line["seq"]) - 1
            walk = ChainWalk(Head(before, FIRST_HASH if before == 0 else str(line["prev_hash"])), expected)
        if not walk.take(line):
            return walk
    walk = walk or ChainWalk(Head(0, FIRST_HASH), expected)
    walk.finish(end)
    return walk
