"""Mails: headers, body, attachments as parts."""

import email
import email.policy
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from functools import partial
from typing import Any, Final, NamedTuple, cast

from clary.adapters.parsers.confined.decoding import decoded
from clary.adapters.parsers.confined.drafting import TextDraft, one_line
from clary.adapters.parsers.confined.html_page import add_page
from clary.adapters.parsers.confined.limits import Limits
from clary.features.knowledge.ports import DocumentRefusedError, ParsedDocument

HEADERS: Final = ("Subject", "From", "To", "Cc", "Date")
Reader = Callable[[bytes, str, Limits, int], ParsedDocument]
_MAX_NAME: Final = 255
_MAX_HEADER: Final = 2000
_MAX_PARTS: Final = 2000


class Attachment(NamedTuple):
    """A file in a mail. `content` may fail like a reader."""

    name: str
    content: Callable[[], bytes]


def read_eml(content: bytes, limits: Limits, depth: int, read: Reader) -> ParsedDocument:
    """A mail as it goes over the wire."""
    message = email.message_from_bytes(content, policy=email.policy.default)
    if not message.keys():
        raise DocumentRefusedError("damaged")
    draft = TextDraft(limits)
    add_headers(draft, {name: _header(message, name) for name in HEADERS})
    attachments: list[Attachment] = []
    bodies: dict[str, list[EmailMessage]] = {"plain": [], "html": []}
    for part in _leaves(message):
        _sort(part, bodies, attachments)
    _add_bodies(draft, bodies)
    add_attachments(draft, attachments, depth, read)
    return draft.finish()


def add_headers(draft: TextDraft, headers: dict[str, str]) -> None:
    """The headers as a paragraph; the subject is the heading of the mail."""
    subject = headers.get("Subject", "")
    if subject:
        draft.heading(1, subject)
        draft.metadata["title"] = one_line(subject)[:500]
    lines = (f"{name}: {one_line(headers[name])}" for name in HEADERS if headers.get(name))
    draft.paragraph("\n".join(lines))


def add_attachments(draft: TextDraft, attachments: list[Attachment], depth: int, read: Reader) -> None:
    """Each as a part; those that give no text are listed with why."""
    listed: list[dict[str, str]] = []
    for number, (name, content) in enumerate(attachments, 1):
        name = one_line(name).rpartition("/")[2][:_MAX_NAME] or f"attachment-{number}"
        try:
            if number > draft.limits.max_attachments or depth >= draft.limits.max_depth:
                raise DocumentRefusedError("too_large")
            with part_of_mail():
                document = read(content(), name, draft.limits, depth + 1)
        except DocumentRefusedError as refused:
            listed.append({"name": name, "outcome": refused.outcome})
            continue
        draft.add(document, name)
        listed.extend(document.metadata.get("attachments", ()))
    list_attachments(draft, listed)


def list_attachments(draft: TextDraft, listed: Iterable[dict[str, str]]) -> None:
    """Says of more attachments why they give no text."""
    whole = [*draft.metadata.get("attachments", ()), *listed]
    if whole:
        draft.metadata["attachments"] = whole[: 2 * draft.limits.max_attachments]


@contextmanager
def part_of_mail() -> Generator[None]:
    """Around the reading of a part of a mail.

    Raises:
        DocumentRefusedError: `damaged` for faults of the reader.
    """
    try:
        yield
    except (DocumentRefusedError, MemoryError):
        raise
    except Exception as fault:
        # Whatever a reader did not foresee is the fault of this part alone: the mail around it is read on.
        raise DocumentRefusedError("damaged") from fault


def _leaves(message: EmailMessage) -> Iterator[EmailMessage]:
    """The parts that hold something, mails inside as one."""
    waiting = [message]
    for _ in range(_MAX_PARTS):
        if not waiting:
            return
        part = waiting.pop()
        if part.get_content_maintype() == "multipart" and part.is_multipart():
            waiting.extend(reversed(_children(part)))
        else:
            yield part


def _children(part: EmailMessage) -> list[EmailMessage]:
    """The parts of a part; a mail within a mail is the only part of its envelope."""
    payload: Any = part.get_payload()
    children = cast("list[Any]", payload) if isinstance(payload, list) else []
    return [child for child in children if isinstance(child, EmailMessage)]


def _sort(part: EmailMessage, bodies: dict[str, list[EmailMessage]], attachments: list[Attachment]) -> None:
    try:
        name, disposition = part.get_filename(), part.get_content_disposition()
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        name, disposition = None, "attachment"
    if part.get_content_type() == "message/rfc822":
        for mail in _children(part):
            attachments.append(Attachment(name or f"{_header(mail, 'Subject') or 'mail'}.eml", mail.as_bytes))
    elif part.get_content_maintype() == "text" and disposition != "attachment" and not name:
        bodies["html" if part.get_content_subtype() == "html" else "plain"].append(part)
    elif name or disposition == "attachment" or part.get_content_maintype() == "application":
        attachments.append(Attachment(name or f"attachment.{part.get_content_subtype()[:16]}", partial(_content, part)))


def _add_bodies(draft: TextDraft, bodies: dict[str, list[EmailMessage]]) -> None:
    """The plain text, if the mail has one; it says the same."""
    before = draft.length
    for part in bodies["plain"]:
        found = decoded(_content(part), part.get_content_charset())
        if found is not None:
            draft.paragraph(found.text)
    if draft.length == before:
        for part in bodies["html"]:
            add_page(draft, _content(part), part.get_content_charset())


def _content(part: EmailMessage) -> bytes:
    payload = part.get_payload(decode=True)
    return payload if isinstance(payload, bytes) else b""


def _header(message: EmailMessage, name: str) -> str:
    """A header; raw bytes in it, which are not allowed but common, are decoded as well as can be."""
    try:
        value = str(message.get(name) or "")
    except (ValueError, LookupError, AttributeError, IndexError, TypeError):
        value = next((str(v) for k, v in message.raw_items() if k.lower() == name.lower()), "")
    if any("\udc80" <= letter <= "\udcff" for letter in value) or "\ufffd" in value:
        raw = next((str(v) for k, v in message.raw_items() if k.lower() == name.lower()), value)
        found = decoded(raw.encode("utf-8", "surrogateescape"))
        value = found.text if found is not None else value
    return value[:_MAX_HEADER]
