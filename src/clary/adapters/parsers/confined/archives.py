"""ZIP files and the XML in them, opened with care: nothing is unpacked before it is known how much it is."""

import io
import posixpath
import re
import zipfile
import zlib
from collections.abc import Iterator
from typing import IO, Final
from xml.etree import ElementTree
from xml.etree.ElementTree import Element

from clary.adapters.parsers.confined.limits import MEGABYTE, Limits
from clary.features.knowledge.ports import DocumentRefusedError

_SMALL: Final = 8 * MEGABYTE
"""Below this, a ratio says nothing: empty sheets compress a thousandfold."""
_ENTITY: Final = re.compile(rb"<\0?!\0?E\0?N\0?T\0?I\0?T\0?Y")
_LONGEST_MARK: Final = 16


class Archive:
    """A ZIP file whose claims were checked; what an entry really unpacks to is bounded by its claim."""

    def __init__(self, content: bytes, limits: Limits) -> None:
        try:
            self._file = zipfile.ZipFile(io.BytesIO(content))
        except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError):
            raise DocumentRefusedError("damaged") from None
        entries = self._file.infolist()
        self.names = {entry.filename for entry in entries}
        total = sum(entry.file_size for entry in entries)
        is_bomb = total > _SMALL and total > limits.max_expansion * max(1, len(content))
        if is_bomb or total > limits.max_unpacked_bytes or len(entries) > limits.max_entries:
            raise DocumentRefusedError("too_large")
        if any(entry.flag_bits & 1 for entry in entries):
            raise DocumentRefusedError("encrypted")
        self._left = limits.max_unpacked_bytes
        """Two entries may lie on the same bytes, so what is read is counted too."""

    def read(self, name: str) -> bytes:
        """An entry.

        Raises:
            DocumentRefusedError: `damaged`, if it is missing or broken.
        """
        try:
            entry = self._file.getinfo(name)
            self._left -= entry.file_size
            if self._left < 0:
                raise DocumentRefusedError("too_large")
            return self._file.read(entry)
        except (KeyError, zipfile.BadZipFile, zlib.error, EOFError, OSError, NotImplementedError, RuntimeError):
            raise DocumentRefusedError("damaged") from None

    def open(self, name: str) -> IO[bytes]:
        """An entry as XML that has no entities of its own."""
        return _PlainXml(self.read(name))

    def tree(self, name: str) -> Element:
        """An entry as an XML tree."""
        return parsed(self.open(name))

    def relations(self, name: str) -> dict[str, str]:
        """Names of the entries an Office part refers to, by the ids it uses; links to the outside are left out."""
        folder, _, file = name.rpartition("/")
        path = f"{folder}/_rels/{file}.rels" if folder else f"_rels/{file}.rels"
        if path not in self.names:
            return {}
        return {
            relation.get("Id", ""): resolved(folder, relation.get("Target", ""))
            for relation in self.tree(path)
            if relation.get("TargetMode") != "External"
        }


def resolved(folder: str, target: str) -> str:
    """The name of an entry by a reference from a folder."""
    return posixpath.normpath(posixpath.join("/", folder, target)).lstrip("/")


class _PlainXml(io.BytesIO):
    """Declared entities are refused unread: nothing is expanded and nothing fetched."""

    def __init__(self, content: bytes) -> None:
        if _ENTITY.search(content):
            raise DocumentRefusedError("damaged")
        super().__init__(content)


def parsed(source: IO[bytes]) -> Element:
    """A whole tree.

    Raises:
        DocumentRefusedError: `damaged`.
    """
    try:
        return ElementTree.parse(source).getroot()  # noqa: S314 - entities are refused by _PlainXml
    except (ElementTree.ParseError, ValueError, LookupError):
        raise DocumentRefusedError("damaged") from None


def children_of(source: IO[bytes], *containers: str) -> Iterator[Element]:
    """Each child of the first element of these names, one at a time: the tree is forgotten as it goes.

    Raises:
        DocumentRefusedError: `damaged`.
    """
    depth = inside = 0
    container: Element | None = None
    try:
        for event, element in ElementTree.iterparse(source, ("start", "end")):  # noqa: S314
            if event == "start":
                depth += 1
                if container is None and tag_of(element) in containers:
                    container, inside = element, depth
                continue
            if container is not None and depth == inside + 1:
                yield element
                container.clear()
            elif element is container:
                container = None
                inside = 0
            depth -= 1
    except (ElementTree.ParseError, ValueError, LookupError):
        raise DocumentRefusedError("damaged") from None


def tag_of(element: Element) -> str:
    """The name without its namespace."""
    return element.tag.rpartition("}")[2]


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its name without namespace."""
    for key, value in element.attrib.items():
        if key.rpartition("}")[2] == name:
            return value
    return None


def whole_number(text: str | None, *, digits: int) -> int | None:
    """A number of at most so many digits; None: it is none. `²` and `①` are digits to Python, but no numbers."""
    if text is None or len(text) > digits or not (text.isascii() and text.isdecimal()):
        return None
    return int(text)


def first(element: Element | None, *path: str) -> Element | None:
    """The first child on a path of names without namespaces."""
    for name in path:
        if element is None:
            return None
        element = next((child for child in element if tag_of(child) == name), None)
    return element
