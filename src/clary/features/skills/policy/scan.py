"""The scan of a skill before it is installed (product.md 7.2): reads, executes nothing, gives findings."""

import re
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Final

from clary.features.skills.policy import hidden
from clary.features.skills.policy.findings import LEVELS, Finding, FindingList, Level, Rule, shown
from clary.features.skills.policy.kinds import Kind, judge_binary, kind_of, text_of
from clary.features.skills.policy.patterns import ADDRESS, BLOB, CONTACT, GATES, SENDS, SIGNATURES, Signature

CHUNK: Final = 128 * 1024
"""Characters looked at in one go, so that the rest of the process gets its turn in between."""
_OVERLAP: Final = 2048
_MOST_MARKS: Final = 500
_NOT_CONTACTED: Final = re.compile(
    r"(?:localhost|.*\.local|.*\.test|.*\.invalid|.*\.localhost|(?:.*\.)?example(?:\.\w+)?|[\d.]+|(?:www\.)?w3\.org|"
    r"schemas\.\w+\.\w+|purl\.org|(?:www\.)?json-schema\.org|json\.schemastore\.org|docs\..*|"
    r"xmlns\..*|ns\.\w+\.com)",
    re.I,
)
"""Hosts that stand for places, name spaces or documentation."""
_KNOWN_TOOLS: Final = {
    "execute_shell_command": ("bash", "shell"),
    "execute_python_code": ("python", "bash", "shell"),
    "execute_javascript_code": ("node", "bash", "shell"),
    "file_read": ("read", "glob", "grep"),
    "file_write": ("write",),
    "file_update": ("edit", "multiedit", "write"),
    "fetch_webpages": ("webfetch",),
    "search_web_page": ("websearch",),
    "sys_spawn_agent": ("task",),
    "sys_delegate_task": ("task",),
}
"""Tools of this server, and other names under which a skill may declare them."""


class Scanner:
    """Looks at the files of one skill, one after the other. What it declares is what it may use without a finding."""

    def __init__(self, *, tools: Sequence[str], hosts: Sequence[str]) -> None:
        self._tools = frozenset(tool.split("(")[0].lower() for tool in tools)
        self._hosts = tuple(host.lower() for host in hosts)
        self._found = FindingList()
        self._told_hosts: set[str] = set()

    def look_at(self, path: str, content: bytes) -> None:
        """Adds what there is to say about one file."""
        binary = judge_binary(path, content)
        if binary is not None:
            level, what = binary
            self._found.add(Finding("binary", level, path, 0, what))
        text = text_of(content)
        if text is None:
            return
        kind = kind_of(path, content)
        for first_line, part in _parts(text):
            _Look(self._found, path, kind, first_line, part).all()
            self._look_for_hosts(path, kind, first_line, part)
        self._look_for_tools(path, kind, text)
        self._join_reading_and_sending(path, kind, text)

    def findings(self) -> list[Finding]:
        """All that was found, the worst first."""
        return self._found.result()

    def _look_for_hosts(self, path: str, kind: Kind, first_line: int, text: str) -> None:
        if kind not in ("code", "prose"):
            return
        for match in (ADDRESS if kind == "code" else CONTACT).finditer(text):
            start = match.start() if kind == "code" else match.end() - len("https://")
            address = ADDRESS.search(text[start : start + 300])
            host = (address.expand(r"\1") if address else "").lower().strip(".")
            if not host or host in self._told_hosts or _NOT_CONTACTED.fullmatch(host) or self._is_declared(host):
                continue
            self._told_hosts.add(host)
            # Few skills declare anything; one that does means it.
            level: Level = "medium" if self._hosts else "info"
            line = first_line + text.count("\n", 0, start)
            self._found.add(Finding("undeclared_permission", level, path, line, shown(f"host {host}")))

    def _is_declared(self, host: str) -> bool:
        return any(
            host == each or (each.startswith("*.") and host.endswith(each[1:])) or host.endswith(f".{each}")
            for each in self._hosts
        )

    def _look_for_tools(self, path: str, kind: Kind, text: str) -> None:
        if not self._tools or kind != "prose":
            return
        for tool, others in _KNOWN_TOOLS.items():
            place = text.find(tool)
            if place >= 0 and tool not in self._tools and not self._tools.intersection(others):
                line = 1 + text.count("\n", 0, place)
                self._found.add(Finding("undeclared_permission", "medium", path, line, shown(f"tool {tool}")))

    def _join_reading_and_sending(self, path: str, kind: Kind, text: str) -> None:
        """A program that reads secrets and talks to the network: each alone may be harmless."""
        reads = any(
            each.file == path and each.rule == "credential_access" and each.level != "info"
            for each in self._found.result()
        )
        sends = SENDS.search(text) if reads and kind == "code" else None
        if sends is not None:
            line, excerpt = _line_at(text, sends.start())
            self._found.add(Finding("exfiltration", "high", path, line, excerpt))


class _Look:
    """One part of one text file."""

    def __init__(self, found: FindingList, path: str, kind: Kind, first_line: int, text: str) -> None:
        self._found = found
        self._path = path
        self._kind: Kind = kind
        self._first_line = first_line
        self._text = text

    def all(self) -> None:
        open_rules = {rule for rule, words in GATES.items() if words.search(self._text) is not None}
        for signature in SIGNATURES:
            level = _level_in(signature, self._kind) if signature.rule in open_rules else None
            if level is not None and not self._found.is_full(signature.rule, level, self._path):
                match = signature.pattern.search(self._text)
                if match is not None:
                    self._add(signature.rule, level, match.start())
        for place, level in islice(hidden.find_invisible(self._text), _MOST_MARKS):
            self._add("hidden_text", level, place)
        if self._kind == "prose":
            for place, level in islice(hidden.find_unrendered(self._text), _MOST_MARKS):
                self._add("hidden_text", level, place)
        self._look_for_blobs()

    def _look_for_blobs(self) -> None:
        match = BLOB.search(self._text)
        if match is None or self._kind == "data":
            return
        # Pictures and fonts stand in documents like this.
        if "base64," not in self._text[max(0, match.start() - 80) : match.start()]:
            self._add("obfuscation", "medium", match.start())

    def _add(self, rule: Rule, level: Level, place: int) -> None:
        if not self._found.is_full(rule, level, self._path):
            line, excerpt = _line_at(self._text, place)
            self._found.add(Finding(rule, level, self._path, self._first_line - 1 + line, excerpt))


def _level_in(signature: Signature, kind: Kind) -> Level | None:
    if kind == "code":
        return signature.code
    if kind == "prose":
        return signature.prose
    if signature.code is None or signature.prose is None:
        return None
    return signature.code if LEVELS.index(signature.code) < LEVELS.index(signature.prose) else signature.prose


def _line_at(text: str, place: int) -> tuple[int, str]:
    start = text.rfind("\n", 0, place) + 1
    end = text.find("\n", place)
    line = text[max(start, place - 60) : len(text) if end < 0 else end]
    return 1 + text.count("\n", 0, place), shown(line)


def _parts(text: str) -> Iterator[tuple[int, str]]:
    """(number of the first line, part); parts overlap, so that nothing hides on a border."""
    start, line = 0, 1
    while True:
        end = min(len(text), start + CHUNK)
        yield line, text[start:end]
        if end == len(text):
            return
        line += text.count("\n", start, end - _OVERLAP)
        start = end - _OVERLAP
