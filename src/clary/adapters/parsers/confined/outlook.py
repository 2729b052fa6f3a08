"""Outlook messages (`.msg`): properties of [MS-OXMSG] by olefile."""

from typing import Final

from clary.adapters.parsers.confined.compound import CompoundFile, opened
from clary.adapters.parsers.confined.decoding import decoded
from clary.adapters.parsers.confined.drafting import TextDraft
from clary.adapters.parsers.confined.html_page import add_page
from clary.adapters.parsers.confined.limits import Limits
from clary.adapters.parsers.confined.mail import (
    Attachment,
    Reader,
    add_attachments,
    add_headers,
    list_attachments,
    part_of_mail,
)
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

_SUBJECT: Final = "0037"
_BODY: Final = "1000"
_HTML: Final = "1013"
_SENDER: Final = ("0C1A", "0C1F", "5D01")
_TO: Final = "0E04"
_CC: Final = "0E03"
_DATA: Final = "3701"
_NAMES: Final = ("3707", "3704", "3001")
_ATTACHED: Final = "__attach_version1.0_"


def read_msg(content: bytes, limits: Limits, depth: int, read: Reader) -> ParsedDocument:
    """A message with its attachments.

    Raises:
        DocumentRefusedError
    """
    draft = TextDraft(limits)
    with opened(content) as file:
        return _add_message(draft, _Message(file, ()), depth, read)


class _Message:
    """A storage with a message's properties: the file itself, or a message inside it."""

    def __init__(self, file: CompoundFile, path: tuple[str, ...]) -> None:
        self._file = file
        self._path = path

    def content(self, tag: str, *kinds: str) -> bytes | None:
        """The bytes of a property in the first of these kinds."""
        for kind in kinds:
            found = self._file.stream(*self._path, f"__substg1.0_{tag}{kind}")
            if found is not None:
                return found
        return None

    def text(self, *tags: str) -> str:
        """The first of these properties that is there, as text."""
        for tag in tags:
            wide = self.content(tag, "001F")
            if wide:
                return wide.decode("utf-16-le", "replace")
            narrow = self.content(tag, "001E")
            if narrow:
                found = decoded(narrow)
                return found.text if found is not None else ""
        return ""

    def data(self) -> bytes:
        """The file that an attachment is."""
        return self.content(_DATA, "0102") or b""

    def below(self, *names: str) -> "_Message":
        return _Message(self._file, (*self._path, *names))

    def attachments(self) -> list["_Message"]:
        return [self.below(name) for name in self._file.storages(self._path) if name.startswith(_ATTACHED)]

    def has_message(self) -> bool:
        return self._file.has(*self._path, f"__substg1.0_{_DATA}000D", "__properties_version1.0")


def _add_message(draft: TextDraft, message: _Message, depth: int, read: Reader) -> ParsedDocument:
    sender = " ".join(filter(None, (message.text("0C1A"), f"<{message.text(*_SENDER[1:])}>"))).replace("<>", "").strip()
    add_headers(
        draft, {"Subject": message.text(_SUBJECT), "From": sender, "To": message.text(_TO), "Cc": message.text(_CC)}
    )
    body = message.text(_BODY)
    page = message.content(_HTML, "0102") or message.text(_HTML).encode()
    if body.strip():
        draft.paragraph(body)
    elif page:
        add_page(draft, page)
    files: list[Attachment] = []
    for attachment in message.attachments():
        name = attachment.text(*_NAMES)
        if attachment.has_message():
            _add_inner(draft, attachment.below(f"__substg1.0_{_DATA}000D"), name, depth, read)
        else:
            files.append(Attachment(name, attachment.data))
    add_attachments(draft, files, depth, read)
    return draft.finish()


def _add_inner(draft: TextDraft, message: _Message, name: str, depth: int, read: Reader) -> None:
    """A message within this one is a part like a file."""
    name = name or message.text(_SUBJECT) or "message"
    if depth >= draft.limits.max_depth:
        list_attachments(draft, [{"name": name, "outcome": "too_large"}])
        return
    try:
        with part_of_mail():
            document = _add_message(TextDraft(draft.limits), message, depth + 1, read)
    except DocumentRefusedError as refused:
        list_attachments(draft, [{"name": name, "outcome": refused.outcome}])
    else:
        draft.add(document, name)
        list_attachments(draft, document.metadata.get("attachments", ()))
