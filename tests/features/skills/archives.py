"""Skills as archives: good ones, and some that must be refused."""

import io
import stat
import tarfile
import warnings
import zipfile
from collections.abc import Sequence
from typing import Any

Entry = tuple[str | zipfile.ZipInfo, str | bytes]


def skill_md(name: str = "dates", description: str = "Formats dates.", body: str = "Do it.", extra: str = "") -> str:
    """The text of a `SKILL.md`."""
    return f"---\nname: {name}\ndescription: {description}\n{extra}---\n\n{body}\n"


def zipped(entries: dict[str, str | bytes] | Sequence[Entry]) -> bytes:
    """A ZIP; a list of pairs may repeat names."""
    packed = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        warnings.simplefilter("ignore")
        for path, content in entries.items() if isinstance(entries, dict) else entries:
            archive.writestr(path, content)
    return packed.getvalue()


def skill_zip(name: str = "dates", files: dict[str, str | bytes] | None = None, **more: Any) -> bytes:
    """A good skill at the root of a ZIP."""
    return zipped({"SKILL.md": skill_md(name, **more), **(files or {})})


def tarred(files: dict[str, str]) -> bytes:
    """The same as tar.gz."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for path, content in files.items():
            member = tarfile.TarInfo(path)
            member.size = len(content.encode())
            archive.addfile(member, io.BytesIO(content.encode()))
    return packed.getvalue()


def special(path: str, kind: int, content: str = "") -> Entry:
    """A link or a device as an entry."""
    info = zipfile.ZipInfo(path)
    info.create_system, info.external_attr = 3, (kind | 0o777) << 16
    return info, content


def program(path: str, content: str) -> Entry:
    """A file with its executable bit."""
    return special(path, stat.S_IFREG, content)


GOOD: Entry = ("SKILL.md", skill_md())
UNSAFE: dict[str, bytes] = {
    "path": zipped([GOOD, ("../evil.txt", "x")]),
    "path deep": zipped([GOOD, ("a/../../../evil.txt", "x")]),
    "path absolute": zipped([GOOD, ("/tmp/evil.txt", "x")]),
    "path drive": zipped([GOOD, ("C:\\evil.txt", "x")]),
    "link": zipped([GOOD, special("etc", stat.S_IFLNK, "/etc")]),
    "link beside the skill": zipped([("dates/SKILL.md", skill_md()), special("etc", stat.S_IFLNK, "/etc")]),
    "device": zipped([GOOD, special("null", stat.S_IFCHR)]),
    "duplicate": zipped([GOOD, ("twice.txt", "a"), ("twice.txt", "b")]),
    "duplicate case": zipped([GOOD, ("Read.txt", "a"), ("read.TXT", "b")]),
    "duplicate composed": zipped([GOOD, ("caf\u00e9.txt", "a"), ("cafe\u0301.txt", "b")]),
    "duplicate folder": zipped([GOOD, ("a", "a"), ("A/b", "b")]),
    "name reserved": zipped([GOOD, ("NUL.txt", "x")]),
    "name colon": zipped([GOOD, ("ab:c", "x")]),
    "nesting": zipped([GOOD, ("/".join("d" * 30) + "/x.txt", "x")]),
    "ratio": zipped([GOOD, ("zeros.bin", b"\0" * (15 << 20))]),
    "entries": zipped([GOOD, *((f"f{number}.txt", "") for number in range(1001))]),
}
"""First word of the name: the reason that is told."""
