"""Patches of several files as text (product.md 6.2 `apply_patch`): read, then applied to lines. No I/O.

*** Begin Patch
*** Add File: path          lines with +
*** Update File: path       hunks: `@@` or `@@ a line before`, then lines with a blank, - or +
*** Delete File: path
*** End Patch
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from clary.kit.text import Text

BEGIN: Final = "*** Begin Patch"
END: Final = "*** End Patch"
_ADD: Final = "*** Add File: "
_UPDATE: Final = "*** Update File: "
_DELETE: Final = "*** Delete File: "
_END_OF_FILE: Final = "*** End of File"
_MAX_COMPARISONS: Final = 5_000_000
"""Of lines; a patch of equal lines against a file of equal lines ends here instead of running on."""

NOT_A_PATCH: Final = Text("补丁格式无效，第 {line} 行", "Not a valid patch, line {line}")
EMPTY: Final = Text("补丁为空", "The patch is empty")
NO_FIT: Final = Text("第 {number} 处修改与文件内容不符: {path}", "Change {number} does not fit the file: {path}")

Action = Literal["add", "update", "delete"]
_MARKS: Final[tuple[tuple[str, Action], ...]] = ((_ADD, "add"), (_UPDATE, "update"), (_DELETE, "delete"))


class PatchError(Exception):
    """The patch cannot be read or does not fit; `message` says where."""

    def __init__(self, message: Text) -> None:
        super().__init__(message.en)
        self.message = message


@dataclass(slots=True)
class Hunk:
    """One place of a file. A step is a sign (blank: stays, `-` goes, `+` comes; empty: an empty line) and its line."""

    after: str = ""
    """A line that stands somewhere before; empty: anywhere."""
    steps: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    at_end: bool = False

    @property
    def old(self) -> list[str]:
        """The lines that must be there."""
        return [line for sign, line in self.steps if sign != "+"]

    def count(self, wanted: str) -> int:
        """How many steps have a sign."""
        return sum(1 for sign, _ in self.steps if sign == wanted)


@dataclass(slots=True)
class FilePatch:
    """What happens to one file. `lines` of an added one; `hunks` of an updated one."""

    action: Action
    path: str
    lines: list[str] = field(default_factory=list[str])
    hunks: list[Hunk] = field(default_factory=list[Hunk])


def read_patch(text: str) -> list[FilePatch]:
    """The files of a patch in order. Text around the two marks is ignored.

    Raises:
        PatchError
    """
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    start = next((at for at, line in enumerate(lines) if line.strip() == BEGIN), None)
    end = next((at for at, line in enumerate(lines) if line.strip() == END), None)
    if start is None or end is None or end < start:
        raise PatchError(NOT_A_PATCH.fill(line=1 if start is None else len(lines)))
    files: list[FilePatch] = []
    for at in range(start + 1, end):
        begun = _file_begun(lines[at])
        if begun is not None:
            files.append(begun)
        elif not files or not _take(files[-1], lines[at]):
            raise PatchError(NOT_A_PATCH.fill(line=at + 1))
    if not files:
        raise PatchError(EMPTY)
    for file in files:
        file.hunks = [hunk for hunk in file.hunks if _without_empty_tail(hunk)]
    return files


def patched(content: str, patch: FilePatch) -> str:
    """The new text of an updated file; line ends stay as they are in it.

    Raises:
        PatchError: a hunk fits nowhere.
    """
    line_end = "\r" if 2 * content.count("\r\n") > content.count("\n") else ""
    lines = content.split("\n")
    ends_in_line_feed = lines[-1] == ""
    if ends_in_line_feed:
        lines.pop()
    bare = [line.removesuffix("\r") for line in lines]
    result: list[str] = []
    done, budget = 0, [_MAX_COMPARISONS]
    for number, hunk in enumerate(patch.hunks, 1):
        old = hunk.old
        at = _place(bare, hunk, old, done, budget)
        if at is None:
            raise PatchError(NO_FIT.fill(number=number, path=patch.path))
        result += lines[done:at]
        result += _replacement(lines[at : at + len(old)], hunk, line_end)
        done = at + len(old)
    text = "\n".join([*result, *lines[done:]])
    return text + "\n" if text and ends_in_line_feed else text


def _file_begun(line: str) -> FilePatch | None:
    for mark, action in _MARKS:
        if line.startswith(mark) and line[len(mark) :].strip():
            return FilePatch(action, line[len(mark) :].strip())
    return None


def _take(file: FilePatch, line: str) -> bool:
    """Adds a line to a file's part; False if it has no place there."""
    if file.action == "add":
        if line.startswith("+"):
            file.lines.append(line[1:])
        return line.startswith("+")
    if file.action == "delete":
        return not line.strip()
    return _take_change(file, line)


def _take_change(file: FilePatch, line: str) -> bool:
    if line.startswith("@@"):
        file.hunks.append(Hunk(after=line[2:].strip()))
        return True
    if not file.hunks:
        file.hunks.append(Hunk())
    hunk = file.hunks[-1]
    if line == _END_OF_FILE:
        hunk.at_end = True
    elif not line or line[0] in " +-":
        # Models forget the blank before an empty line.
        hunk.steps.append((line[:1], line[1:]))
    else:
        return False
    return True


def _without_empty_tail(hunk: Hunk) -> bool:
    """Takes off the empty lines that only part it from what follows; whether anything is left."""
    while hunk.steps and not hunk.steps[-1][0]:
        hunk.steps.pop()
    return bool(hunk.steps)


def _place(lines: Sequence[str], hunk: Hunk, old: Sequence[str], start: int, budget: list[int]) -> int | None:
    """Where a hunk fits at or after a line: word for word, else without blanks around the lines."""
    if hunk.after:
        named = next((at for at in range(start, len(lines)) if lines[at].strip() == hunk.after), None)
        start = start if named is None else named + 1
    if not old:
        # Nothing to find: after the named line, else at the end.
        return start if hunk.after and not hunk.at_end else len(lines)
    last = len(lines) - len(old)
    first = max(start, last) if hunk.at_end else start
    for wanted, found in ((old, lines), ([line.strip() for line in old], [line.strip() for line in lines])):
        for at in range(first, last + 1):
            if _fits(found, at, wanted, budget):
                return at
    return None


def _fits(lines: Sequence[str], at: int, old: Sequence[str], budget: list[int]) -> bool:
    for offset, wanted in enumerate(old):
        budget[0] -= 1
        if budget[0] < 0 or lines[at + offset] != wanted:
            return False
    return True


def _replacement(lines: Sequence[str], hunk: Hunk, line_end: str) -> list[str]:
    """The new lines; those that stay keep their bytes."""
    result: list[str] = []
    there = iter(lines)
    for sign, line in hunk.steps:
        if sign == "+":
            result.append(line + line_end)
        else:
            present = next(there)
            result += [] if sign == "-" else [present]
    return result
