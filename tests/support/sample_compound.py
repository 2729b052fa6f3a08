"""Writes compound files (the container of old Office files and of encrypted ones), and what lies in them."""

import struct
from collections.abc import Mapping
from typing import Final

SECTOR: Final = 512
MINI: Final = 64
CUTOFF: Final = 4096
END, FREE, FAT_SECTOR = 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD
Tree = Mapping[str, "bytes | Tree"]


class _Entry:
    def __init__(self, name: str, kind: int, content: bytes = b"") -> None:
        self.name, self.kind, self.content = name, kind, content
        self.left = self.right = self.child = FREE
        self.start, self.size = END, len(content)

    def packed(self) -> bytes:
        name = self.name.encode("utf-16-le")
        return struct.pack(
            "<64sHBBIII16sIQQIQ", name, len(name) + 2, self.kind, 1, self.left, self.right, self.child,
            b"", 0, 0, 0, self.start, self.size,
        )  # fmt: skip


def compound(tree: Tree) -> bytes:
    """A compound file of streams (bytes) and storages (mappings)."""
    entries = [_Entry("Root Entry", 5)]
    entries[0].child = _add(entries, tree)
    sectors: list[bytes] = []
    fat: list[int] = []

    def store(content: bytes) -> int:
        count = -(-len(content) // SECTOR)
        first = len(sectors)
        for index in range(count):
            sectors.append(content[index * SECTOR : (index + 1) * SECTOR].ljust(SECTOR, b"\0"))
            fat.append(first + index + 1 if index < count - 1 else END)
        return first if count else END

    mini, mini_fat = b"", list[int]()
    for entry in entries[1:]:
        if entry.kind != 2:
            entry.start, entry.size = 0, 0
        elif entry.size >= CUTOFF:
            entry.start = store(entry.content)
        elif entry.size:
            entry.start = len(mini) // MINI
            count = -(-entry.size // MINI)
            mini += entry.content.ljust(count * MINI, b"\0")
            mini_fat.extend([*range(entry.start + 1, entry.start + count), END])
    entries[0].start, entries[0].size = store(mini), len(mini)
    mini_fat_start = store(struct.pack(f"<{len(mini_fat)}I", *mini_fat).ljust(SECTOR, b"\xff")) if mini_fat else END
    mini_fat_count = -(-len(mini_fat) * 4 // SECTOR)
    directory = b"".join(entry.packed() for entry in entries)
    directory_start = store(directory + _Entry("", 0).packed() * (-len(entries) % 4))
    fat_count = 1
    while (len(sectors) + fat_count) * 4 > fat_count * SECTOR:
        fat_count += 1
    fat_start = len(sectors)
    table = struct.pack(f"<{len(fat) + fat_count}I", *fat, *[FAT_SECTOR] * fat_count)
    places = list(range(fat_start, fat_start + fat_count))
    header = struct.pack(
        "<8s16sHHHHH6sIIIIIIIIII", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6, b"", 0, fat_count,
        directory_start, 0, CUTOFF, mini_fat_start, mini_fat_count, END, 0, places[0],
    )[:76] + struct.pack("<109I", *places, *[FREE] * (109 - fat_count))  # fmt: skip
    return header + b"".join(sectors) + table.ljust(fat_count * SECTOR, b"\xff")


def _add(entries: list[_Entry], tree: Tree) -> int:
    """Adds a level as a balanced tree; answers its root."""
    names = sorted(tree, key=lambda name: (len(name), name.upper()))
    numbers: list[int] = []
    for name in names:
        content = tree[name]
        entry = _Entry(name, 2, content) if isinstance(content, bytes) else _Entry(name, 1)
        numbers.append(len(entries))
        entries.append(entry)
        if not isinstance(content, bytes):
            entry.child = _add(entries, content)

    def balanced(low: int, high: int) -> int:
        if low >= high:
            return FREE
        middle = (low + high) // 2
        entry = entries[numbers[middle]]
        entry.left, entry.right = balanced(low, middle), balanced(middle + 1, high)
        return numbers[middle]

    return balanced(0, len(numbers))


def doc(pieces: list[str | bytes], *, flags: int = 0, first_property: bytes = b"") -> bytes:
    """A Word 97 file. Each piece is UTF-16 (`str`) or code page 1252 (`bytes`); the last one ends with `\\r`."""
    place = 2048
    text, descriptors, positions = b"", b"", [0]
    for piece in pieces:
        if isinstance(piece, bytes):
            descriptors += struct.pack("<HIH", 0, (place + len(text)) * 2 | 0x40000000, 0)
            text += piece
        else:
            descriptors += struct.pack("<HIH", 0, place + len(text), 0)
            text += piece.encode("utf-16-le")
        positions.append(positions[-1] + len(piece))
        text += b"\0" * (len(text) % 2)
    table = struct.pack(f"<{len(positions)}I", *positions) + descriptors
    clx = first_property + b"\x02" + struct.pack("<I", len(table)) + table
    fib = bytearray(place)
    struct.pack_into("<HHHHHH", fib, 0, 0xA5EC, 0xC1, 0, 0x804, 0, 0x0200 | flags)
    struct.pack_into("<I", fib, 0x4C, positions[-1])
    struct.pack_into("<II", fib, 0x01A2, 16, len(clx))
    return compound({"WordDocument": (bytes(fib) + text).ljust(CUTOFF, b"\0"), "1Table": (b"\0" * 16 + clx)})


def word_95(text: str) -> bytes:
    """A Word 95 file: one run of bytes in the code page of Chinese."""
    content = text.encode("gb18030")
    fib = bytearray(1024)
    struct.pack_into("<HH", fib, 0, 0xA5DC, 0x68)
    struct.pack_into("<II", fib, 0x18, len(fib), len(fib) + len(content))
    return compound({"WordDocument": (bytes(fib) + content).ljust(CUTOFF, b"\0")})


def _record(kind: int, content: bytes) -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _wide(text: str, size: str) -> bytes:
    return struct.pack(size, len(text)) + b"\x01" + text.encode("utf-16-le")


def xls(sheets: Mapping[str, list[list[str | float]]], *, is_encrypted: bool = False) -> bytes:
    """An Excel 97 workbook of texts and numbers."""
    strings = sorted({cell for rows in sheets.values() for row in rows for cell in row if isinstance(cell, str)})
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 5, 0x0DBB, 0x07CC, 0, 6))
    begin += _record(0x2F, struct.pack("<HHH16s16s16s", 1, 1, 1, b"a" * 16, b"b" * 16, b"c" * 16)) * is_encrypted
    begin += _record(0x42, struct.pack("<H", 1200))
    shared = _record(
        0xFC, struct.pack("<II", len(strings), len(strings)) + b"".join(_wide(text, "<H") for text in strings)
    )
    bodies = [_sheet(rows, strings) for rows in sheets.values()]
    size = len(begin) + sum(4 + 6 + 2 + 2 * len(name) for name in sheets) + len(shared) + 4
    bounds = b""
    for name, body in zip(sheets, bodies, strict=True):
        bounds += _record(0x85, struct.pack("<IH", size, 0) + _wide(name, "<B"))
        size += len(body)
    return compound(
        {"Workbook": (begin + bounds + shared + _record(0x0A, b"") + b"".join(bodies)).ljust(CUTOFF, b"\0")}
    )


def _sheet(rows: list[list[str | float]], strings: list[str]) -> bytes:
    cells = b""
    for r, row in enumerate(rows):
        for c, cell in enumerate(row):
            if isinstance(cell, str):
                cells += _record(0xFD, struct.pack("<HHHI", r, c, 0, strings.index(cell)))
            else:
                cells += _record(0x203, struct.pack("<HHHd", r, c, 0, cell))
    widest = max(map(len, rows), default=0)
    begin = _record(0x809, struct.pack("<HHHHII", 0x600, 0x10, 0x0DBB, 0x07CC, 0, 6))
    return begin + _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, widest, 0)) + cells + _record(0x0A, b"")


def _container(kind: int, *children: bytes, instance: int = 0) -> bytes:
    content = b"".join(children)
    return struct.pack("<HHI", instance << 4 | 0xF, kind, len(content)) + content


def _atom(kind: int, content: bytes, instance: int = 0) -> bytes:
    return struct.pack("<HHI", instance << 4, kind, len(content)) + content


def ppt(slides: list[tuple[str, str]]) -> bytes:
    """A PowerPoint 97 file: title and text of each slide, the text in its drawing."""
    persists: dict[int, bytes] = {}
    listed = b""
    for number, (title, text) in enumerate(slides, 2):
        listed += _atom(0x03F3, struct.pack("<IIiII", number, 0, 1, 255 + number, 0))
        listed += _atom(0x0F9F, struct.pack("<I", 0)) + _atom(0x0FA0, title.encode("utf-16-le"))
        body = _atom(0x0F9F, struct.pack("<I", 1)) + (
            _atom(0x0FA8, text.encode("ascii")) if text.isascii() else _atom(0x0FA0, text.encode("utf-16-le"))
        )
        persists[number] = _container(0x03EE, _container(0x040C, _container(0xF002, _container(0xF00D, body))))
    persists[1] = _container(0x03E8, _container(0x0FF0, listed, instance=0))
    stream, offsets = b"", list[int]()
    for number in sorted(persists):
        offsets.append(len(stream))
        stream += persists[number]
    directory = len(stream)
    stream += _atom(0x1772, struct.pack(f"<I{len(offsets)}I", 1 | len(offsets) << 20, *offsets))
    edit = len(stream)
    stream += _atom(0x0FF5, struct.pack("<IHBBIIIIHH", 0, 0, 0, 3, 0, directory, 1, len(slides) + 2, 1, 0))
    user = _atom(0x0FF6, struct.pack("<IIIHHBBH", 20, 0xE391C05F, edit, 0, 0x03F4, 3, 0, 0) + b"\0\0\0\0")
    return compound({"PowerPoint Document": stream.ljust(CUTOFF, b"\0"), "Current User": user})


def msg(
    subject: str,
    body: str,
    attachments: Mapping[str, bytes] | None = None,
    inner: bytes | None = None,
    inner_attachments: Mapping[str, bytes] | None = None,
    page: bytes | None = None,
) -> bytes:
    """An Outlook message."""

    def text(tag: str, value: str) -> tuple[str, bytes]:
        return f"__substg1.0_{tag}001F", value.encode("utf-16-le")

    properties = {"__properties_version1.0": b"\0" * 32}
    tree: dict[str, bytes | Tree] = {
        **properties,
        **dict([text("0037", subject), text("1000", body), text("0C1A", "张三"), text("0C1F", "zhang@example.com")]),
        **dict([text("0E04", "李四")]),
        **({} if page is None else {"__substg1.0_10130102": page}),
    }

    def attached(files: Mapping[str, bytes] | None) -> dict[str, bytes | Tree]:
        return {
            f"__attach_version1.0_#{number:08X}": {
                **properties,
                **dict([text("3707", name)]),
                "__substg1.0_37010102": content,
            }
            for number, (name, content) in enumerate((files or {}).items())
        }

    tree |= attached(attachments)
    if inner is not None:
        tree["__attach_version1.0_#000000FF"] = {
            **properties,
            **dict([text("3001", "inner")]),
            "__substg1.0_3701000D": {
                **properties,
                **dict([text("0037", "内部邮件"), text("1000", inner.decode())]),
                **attached(inner_attachments),
            },
        }
    return compound(tree)
