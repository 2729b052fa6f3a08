"""Which elements of a page are open, where authors leave end tags out (HTML, 13.1.2.4).

Knows what ends what, not what is shown: that is `html_page`'s. Elements inside a line are of no matter to it.
"""

from collections import Counter
from typing import Final

_TABLE: Final = frozenset({"table", "caption", "thead", "tbody", "tfoot", "tr", "td", "th"})
_PARAGRAPH_ENDS_NAMES: Final = (
    "address article aside blockquote center details dialog dir div dl fieldset figcaption figure footer form "
    "h1 h2 h3 h4 h5 h6 header hgroup hr main menu nav ol p pre section summary table ul li dd dt"
)
_PARAGRAPH_ENDS: Final = frozenset(_PARAGRAPH_ENDS_NAMES.split())
_TRACKED: Final = _TABLE | _PARAGRAPH_ENDS - {"hr"} | {"html", "head", "body", "option", "optgroup"}
_ENDED_BY: Final[dict[str, tuple[frozenset[str], frozenset[str]]]] = {
    tag: (frozenset(ended.split()), frozenset(bounds.split()) | {"table"})
    for tags, ended, bounds in (
        ("li", "li", "ul ol menu dir td th caption"),
        ("dd dt", "dd dt", "dl td th caption"),
        ("option optgroup", "option", "td th"),
        ("td th", "td th caption", ""),
        ("tr", "tr td th caption", ""),
        ("thead tbody tfoot", "thead tbody tfoot tr td th caption", ""),
        ("body", "head", ""),
    )
    for tag in tags.split()
}
"""Start tag → elements that end before it, elements it does not look beyond."""
_NOTHING: Final = (frozenset[str](), frozenset[str]())
_CELLS: Final = frozenset({"td", "th", "caption", "table"})
_NO_ENDS_OF_CELLS: Final = _TRACKED - _TABLE - {"html", "body"}
_SEALED: Final = frozenset({"template", "select", "object", "svg", "math", "iframe"})
"""Whatever is in these ends them as little as what is around them; only their own end tags do."""
_LOOKED_AT: Final = 200
"""Elements; nobody nests deeper, and a page made to take time takes none."""


class OpenElements:
    """Those around the place that is being read, and from which of them on everything is hidden."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._counts: Counter[str] = Counter()
        self._hidden_from: int | None = None

    @property
    def is_hidden(self) -> bool:
        """Whether the place lies in an element that is hidden."""
        return self._hidden_from is not None

    def begin(self, tag: str, *, is_hidden: bool) -> None:
        """Goes into an element; what ends where such a one begins has ended then."""
        if tag in _PARAGRAPH_ENDS:
            self._end_paragraph()
        self._end_before(tag)
        if is_hidden and self._hidden_from is None:
            self._hidden_from = len(self._open)
        elif tag not in _TRACKED and (self._hidden_from is None or tag != self._open[self._hidden_from]):
            return
        self._open.append(tag)
        self._counts[tag] += 1

    def end(self, tag: str) -> bool:
        """Leaves an element with all in it that have no end tag; whether it is the end of something that is shown.

        An end tag of none that is open ends nothing.
        """
        if self._hidden_from is None and tag not in _TRACKED:
            return True
        for index in self._from_the_top() if self._counts[tag] else ():
            name = self._open[index]
            if name == tag:
                is_shown = self._hidden_from is None or index < self._hidden_from
                self._cut(index)
                return is_shown
            # The end of what is around a table is no end of its cells.
            if name in _SEALED or (name in _CELLS and tag in _NO_ENDS_OF_CELLS):
                break
        return self._hidden_from is None

    def _end_before(self, tag: str) -> None:
        ended, bounds = _ENDED_BY.get(tag, _NOTHING)
        last: int | None = None
        for index in self._from_the_top() if ended else ():
            name = self._open[index]
            if name in ended:
                last = index
            elif name in bounds or name in _SEALED or (index == self._hidden_from and tag not in _TABLE):
                break
        if last is not None:
            self._cut(last)

    def _end_paragraph(self) -> None:
        for index in self._from_the_top():
            if self._open[index] == "p":
                self._cut(index)
                return
            if self._open[index] in _TRACKED or index == self._hidden_from:
                return

    def _from_the_top(self) -> range:
        return range(len(self._open) - 1, max(-1, len(self._open) - 1 - _LOOKED_AT), -1)

    def _cut(self, index: int) -> None:
        self._counts.subtract(self._open[index:])
        del self._open[index:]
        if self._hidden_from is not None and self._hidden_from >= index:
            self._hidden_from = None
