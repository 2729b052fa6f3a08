"""Tool approval: what a call is about to do, whether a person must allow it, and what is asked (9.13)."""

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any, Literal

from clary.kit.linear_regex import LinearPattern
from clary.kit.text import Text
from clary.runtime.messages import Effect

Json = dict[str, Any]
ApprovalMode = Literal["auto", "risky", "always"]
Decision = Literal["approve", "deny", "expired"]
RiskyCategory = Literal["pay", "send", "delete", "install", "outside_workspace", "network"]
Category = RiskyCategory | Effect

APPROVAL_SECONDS = 600.0
RISKY: tuple[RiskyCategory, ...] = ("pay", "send", "delete", "install", "outside_workspace", "network")
"""The most serious first."""
MODES: tuple[ApprovalMode, ...] = ("auto", "risky", "always")
"""From lenient to strict."""
STATUS_OF: dict[str, str] = {"approve": "approved", "deny": "denied", "expired": "expired"}

SHELL = "execute_shell_command"
CODE = frozenset({"execute_python_code", "execute_javascript_code"})
NETWORK_TOOLS = frozenset({"fetch_webpages", "search_web_page", "search_image_from_web", "generate_image"})
SANDBOXED = frozenset(
    {SHELL, *CODE, "file_read", "file_write", "file_update", "apply_patch", "list_dir", "glob", "grep"}
)
OWN_SERVICES = frozenset({"add_task", "update_task", "enable_task", "complete_task"})
"""Act on what the person has here; they leave the sandbox, but not the server."""
PATH_ARGUMENTS = ("file_path", "path", "workdir", "image_path", "output_path")

_WORDS: dict[str, RiskyCategory] = {
    **dict.fromkeys(("pay", "payment", "payments", "purchase", "buy", "order", "checkout", "charge", "refund"), "pay"),
    **dict.fromkeys(("transfer", "invoice", "money"), "pay"),
    **dict.fromkeys(("send", "mail", "email", "sms", "post", "publish", "reply", "forward", "notify"), "send"),
    **dict.fromkeys(("message", "tweet", "comment", "share"), "send"),
    **dict.fromkeys(("delete", "remove", "drop", "destroy", "purge", "erase", "truncate", "wipe"), "delete"),
    **dict.fromkeys(("uninstall", "revoke"), "delete"),
    "install": "install",
}
"""Words in the name of a tool from outside."""
_PROGRAMS: dict[RiskyCategory, str] = {
    "send": r"\b(sendmail|mailx?|mutt|msmtp|swaks|smtplib|nodemailer)\b|\bgit\s[^\n;|&]*\bpush\b",
    "delete": r"\b(rm|rmdir|unlink|shred|mkfs|rmtree|rmSync|unlinkSync|rimraf|truncate)\b|\bfind\b[^\n;|&]*\s-delete\b"
    r"|\bgit\s+(clean|reset\s+--hard)\b|\b(os|fs|path)\.(remove|removedirs|rm)\b",
    "install": r"\b(pip3?|uv|pipx|npm|pnpm|yarn|bun|apt|apt-get|aptitude|dnf|yum|apk|brew|cargo|gem|go|conda|snap)"
    r"\s[^\n;|&]*\b(install|add|i|ci|get)\b|\bpacman\s[^\n;|&]*-S|\b(npx|uvx|ensurepip)\b",
    "network": r"https?://|\b(curl|wget|ssh|scp|sftp|ftp|rsync|telnet|nc|ncat|netcat|ping|dig|nslookup|socat)\b"
    r"|\bgit\s[^\n;|&]*\b(clone|fetch|pull|ls-remote)\b|\bfetch\s*\("
    r"|\b(requests|urllib\d?|http\.client|httpx2?|aiohttp|socket|axios|XMLHttpRequest|WebSocket)\b",
}
"""What a program or a command line says about itself. Words in a text or a comment count too: to ask once too often is
the harmless mistake."""
_PATTERNS: dict[RiskyCategory, LinearPattern] = {
    category: LinearPattern(pattern) for category, pattern in _PROGRAMS.items()
}
_BETWEEN_WORDS = re.compile(r"[\s'\"`;|&<>()$,=\[\]{}]+")
_HARMLESS_PATH = re.compile(
    r"/(?:sage-)?workspace(?:/|$)|/tmp(?:/|$)|/dev/(?:null|stdin|stdout|stderr|tty)$|/(?:usr/(?:local/)?)?s?bin/|/+$"
)
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def command_hash(tool_name: str, arguments: Mapping[str, Any]) -> str:
    """SHA-256 over the tool's name, a line feed, and the final arguments as JSON with sorted keys and no blanks."""
    text = json.dumps(arguments, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(f"{tool_name}\n{text}".encode()).hexdigest()


def command_of(tool_name: str, arguments: Mapping[str, Any]) -> str:
    """What a person is shown: the command, the program, or the arguments; whole, because nothing may hide in a cut."""
    if tool_name == SHELL:
        return str(arguments.get("command", ""))
    if tool_name in CODE:
        return str(arguments.get("code", ""))
    return json.dumps(arguments, ensure_ascii=False, indent=2)


def needs_approval(mode: ApprovalMode, effect: Effect, category: Category) -> bool:
    """Whether a person is asked: in `risky` by category, in `always` also for every call that changes something."""
    if category in RISKY:
        return mode != "auto"
    return mode == "always" and effect != "read"


def category_of(tool_name: str, arguments: Mapping[str, Any], effect: Effect) -> Category:
    """What a call is about to do, the most serious thing first: pay, send, delete, install, outside_workspace, network.

    Programs and command lines are judged by their text, files by their paths, tools from outside by their name; one of
    those that is nothing else goes over the network as soon as it changes something. Anything else is its effect.
    A judgement from words: it decides who is asked, never what is possible; that is the sandbox's part.
    """
    if tool_name == SHELL or tool_name in CODE:
        return _category_of_program(command_of(tool_name, arguments), arguments, effect)
    if tool_name in SANDBOXED:
        return _category_of_file_call(arguments, effect)
    if tool_name in NETWORK_TOOLS:
        return "network"
    if effect == "read" or tool_name in OWN_SERVICES:
        return effect
    words = {word for part in re.split(r"[^A-Za-z0-9]+", tool_name) for word in _CAMEL.sub(" ", part).lower().split()}
    found: set[RiskyCategory] = {_WORDS[word] for word in words & _WORDS.keys()}
    return _most_serious(found, "network" if effect == "external" else effect)


def _category_of_program(text: str, arguments: Mapping[str, Any], effect: Effect) -> Category:
    found: set[RiskyCategory] = {category for category, pattern in _PATTERNS.items() if pattern.search(text)}
    if _leaves_workspace(text) or _is_outside(str(arguments.get("workdir") or "/workspace")):
        found.add("outside_workspace")
    return _most_serious(found, effect)


def _most_serious(found: set[RiskyCategory], otherwise: Category) -> Category:
    return min(found, key=RISKY.index) if found else otherwise


def _category_of_file_call(arguments: Mapping[str, Any], effect: Effect) -> Category:
    patch = str(arguments.get("patch") or "")
    if re.search(r"^\*\*\* Delete File:", patch, re.MULTILINE):
        return "delete"
    paths = [str(arguments[name]) for name in PATH_ARGUMENTS if arguments.get(name)]
    paths += re.findall(r"^\*\*\* (?:Add|Update|Delete) File: *(.*)$", patch, re.MULTILINE)
    return "outside_workspace" if any(_is_outside(path) for path in paths) else effect


def _leaves_workspace(text: str) -> bool:
    return any(_is_outside(word) for word in _BETWEEN_WORDS.split(text) if "://" not in word)


def _is_outside(path: str) -> bool:
    if ".." in path.split("/") or path == "~" or path.startswith("~/"):
        return True
    return path.startswith("/") and not _HARMLESS_PATH.match(path)


REASONS: dict[str, Text] = {
    "pay": Text("该调用可能付款或转账", "The call may pay or transfer money"),
    "send": Text("该调用可能向外发送内容", "The call may send something to others"),
    "delete": Text("该调用可能删除内容", "The call may delete something"),
    "install": Text("该调用可能安装软件", "The call may install software"),
    "outside_workspace": Text("该调用涉及工作区之外的路径", "The call concerns paths outside the workspace"),
    "network": Text("该调用可能访问网络", "The call may use the network"),
    "external": Text("该调用可能产生外部影响", "The call may have effects outside"),
    "write": Text("该调用会修改内容", "The call changes something"),
    "read": Text("该调用会读取内容", "The call reads something"),
}
"""Why somebody is asked, by category."""
HINT = Text("请在 10 分钟内批准或拒绝；超时视为拒绝", "Approve or deny within 10 minutes; no answer counts as denial")
_TITLE = Text("是否允许调用 {tool}？", "Allow the call of {tool}?")
_ALLOW = Text("允许", "Approve")
_DENY = Text("拒绝", "Deny")


def approval_form(tool_name: str, command: str, category: str, locale: Literal["zh-CN", "en-US"]) -> Json:
    """Arguments of the `questionnaire` call that asks a client without approval lines."""
    reason = REASONS[category].render(locale)
    options = [{"label": _ALLOW.render(locale), "value": "approve"}, {"label": _DENY.render(locale), "value": "deny"}]
    question = {
        "id": "decision",
        "type": "single_choice",
        "title": f"{reason}\n\n{command}",
        "options": options,
        "default": "deny",
    }
    return {
        "title": _TITLE.fill(tool=tool_name).render(locale),
        "questions": [question],
        "wait_time": int(APPROVAL_SECONDS) - 10,
        "questionnaire_kind": "general",
    }


def decision_of(answers: Mapping[str, Any]) -> Decision:
    """What the answers to `approval_form` decide; anything but an approval is a denial."""
    return "approve" if answers.get("decision") == "approve" else "deny"
