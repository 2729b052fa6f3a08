"""What kind of file something is: code that runs, prose that agents read, other text, or no text at all."""

import codecs
from typing import Final, Literal

Kind = Literal["code", "prose", "data", "binary"]
CODE: Final = frozenset(
    [
        "py",
        "pyw",
        "sh",
        "bash",
        "zsh",
        "fish",
        "ksh",
        "js",
        "mjs",
        "cjs",
        "ts",
        "mts",
        "jsx",
        "tsx",
        "rb",
        "pl",
        "php",
        "ps1",
        "psm1",
        "bat",
        "cmd",
        "lua",
        "go",
        "rs",
        "java",
        "kt",
        "c",
        "cc",
        "cpp",
        "h",
        "swift",
        "r",
        "jl",
        "scala",
        "groovy",
        "vbs",
        "awk",
        "applescript",
        "makefile",
        "dockerfile",
    ]
)
PROSE: Final = frozenset(["md", "markdown", "mdx", "txt", "rst", "adoc"])
_NATIVE: Final = (
    b"\x7fELF",
    b"MZ",
    b"\xfe\xed\xfa\xce",
    b"\xfe\xed\xfa\xcf",
    b"\xce\xfa\xed\xfe",
    b"\xcf\xfa\xed\xfe",
    b"\xca\xfe\xba\xbe",
)
_PROGRAMS: Final = frozenset(["exe", "dll", "so", "dylib", "com", "scr", "msi", "bin", "o", "a", "node"])
_COMPILED: Final = frozenset(
    ["pyc", "pyo", "class", "jar", "war", "wasm", "whl", "egg", "deb", "rpm", "apk", "dmg", "iso"]
)
_ARCHIVES: Final = frozenset(["zip", "gz", "tgz", "bz2", "xz", "7z", "rar", "tar", "zst"])
_MACROS: Final = frozenset(["docm", "xlsm", "pptm", "xlam", "dotm", "xltm"])
_ARCHIVE_MARKS: Final = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"7z\xbc\xaf", b"Rar!", b"\x28\xb5\x2f\xfd")


def suffix_of(path: str) -> str:
    """The last part of a name after its dot, lower-case; the whole name where there is none."""
    return path.rsplit("/", 1)[-1].rsplit(".", 1)[-1].lower()


def text_of(content: bytes) -> str | None:
    """The text of a file; None for what is no text."""
    for mark, encoding in ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16")):
        if content.startswith(mark):
            return content.decode(encoding, "replace")
    if b"\0" in content:
        return None
    return content.decode("utf-8", "replace")


def kind_of(path: str, content: bytes) -> Kind:
    """The kind of a text file, by its name and its first line."""
    suffix = suffix_of(path)
    if suffix in CODE or content.startswith(b"#!"):
        return "code"
    return "prose" if suffix in PROSE else "data"


def is_program(content: bytes) -> bool:
    """Whether a machine could run it as it is, by its first bytes."""
    return content.startswith(b"#!") or is_native(content)


def is_native(content: bytes) -> bool:
    """Machine code for some system."""
    return content.startswith(_NATIVE) and len(content) > 16 and b"\0" in content[:64]


def judge_binary(path: str, content: bytes) -> tuple[Literal["info", "medium", "high"], str] | None:
    """How bad a file is that is no text, and what it looks like; None: it is text under an ordinary name."""
    suffix = suffix_of(path)
    if is_native(content):
        return "high", "machine code"
    has_macros = suffix in _MACROS or (content.startswith(b"PK") and b"vbaProject.bin" in content)
    if has_macros:
        return "medium", "document with macros"
    if suffix in _COMPILED or (suffix in _PROGRAMS and b"\0" in content) or content.startswith(b"\0asm"):
        return "medium", "compiled code"
    if suffix in _ARCHIVES or content.startswith(_ARCHIVE_MARKS):
        return "medium", "archive inside the archive"
    if b"\0" not in content or text_of(content) is not None:
        return None
    if suffix in CODE or suffix in PROSE:
        return "medium", "no text under the name of one"
    return "info", "data that cannot be read as text"
