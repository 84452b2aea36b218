"""Sentences in English and Korean: a message names an entry of the catalogue, and the values it mentions."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal

import yaml

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")
CATALOGUE = Path(__file__).with_name("catalogue")


@dataclass(frozen=True)
class Message:
    """A sentence, title or word.

    Attributes:
        key: Entry of the catalogue; empty for a text that is the same in every language.
        values: What the entry's placeholders stand for.
    """

    key: str
    values: tuple[tuple[str, str | Message], ...] = ()

    def text(self, language: Language) -> str:
        """The message in a language.

        Raises:
            KeyError: The catalogue has no such entry, or the message lacks a value.
        """
        values = {
            name: value.text(language) if isinstance(value, Message) else value for name, value in self.values
        }
        return values["text"] if not self.key else catalogue()[self.key][language].format(**values)


def message(key: str, **values: str | Message) -> Message:
    """A message of the catalogue.

    Examples:
        >>> message("word.yes").text("ko")
        '예'
    """
    return Message(key, tuple(values.items()))


def titled(*keys: str) -> tuple[Message, ...]:
    """Messages of titles."""
    return tuple(message(key) for key in keys)


def verbatim(text: str) -> Message:
    """A name or a number, the same in every language."""
    return Message("", (("text", text),))


def in_both(english: str, korean: str) -> Message:
    """A text that the portfolio gives in both languages."""
    return Message("word.given", (("en", english), ("ko", korean)))


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[Language, str]]:
    """All entries: language and text by key.

    Raises:
        ValueError: Two files have the same key.
    """
    entries: dict[str, dict[Language, str]] = {}
    for path in sorted(CATALOGUE.glob("*.yaml")):
        read = yaml.safe_load(path.read_text("utf-8"))
        if both := sorted(entries.keys() & read.keys()):
            raise ValueError(f"{path}: {both[0]} is in another file too")
        entries |= read
    return entries
