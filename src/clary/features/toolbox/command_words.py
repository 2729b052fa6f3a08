"""Which programs a shell command names, as far as its words tell.

A policy of words is advice to a model, not a wall: a script can build any name while it runs. The wall is the sandbox.
"""

import re
from collections.abc import Collection, Iterator
from typing import Final

_PIECES: Final = re.compile(
    r"""'(?P<plain>[^']*)'            # single quotes: everything means itself
      | "(?P<double>(?:\\.|[^"\\])*)" # double quotes
      | \\(?P<escaped>.)
      | (?P<comment>(?<![^\s;|&(){}])\#[^\n]*)
      | (?P<part>&&|\|\||[;|&\n(){}`]|\$\()
      | (?P<blank>[ \t\r]+)
      | (?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_ASSIGNMENT: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\+?=")
_INNER: Final = re.compile(r"\$\(|`")
_WRAPPERS: Final = frozenset(
    {"env", "sudo", "doas", "nohup", "nice", "time", "timeout", "command", "exec", "builtin", "xargs", "setsid"}
)
_WORDS_OF_SHELL: Final = frozenset({"if", "then", "else", "elif", "do", "while", "until", "!", "eval"})
_NUMBER: Final = re.compile(r"[0-9.]+[smhd]?")
_MAX_DEPTH: Final = 5


def denied_word(command: str, words: Collection[str]) -> str | None:
    """The first of the denied words that a command starts a program with, or None.

    Looks at the first word of each simple command: after `;`, `&`, `&&`, `||`, `|`, a line feed, an opening bracket or
    `$(`; past assignments (`NAME=value`), words of the shell (`if`, `do`) and wrappers (`env`, `sudo`, `xargs`). A path
    counts by its last part.
    """
    denied = frozenset(words)
    if not denied:
        return None
    return next((word for word in _first_words(command, _MAX_DEPTH) if word in denied), None)


def _first_words(command: str, depth: int) -> Iterator[str]:
    waiting, wrapped, after_option = True, False, False
    for word in _words(command):
        if word is None:
            waiting, wrapped, after_option = True, False, False
            continue
        if depth and _INNER.search(word):
            # Substitutions inside double quotes came as one word.
            yield from _first_words(word, depth - 1)
        if not waiting or _ASSIGNMENT.match(word) or word in _WORDS_OF_SHELL:
            continue
        if wrapped and (word.startswith("-") or _NUMBER.fullmatch(word)):
            after_option = word.startswith("-")
            continue
        name = word.rpartition("/")[2]
        yield name
        # After an option of a wrapper this may have been its value, and the program is still to come.
        waiting = wrapped = name in _WRAPPERS or after_option
        after_option = False


def _words(command: str) -> Iterator[str | None]:
    """Words with their quotes taken off; None where a new simple command begins."""
    word: list[str] | None = None
    for match in _PIECES.finditer(command):
        kind = match.lastgroup
        if kind in ("part", "blank", "comment"):
            if word is not None:
                yield "".join(word)
            word = None
            if kind == "part":
                yield None
            continue
        text = match[kind] if kind else ""
        # A line feed after a backslash joins two lines.
        word = [*(word or []), "" if kind == "escaped" and text == "\n" else text]
    if word is not None:
        yield "".join(word)
