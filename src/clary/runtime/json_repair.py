"""The one repair of a model's broken JSON (stream-runtime.md 4.5 rule 5)."""

from typing import Final

_CLOSING: Final = {"{": "}", "[": "]"}
_ESCAPES: Final = {"\n": "\\n", "\r": "\\r", "\t": "\\t"}


def repaired(raw: str) -> str:
    """The text with trailing commas dropped, control characters in strings escaped, missing brackets added.

    A string that is not closed stays open, so that the text stays unreadable: half a file or half a command must
    never be taken for the whole. One pass; the answer may still be no JSON.
    """
    out: list[str] = []
    open_brackets: list[str] = []
    inside, escaped = False, False
    for char in raw.strip():
        if inside:
            out.append(char if char >= " " else _ESCAPES.get(char, f"\\u{ord(char):04x}"))
            inside = escaped or char != '"'
            escaped = char == "\\" and not escaped
            continue
        if char in "}]":
            _close(out, open_brackets, char)
            continue
        if char in "{[":
            open_brackets.append(char)
        inside = char == '"'
        out.append(char)
    while open_brackets and not inside:
        _close(out, open_brackets, _CLOSING[open_brackets[-1]])
    return "".join(out)


def _close(out: list[str], open_brackets: list[str], closing: str) -> None:
    """Writes a closing bracket after those that are missing before it; one that closes nothing is left out."""
    if closing not in (_CLOSING[bracket] for bracket in open_brackets):
        return
    while open_brackets:
        wanted = _CLOSING[open_brackets.pop()]
        _drop_trailing_comma(out)
        out.append(wanted)
        if wanted == closing:
            return


def _drop_trailing_comma(out: list[str]) -> None:
    while out and out[-1].isspace():
        out.pop()
    if out and out[-1] == ",":
        out.pop()
