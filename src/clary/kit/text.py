"""Bilingual texts and small string functions."""

from contextvars import ContextVar
from typing import Literal, NamedTuple

Locale = Literal["zh-CN", "en-US"]

current_locale: ContextVar[Locale] = ContextVar("current_locale", default="zh-CN")
"""Language of the request or command being served."""


class Text(NamedTuple):
    """One message in Chinese and in English; `{name}` fields are filled by `fill`."""

    zh: str
    en: str

    def fill(self, **values: object) -> "Text":
        """The same text with its `{name}` fields replaced."""
        return Text(_fill(self.zh, values), _fill(self.en, values))

    def render(self, locale: Locale | None = None) -> str:
        """The text in a language; the current one by default."""
        return self.en if (locale or current_locale.get()) == "en-US" else self.zh

    @property
    def both(self) -> str:
        """One line in both languages, for a terminal whose reader is not known."""
        return f"{self.en} / {self.zh}"


class TextError(ValueError):
    """What is wrong with a value, for whoever sent it: the English words are the exception's own."""

    def __init__(self, zh: str, en: str) -> None:
        super().__init__(en)
        self.text = Text(zh, en)


def same(text: str) -> Text:
    """A text that reads alike in both languages."""
    return Text(text, text)


def _fill(template: str, values: dict[str, object]) -> str:
    # Not str.format: values may hold braces, and a template field must never reach into an object.
    for name, value in values.items():
        template = template.replace("{" + name + "}", str(value))
    return template


def mask_secret(secret: str) -> str:
    """First 4 + `***` + last 4 characters; `***` alone below 12 (platform.md 8.1)."""
    if len(secret) < 12:
        return "***"
    return f"{secret[:4]}***{secret[-4:]}"


def cut(text: str, limit: int, mark: str = "...") -> str:
    """The text, or its first `limit` characters followed by a mark."""
    return text if len(text) <= limit else text[:limit] + mark


def has_control_characters(text: str) -> bool:
    """Whether the text holds C0, DEL or C1 control characters."""
    return any(ord(char) < 32 or 127 <= ord(char) < 160 for char in text)
