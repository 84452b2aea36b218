"""The texts of the console in English and Korean, and which of the two a browser gets."""

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Literal, cast
from urllib.parse import parse_qs

import yaml

Language = Literal["en", "ko"]
LANGUAGES: tuple[Language, ...] = ("en", "ko")
CATALOGUE = Path(__file__).with_name("texts.yaml")


@dataclass(frozen=True)
class Texts:
    """The texts in one language."""

    language: Language

    def __call__(self, key: str, **values: object) -> str:
        """A text with its values, not yet escaped for HTML.

        Raises:
            KeyError: There is no such text, or a value is missing.
        """
        return catalogue()[key][self.language].format(**values)


@lru_cache(maxsize=1)
def catalogue() -> dict[str, dict[Language, str]]:
    """All texts: language and text by key."""
    return cast(dict[str, dict[Language, str]], yaml.safe_load(CATALOGUE.read_text("utf-8")))


def language_of(query: bytes, accept_language: str | None) -> Language:
    """The language of a page: `lang` of the query, else the one of the two that the browser prefers, else English.

    Examples:
        >>> language_of(b"lang=ko", "en-US"), language_of(b"", "ko-KR,ko;q=0.9,en;q=0.8")
        ('ko', 'ko')
        >>> language_of(b"lang=fr", "fr, en;q=0.2, ko;q=0.5"), language_of(b"", None)
        ('ko', 'en')
    """
    asked = parse_qs(query.decode("latin-1")).get("lang", [""])[-1]
    for language in LANGUAGES:
        if asked == language:
            return language
    weights = dict.fromkeys(LANGUAGES, 0.0)
    for part in (accept_language or "").split(","):
        tag, _, weight = part.partition(";q=")
        for language in LANGUAGES:
            if tag.strip().lower().split("-")[0] == language:
                weights[language] = max(weights[language], _weight(weight))
    return "ko" if weights["ko"] > weights["en"] else "en"


def accepts_html(accept: str | None) -> bool:
    """Whether the client is a browser that loads a page; programs accept anything, or JSON."""
    return "text/html" in (accept or "")


def _weight(text: str) -> float:
    try:
        return float(text or 1)
    except ValueError:
        return 0.0
