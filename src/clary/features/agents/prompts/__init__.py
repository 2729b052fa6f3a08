"""Texts with which a model drafts agents, in Chinese, English and Portuguese (product.md 3.6, stream-runtime.md 9.18).

They are Markdown files in this package and are read once, at first use. Changing one changes no contract, but for the
names of the keys they ask for, which `answers` reads.
"""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

from clary.runtime.prompts import Language

Purpose = Literal["draft", "optimize", "abilities", "again"]


def instructions(purpose: Purpose, language: Language) -> str:
    """What the model is told to do; `again` follows an answer that could not be read."""
    return _text(f"{purpose}.{language}.md")


@lru_cache(maxsize=16)
def _text(name: str) -> str:
    return files(__name__).joinpath(name).read_text(encoding="utf-8").strip()
