"""Texts a model is given, in Chinese, English and Portuguese (stream-runtime.md 9.18).

They are Markdown files in this package and are read once, at first use. Changing one changes no contract.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

Language = Literal["zh", "en", "pt"]


def persona(language: Language) -> str:
    """The built-in persona: what an agent without `systemPrefix` gets, and the template of product.md 3.4."""
    return _text(f"persona.{language}.md")


def optimize_input(language: Language) -> str:
    """How a draft is rewritten (stream-runtime.md 10.4)."""
    return _text(f"optimize_input.{language}.md")


def prompt_language(tag: str | None) -> Language:
    """The language of a tag or description by its beginning (`pt-BR` → `pt`); Chinese when nothing is known."""
    wanted = (tag or "").strip().lower()
    if wanted.startswith("en"):
        return "en"
    return "pt" if wanted.startswith("pt") else "zh"


@lru_cache(maxsize=64)
def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8").strip()
